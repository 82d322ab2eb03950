"""Each pair of SQL: it translates as written down, and both engines then give the same rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import duckdb
import pytest

from tests.parity.pairs import COLUMNS, SAMPLES, UPDATE, Pair, pairs, sample_types, updating, write
from tests.support.manifests import execute
from transforms.database import plain_dsn
from transforms.parity.compare import Comparison, compare
from transforms.parity.relation import Relation, read_duckdb, read_postgres
from transforms.transpile.gate import parse
from transforms.transpile.subset import FUNCTIONS, OPERATORS
from transforms.transpile.translate import to_duckdb

PAIRS = pairs()
_each_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.file}: {pair.title}")


@pytest.fixture(scope="module")
def samples_in_postgres(database_url: str) -> str:
    byte_order = 'text collate "C"'
    # Byte order, which docs/operations.md asks of a database, whatever the server's default.
    columns = ", ".join(f"{name} {type_.replace('text', byte_order)}" for name, type_ in COLUMNS.items())
    statements = (
        "create schema fixture",
        f"create table fixture.samples ({columns})",
        f"insert into fixture.samples values {SAMPLES}",
        "create schema public_staging",
    )
    asyncio.run(execute(database_url, *statements))
    return database_url


@pytest.fixture(scope="module")
def samples_in_duckdb() -> Iterator[duckdb.DuckDBPyConnection]:
    columns = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
    with duckdb.connect() as connection:
        connection.execute("create schema fixture")
        connection.execute(f"create table fixture.samples ({columns})")
        connection.execute(f"insert into fixture.samples values {SAMPLES}")
        connection.execute("create schema public_staging")
        yield connection


def test_pairs_are_written_down_as_they_translate() -> None:
    translated = {pair: to_duckdb(pair.node, sample_types()) for pair in PAIRS}
    if updating():
        write(translated)
        return
    for pair, sql in translated.items():
        assert sql == pair.duckdb, (
            f"{pair.file}: {pair.title} translates differently; if that is right, "
            f"run `{UPDATE}=1 pytest tests/parity` and review the diff"
        )


@_each_pair
async def test_both_engines_give_the_same_rows(
    pair: Pair, samples_in_postgres: str, samples_in_duckdb: duckdb.DuckDBPyConnection
) -> None:
    comparison = Comparison("native", "duckdb")
    compare(
        comparison,
        pair.node,
        ("id",),
        await _in_postgres(samples_in_postgres, pair),
        _in_duckdb(samples_in_duckdb, pair),
    )
    assert comparison.rows["pair"] > 0
    assert comparison.equal, comparison.text()


def test_every_function_and_operator_of_the_subset_is_in_a_pair() -> None:
    used = {type(part) for pair in PAIRS for part in parse(pair.node).walk()}
    assert {each.__name__ for each in (FUNCTIONS | OPERATORS) - used} == set()


async def _in_postgres(url: str, pair: Pair) -> Relation:
    connection = await asyncpg.connect(plain_dsn(url))
    try:
        await connection.execute(f"create view public_staging.pair as {pair.postgres}")
        try:
            return await read_postgres(connection, pair.node)
        finally:
            await connection.execute("drop view public_staging.pair")
    finally:
        await connection.close()


def _in_duckdb(connection: duckdb.DuckDBPyConnection, pair: Pair) -> Relation:
    sql = to_duckdb(pair.node, sample_types())
    connection.execute(f"create or replace view public_staging.pair as {sql}")
    return read_duckdb(connection, pair.node)
