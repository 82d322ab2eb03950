"""What is not known to mean the same in DuckDB is refused: which model, which line, which construct."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.pairs import sample_types
from tests.support.manifests import data_test, manifest, model, seed
from transforms.compiled.manifest import Manifest, TestConfig
from transforms.errors import CompassError
from transforms.transpile.errors import NotPortable
from transforms.transpile.portable import check_portable
from transforms.transpile.translate import to_duckdb

REFUSED = {
    "a function nobody knows": ("my_function(s.t)", "function my_function"),
    "a function without a pair": ("md5(s.t)", "function md5"),
    "an aggregate without a pair": ("string_agg(s.t, ',')", "no tested mapping"),
    "the clock": ("now()", "no tested mapping"),
    "a JSON operator": ("s.t -> 'k'", "no tested mapping"),
    "a JSON operator that gives text": ("s.t ->> 'k'", "no tested mapping"),
    "a containment": ("s.t @> s.u", "no tested mapping"),
    "an arrow in a function, taken for a lambda": ("coalesce(t -> 'k', 'none')", "no tested mapping"),
    "JSON functions": ("jsonb_array_length(s.t)", "no tested mapping"),
    "a regular expression": ("s.t ~ '^a'", "no tested mapping"),
    "a pattern without case": ("s.t ilike 'a%'", "no tested mapping"),
    "an array": ("array[s.i, s.j]", "no tested mapping"),
    "a collation": ('s.t collate "de_DE"', "no tested mapping"),
    "numeric without a scale": ("cast(s.d as numeric)", "write numeric(p, s)"),
    "numeric without a scale, short": ("s.d::numeric", "write numeric(p, s)"),
    "numeric with a precision alone": ("cast(s.d as numeric(10))", "write numeric(p, s)"),
    "a type without a pair": ("cast(s.t as jsonb)", "this type has no tested mapping"),
    "single precision": ("cast(s.d as real)", "this type has no tested mapping"),
    "text of some length": ("cast(s.t as varchar(3))", "write text"),
    "a double as text": ("cast(s.d as text)", "type double as different text"),
    "a boolean as text": ("cast(s.b as text)", "type boolean as different text"),
    "a condition as text": ("cast(s.i > 1 as text)", "type boolean as different text"),
    "a moment as text": ("cast(s.moment as text)", "type timestamp as different text"),
    "a double in a key": ("s.t || s.d", "concatenate text with text alone"),
    "an integer in a key": ("s.t || s.i", "concatenate text with text alone"),
    "a rounded double": ("round(s.d)", "round halves of a double differently"),
    "a rounded integer": ("round(s.i, 1)", "round halves of a double differently"),
    "division by what may be zero": ("s.i / s.j", "divide by nullif(x, 0)"),
    "division by a constant zero": ("s.i / 0", "divide by nullif(x, 0)"),
    "division by null when it is one": ("s.i / nullif(s.j, 1)", "divide by nullif(x, 0)"),
    "division of a numeric": ("s.n / 2", "cast both sides"),
    "a sum of integers": ("sum(s.i)", "cast the result at once"),
    "a mean of numerics": ("avg(s.n)", "cast the result at once"),
    "a sum of integers, added to": ("cast(sum(s.i) + 1 as bigint)", "cast the result at once"),
    "a name in capitals": ('s."T"', "write names in lower case"),
}


@pytest.mark.parametrize(("expression", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused_with_its_place(expression: str, reason: str) -> None:
    node = model("risky", f"select\n    s.id,\n    {expression} as x\nfrom fixture.samples as s")
    with pytest.raises(NotPortable) as caught:
        to_duckdb(node, sample_types())
    assert caught.value.node is node
    assert caught.value.line == 3
    assert caught.value.construct
    message = caught.value.message
    assert "model risky (dbt/models/risky.sql), line 3 of its compiled SQL is not portable" in message
    assert f"`{caught.value.construct}`" in message
    assert reason in message


STATEMENTS = {
    "distinct on": ("select distinct on (s.t) s.id from fixture.samples as s", "row_number()"),
    "using": ("select s.id from fixture.samples as s join fixture.samples as o using (id)", "say with `on`"),
    "natural": ("select s.id from fixture.samples as s natural join fixture.samples as o", "say with `on`"),
    "limit": ("select s.id from fixture.samples as s limit 1", "no tested mapping"),
    "lateral": (
        "select s.id from fixture.samples as s, lateral (select s.i) as o",
        "no tested mapping",
    ),
    "rollup": ("select s.i from fixture.samples as s group by rollup (s.i)", "no tested mapping"),
    "frames": (
        "select sum(s.d) over (order by s.id rows 2 preceding) as x from fixture.samples as s",
        "no tested mapping",
    ),
    "values": ("select v.x from (values (1)) as v(x)", "no tested mapping"),
    "a table that is written": ("delete from fixture.samples", "no tested mapping"),
    "two statements": ("select 1 as x; select 2 as x", "it holds 2 statements"),
    "none": ("-- nothing", "it holds"),
    "nonsense": ("select from where (", "sqlglot cannot read it"),
}


@pytest.mark.parametrize(("sql", "reason"), STATEMENTS.values(), ids=STATEMENTS.keys())
def test_statements_outside_the_subset_are_refused(sql: str, reason: str) -> None:
    with pytest.raises(NotPortable) as caught:
        to_duckdb(model("risky", sql), sample_types())
    assert reason in caught.value.message
    assert caught.value.exit_code == 1
    assert isinstance(caught.value, CompassError)


def test_without_types_only_what_does_not_depend_on_them_passes() -> None:
    assert to_duckdb(model("plain", "select s.id from fixture.samples as s")).startswith("SELECT")
    with pytest.raises(NotPortable, match="type unknown"):
        to_duckdb(model("typed", "select cast(s.id as text) as id from fixture.samples as s"))


def test_a_column_that_a_known_relation_has_not_is_refused() -> None:
    with pytest.raises(NotPortable, match="Unknown column: unheard_of"):
        to_duckdb(
            model("m", "select cast(s.unheard_of as text) as x from fixture.samples as s"), sample_types()
        )


def test_types_are_known_through_stars_and_nested_queries() -> None:
    types = sample_types()
    inner = "with c as (select s.*, s.d > 1 as high from fixture.samples as s) select c.* from c"
    to_duckdb(model("inner_model", inner), types)
    outer = "select cast({} as text) as x from public_staging.inner_model as m"
    assert "AS TEXT" in to_duckdb(model("outer", outer.format("m.i")), types)
    for column in ("high", "d"):
        with pytest.raises(NotPortable, match="different text"):
            to_duckdb(model("outer", outer.format(f"m.{column}")), types)


def _project(tmp_path: Path, *, test_sql: str = "select a.x from public_staging.a as a") -> Manifest:
    nodes = [
        seed("s", [("x", "integer"), ("name", "text")]),
        model("a", "select s.x, s.name from public_seeds.s as s", reads=["seed.tiny.s"]),
        model("b", "select cast(a.x as text) || a.name as k from public_staging.a as a", reads=["a"]),
        data_test("t", test_sql, reads=["a"], config=TestConfig(limit=10)),
    ]
    return manifest((node for node in nodes if node.name != "s" or node.seed), tmp_path)


def test_a_whole_project_is_translated_in_order(tmp_path: Path) -> None:
    translated = check_portable(_project(tmp_path))
    assert set(translated) == {"model.tiny.a", "model.tiny.b", "test.tiny.t"}


def test_what_passes_the_gate_and_does_not_bind_is_refused(tmp_path: Path) -> None:
    broken = _project(tmp_path, test_sql="select a.missing from public_staging.a as a")
    with pytest.raises(NotPortable, match=r"test t .*DuckDB does not accept it: .*missing") as caught:
        check_portable(broken)
    assert caught.value.node.unique_id == "test.tiny.t"
