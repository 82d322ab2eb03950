"""The native engine on a real PostgreSQL: what it builds, and that building again changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.manifests import (
    connected,
    data_test,
    execute,
    manifest,
    model,
    rows,
    seed,
)
from transforms.compiled.errors import ManifestOutOfDate
from transforms.compiled.manifest import Index, Manifest, Node, TestConfig
from transforms.engines.base import BuildResult, Progress, Status
from transforms.engines.errors import BuildFailed
from transforms.engines.postgres import PostgresEngine
from transforms.errors import DatabaseUnavailable

SCOPE = model("stg_build_scope", "select b.run_key from public.building as b")
TOTALS = model(
    "fct_totals",
    "select r.run_key, r.metric, cast(sum(r.value) as double precision) as total\n"
    'from "public"."raw" as r\n'
    'where r.run_key in (select s.run_key from "public_staging"."stg_build_scope" as s)\n'
    "group by r.run_key, r.metric",
    reads=["stg_build_scope"],
    materialized="incremental_by_run",
    schema="public_marts",
    indexes=[Index(columns=("run_key", "metric"), unique=True)],
)


@pytest.fixture
async def database(fresh_database_url: str) -> str:
    """A database with raw rows of two runs, the first of which is building."""
    await execute(
        fresh_database_url,
        "create table raw (run_key text, metric text, value double precision)",
        "insert into raw values ('r1', 'a', 1), ('r1', 'a', 2), ('r1', 'b', 5), ('r2', 'a', 7)",
        "create table building (run_key text)",
        "insert into building values ('r1')",
    )
    return fresh_database_url


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project's folder with one seed."""
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "catalog.csv").write_text(
        'id,label,weight\n001,"He said ""no"", é",1.5\n002, null ,\n003,\\.,-2\n', encoding="utf-8"
    )
    return tmp_path


CATALOG = seed("catalog", [("id", "text"), ("label", "text"), ("weight", "double precision")])


async def build(url: str, project: Path, *nodes: Node, full_refresh: bool = False) -> BuildResult:
    """Build all ``nodes``."""
    engine = PostgresEngine(url, project=project)
    return await engine.build(manifest(nodes, project), full_refresh=full_refresh)


def outcomes(result: BuildResult) -> dict[str, tuple[Status, str | None]]:
    return {each.node.name: (each.status, each.message) for each in result.results}


async def test_a_seed_has_the_values_dbt_gives_it(database: str, project: Path) -> None:
    result = await build(database, project, CATALOG)
    assert outcomes(result) == {"catalog": (Status.SUCCESS, "INSERT 3")}
    assert await rows(database, "select * from public_seeds.catalog order by id") == [
        ("001", 'He said "no", é', 1.5),
        ("002", None, None),
        ("003", "\\.", -2.0),
    ]


async def test_a_seed_is_loaded_again_only_when_file_or_table_changed(database: str, project: Path) -> None:
    await build(database, project, CATALOG)
    assert outcomes(await build(database, project, CATALOG))["catalog"][1] == "UNCHANGED"

    # As dbt does: the same table, emptied and filled, and the comment left alone.
    await execute(database, "truncate public_seeds.catalog")
    assert outcomes(await build(database, project, CATALOG))["catalog"][1] == "INSERT 3"

    (project / "seeds" / "catalog.csv").write_text("id,label,weight\n9,new,1\n")
    assert outcomes(await build(database, project, CATALOG))["catalog"][1] == "INSERT 1"
    assert await rows(database, "select id from public_seeds.catalog") == [("9",)]


async def test_a_seed_with_other_columns_replaces_its_table(database: str, project: Path) -> None:
    reader = model("labels", "select c.label from public_seeds.catalog as c", reads=["seed.tiny.catalog"])
    await build(database, project, CATALOG, reader)
    (project / "seeds" / "catalog.csv").write_text("id,label\n1,one\n")
    result = await build(database, project, seed("catalog", [("id", "integer"), ("label", "text")]), reader)
    assert outcomes(result) == {
        "catalog": (Status.SUCCESS, "INSERT 1"),
        "labels": (Status.SUCCESS, "CREATE VIEW"),
    }
    assert await rows(database, "select * from public_seeds.catalog") == [(1, "one")]
    assert await rows(database, "select * from public_staging.labels") == [("one",)]


async def test_a_view_is_made_once_and_again_when_it_is_no_longer_ours(database: str, project: Path) -> None:
    view = model("stg", "select r.metric from public.raw as r")
    assert outcomes(await build(database, project, view))["stg"][1] == "CREATE VIEW"
    assert outcomes(await build(database, project, view))["stg"][1] == "UNCHANGED"

    # Somebody replaces what it selects and leaves the comment alone.
    await execute(database, "create or replace view public_staging.stg as select 'x'::text as metric")
    assert outcomes(await build(database, project, view))["stg"][1] == "CREATE VIEW"
    assert ("x",) not in await rows(database, "select * from public_staging.stg")


async def test_a_view_with_other_columns_takes_its_readers_along(database: str, project: Path) -> None:
    reader = model("reader", 'select s.* from "public_staging"."stg" as s', reads=["stg"])
    await build(database, project, model("stg", "select r.metric from public.raw as r"), reader)
    changed = model("stg", "select r.value, r.metric from public.raw as r where r.run_key = 'r2'")
    result = await build(database, project, changed, reader)
    assert outcomes(result) == {
        "stg": (Status.SUCCESS, "CREATE VIEW"),
        "reader": (Status.SUCCESS, "CREATE VIEW"),
    }
    assert await rows(database, "select * from public_staging.reader") == [(7.0, "a")]


async def test_a_table_is_replaced_whole_with_its_indexes(database: str, project: Path) -> None:
    table = model(
        "metrics",
        "select distinct r.metric from public.raw as r",
        materialized="table",
        indexes=[Index(columns=("metric",), unique=True)],
    )
    reader = model("reader", "select m.metric from public_staging.metrics as m", reads=["metrics"])
    await build(database, project, table, reader)
    await execute(database, "delete from raw where metric = 'b'")
    result = await build(database, project, table, reader)
    assert outcomes(result)["metrics"] == (Status.SUCCESS, "SELECT 1")
    assert await rows(database, "select * from public_staging.reader") == [("a",)]
    assert await rows(
        database, "select indexdef like '%UNIQUE%' from pg_indexes where tablename = 'metrics'"
    ) == [(True,)]


async def test_an_object_of_another_kind_is_replaced(database: str, project: Path) -> None:
    await execute(
        database,
        "create schema public_staging",
        "create table public_staging.stg (x int)",
        "create view public_staging.tab as select 1 as x",
    )
    result = await build(
        database,
        project,
        model("stg", "select 1 as x"),
        model("tab", "select 2 as x", materialized="table"),
    )
    assert result.succeeded
    assert await rows(
        database, "select relname, relkind::text from pg_class where relname in ('stg', 'tab') order by 1"
    ) == [("stg", "v"), ("tab", "r")]


async def test_an_incremental_model_replaces_the_runs_in_scope_only(database: str, project: Path) -> None:
    total = "select run_key, metric, total from public_marts.fct_totals order by 1, 2"
    assert outcomes(await build(database, project, SCOPE, TOTALS))["fct_totals"][1] == "INSERT 0 2"
    assert await rows(database, total) == [("r1", "a", 3.0), ("r1", "b", 5.0)]

    await execute(database, "delete from building", "insert into building values ('r2')")
    await build(database, project, SCOPE, TOTALS)
    assert await rows(database, total) == [("r1", "a", 3.0), ("r1", "b", 5.0), ("r2", "a", 7.0)]

    # A run in scope is replaced wholly, also by fewer rows; the other keeps what it has.
    await execute(
        database,
        "update raw set value = 100",
        "delete from raw where metric = 'b'",
        "delete from building",
        "insert into building values ('r1')",
    )
    await build(database, project, SCOPE, TOTALS)
    assert await rows(database, total) == [("r1", "a", 200.0), ("r2", "a", 7.0)]


async def test_an_incremental_table_made_without_indexes_gets_them_once(database: str, project: Path) -> None:
    await execute(
        database,
        "create schema public_marts",
        "create table public_marts.fct_totals (run_key text, metric text, total double precision)",
    )
    for _ in range(2):
        assert (await build(database, project, SCOPE, TOTALS)).succeeded
    assert await rows(database, "select count(*) from pg_indexes where tablename = 'fct_totals'") == [(1,)]


async def test_changed_columns_of_an_incremental_model_are_refused(database: str, project: Path) -> None:
    await build(database, project, SCOPE, TOTALS)
    sql = TOTALS.compiled_sql.replace("as total", "as sum_of_values, 1 as extra")
    wider = model(
        "fct_totals", sql, reads=["stg_build_scope"], materialized="incremental_by_run", schema="public_marts"
    )
    failed = await build(database, project, SCOPE, wider)
    status, message = outcomes(failed)["fct_totals"]
    assert status is Status.ERROR
    assert message is not None
    assert "lacks sum_of_values, extra, the model lacks total" in message
    assert "--full-refresh" in message
    assert await rows(database, "select count(*) from public_marts.fct_totals") == [(2,)]

    assert (await build(database, project, SCOPE, wider, full_refresh=True)).succeeded
    assert await rows(database, "select distinct extra from public_marts.fct_totals") == [(1,)]


@pytest.mark.parametrize(
    ("sql", "config", "status", "failures", "message"),
    [
        ("select 1 where false", TestConfig(), Status.PASS, 0, None),
        ("select 1", TestConfig(), Status.FAIL, 1, "Got 1 result, configured to fail if != 0"),
        (
            "select generate_series(1, 3)",
            TestConfig(severity="warn"),
            Status.WARN,
            3,
            "Got 3 results, configured to warn if != 0",
        ),
        (
            "select generate_series(1, 3)",
            TestConfig(error_if="> 3", warn_if="> 2"),
            Status.WARN,
            3,
            "Got 3 results, configured to warn if > 2",
        ),
        (
            "select generate_series(1, 9)",
            TestConfig(limit=4, error_if=">= 5", warn_if="> 4"),
            Status.PASS,
            0,
            None,
        ),
        (
            "select 7 as n -- a comment at the end",
            TestConfig(fail_calc="sum(n)"),
            Status.FAIL,
            7,
            "Got 7 results, configured to fail if != 0",
        ),
    ],
)
async def test_data_tests_are_judged_as_dbt_judges(
    database: str,
    project: Path,
    sql: str,
    config: TestConfig,
    status: Status,
    failures: int,
    message: str | None,
) -> None:
    (result,) = (await build(database, project, data_test("t", sql, reads=[], config=config))).results
    assert (result.status, result.failures, result.message) == (status, failures, message)


async def test_what_stands_on_a_failure_is_skipped_and_the_rest_is_built(
    database: str, project: Path
) -> None:
    result = await build(
        database,
        project,
        model("good", "select 1 as x"),
        model("bad", "select r.metric,\n       r.nothing\nfrom public.raw as r"),
        model("below", "select b.metric from public_staging.bad as b", reads=["bad"]),
        model("beside", "select g.x from public_staging.good as g", reads=["good"]),
        model("tested", "select g.x from public_staging.good as g", reads=["good"]),
        data_test("no_rows", "select t.x from public_staging.tested as t", reads=["tested"]),
        model("below_test", "select t.x from public_staging.tested as t", reads=["tested"]),
    )
    statuses = {name: status for name, (status, _) in outcomes(result).items()}
    assert statuses == {
        "good": Status.SUCCESS,
        "bad": Status.ERROR,
        "below": Status.SKIPPED,
        "beside": Status.SUCCESS,
        "tested": Status.SUCCESS,
        "no_rows": Status.FAIL,
        "below_test": Status.SKIPPED,
    }
    assert outcomes(result)["below_test"][1] == "skipped because test no_rows failed"
    with pytest.raises(BuildFailed) as caught:
        result.raise_for_problems()
    assert caught.value.message.splitlines() == [
        "2 of the models and tests failed, 2 skipped",
        *sorted(
            [
                "model bad (dbt/models/bad.sql): column r.nothing does not exist (SQLSTATE 42703)",
                "  line 2 of the compiled SQL: r.nothing",
                "test no_rows (dbt/tests/no_rows.sql): Got 1 result, configured to fail if != 0",
            ],
            key=caught.value.message.find,
        ),
    ]


async def test_a_unique_index_that_fails_leaves_no_table(database: str, project: Path) -> None:
    doubled = model(
        "doubled",
        "select r.metric from public.raw as r",
        materialized="table",
        indexes=[Index(columns=("metric",), unique=True)],
    )
    result = await build(database, project, doubled)
    status, message = outcomes(result)["doubled"]
    assert status is Status.ERROR
    assert message is not None
    assert "Key (metric)=(a) is duplicated" in message
    assert await rows(database, "select relname from pg_class where relname like 'doubled%'") == []


async def test_hooks_run_in_the_transaction_of_their_model(database: str, project: Path) -> None:
    await execute(database, "create table log (line text)")
    hook = "insert into public.log values ('built')"
    fine = model("fine", "select 1 as x", materialized="table", post_hooks=[hook])
    broken = model("broken", "select 1 as x", materialized="table", post_hooks=[hook, "select 1/0"])
    result = await build(database, project, fine, broken)
    assert {each.node.name for each in result.problems} == {"broken"}
    assert await rows(database, "select line from log") == [("built",)]


async def test_only_what_is_selected_is_built(database: str, project: Path) -> None:
    built = manifest([SCOPE, TOTALS, model("other", "select 1 as x")], project)
    result = await PostgresEngine(database, project=project).build(built, select=["+fct_totals"])
    assert set(outcomes(result)) == {"stg_build_scope", "fct_totals"}


async def test_progress_tells_every_start_and_end(database: str, project: Path) -> None:
    seen: list[Progress] = []
    built: Manifest = manifest([SCOPE, TOTALS], project)
    await PostgresEngine(database, project=project).build(built, on_progress=seen.append)
    assert [(each.kind, each.node and each.node.name, each.done, each.total) for each in seen] == [
        ("started", "stg_build_scope", 0, 2),
        ("finished", "stg_build_scope", 1, 2),
        ("started", "fct_totals", 1, 2),
        ("finished", "fct_totals", 2, 2),
    ]


async def test_a_manifest_of_other_sources_is_refused_before_anything_is_built(
    database: str, project: Path
) -> None:
    stale = manifest([CATALOG], project)
    (project / "seeds" / "catalog.csv").write_text("id,label,weight\n")
    with pytest.raises(ManifestOutOfDate, match=r"seeds/catalog\.csv changed"):
        await PostgresEngine(database, project=project).build(stale)
    async with connected(database) as connection:
        assert not await connection.fetchval("select 1 from pg_namespace where nspname = 'public_seeds'")


async def test_a_server_that_is_not_there_is_one_clear_error(project: Path) -> None:
    engine = PostgresEngine("postgresql+asyncpg://nobody@127.0.0.1:1/none", project=project)
    with pytest.raises(DatabaseUnavailable) as caught:
        await engine.build(manifest([], project))
    assert caught.value.exit_code == 4
