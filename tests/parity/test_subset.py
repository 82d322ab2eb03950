"""Models keep to the SQL subset of docs/architecture.md, as far as it can be read off their SQL."""

from __future__ import annotations

import pytest
from sqlglot import exp

from transforms.compiled.build import load_verified
from transforms.compiled.manifest import PROJECT, Node
from transforms.transpile.gate import parse

MANIFEST = load_verified(PROJECT)
MODELS = sorted((n for n in MANIFEST.nodes.values() if n.resource_type == "model"), key=lambda n: n.name)
WRITTEN = [
    *MODELS,
    # Data tests of our own; those that dbt writes are its business.
    *(n for n in MANIFEST.nodes.values() if n.test is not None and n.test.kind is None),
]
MARTS = [node for node in MODELS if node.schema == "public_marts"]


def _name(node: Node) -> str:
    return node.name


def test_there_is_something_to_hold_to_it() -> None:
    assert len(MODELS) >= 20
    assert {"fct_signals", "fct_contributions", "dim_metrics"} <= {node.name for node in MARTS}


@pytest.mark.parametrize("node", WRITTEN, ids=_name)
def test_columns_are_qualified(node: Node) -> None:
    bare = [column.name for column in parse(node).find_all(exp.Column) if not column.table]
    assert bare == []


@pytest.mark.parametrize("node", WRITTEN, ids=_name)
def test_relations_have_their_schema_and_an_alias(node: Node) -> None:
    statement = parse(node)
    common = {cte.alias for cte in statement.find_all(exp.CTE)}
    for table in statement.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and table.name not in common:
            assert table.db, table.sql()
            assert table.alias, table.sql()


@pytest.mark.parametrize("node", MARTS, ids=_name)
def test_every_column_of_a_mart_is_cast_to_its_documented_type(node: Node) -> None:
    statement = parse(node)
    assert isinstance(statement, exp.Query)
    documented = {column.name: column.data_type for column in node.columns}
    for column in statement.selects:
        assert isinstance(column, exp.Alias), column.sql()
        assert isinstance(column.this, exp.Cast), f"{column.alias} is not cast"
        wanted = documented.get(column.alias)
        if wanted is not None:
            assert column.this.to == exp.DataType.build(wanted, dialect="postgres"), column.alias


@pytest.mark.parametrize("node", MODELS, ids=_name)
def test_a_model_reads_no_clock_and_draws_no_lots(node: Node) -> None:
    unstable = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Rand, exp.Limit, exp.Uuid)
    assert parse(node).find(*unstable) is None
