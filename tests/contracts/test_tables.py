"""One declaration a raw table: schemas, DDL and dbt sources all follow from it."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import duckdb
import polars as pl
import pytest

from contracts.columns import ColumnType, Table, integer, json_text, key, number, text
from contracts.dbt_sources import SOURCES_FILE, render_sources
from contracts.ddl import LOADED_AT, POSTGRES_TYPES, duckdb_ddl, postgres_ddl
from contracts.schemas import polars_schema, validate
from contracts.tables import RAW_TABLES
from transforms.database import plain_dsn
from transforms.run import open_run
from transforms.sample import sample_run
from transforms.stage import stage_run

TINY = Table(
    "tiny",
    "A table to break",
    key=("name",),
    columns=(
        key("name", "key"),
        key("source_file", "origin"),
        integer("line_number", "origin"),
        text("colour", "vocabulary", allowed=("red", "green")),
        number("share", "range", minimum=0, maximum=1),
        json_text("extra", "json"),
    ),
)


def _frame(**changes: object) -> pl.DataFrame:
    good = {
        "name": ["a", "b", "c"],
        "source_file": ["x.jsonl"] * 3,
        "line_number": [2, 3, 4],
        "colour": ["red", "green", None],
        "share": [0.0, 1.0, None],
        "extra": ["{}", "[1]", None],
    }
    return pl.DataFrame(good | changes, schema=polars_schema(TINY))


def test_a_good_frame_has_no_findings() -> None:
    """Nulls in nullable columns and values on the bounds are fine."""
    assert validate(TINY, _frame()) == []


@pytest.mark.parametrize(
    ("changes", "code", "line"),
    [
        ({"name": ["a", None, "c"]}, "QC302", 3),
        ({"colour": ["red", "green", "blue"]}, "QC303", 4),
        ({"share": [0.0, 1.5, None]}, "QC304", 3),
        ({"name": ["a", "b", "a"]}, "QC305", 4),
        ({"share": [float("nan"), 1.0, None]}, "QC306", 2),
        ({"colour": ["red", "gre\x00en", None]}, "QC205", 3),
        ({"extra": ["{}", '["\\u0000"]', None]}, "QC205", 3),
    ],
)
def test_a_bad_frame_is_found_with_file_and_line(changes: dict[str, object], code: str, line: int) -> None:
    """Each kind of mistake gives its own code at the row's origin."""
    findings = validate(TINY, _frame(**changes))
    assert code in {finding.code for finding in findings}
    found = next(finding for finding in findings if finding.code == code)
    assert (found.file, found.line) == ("x.jsonl", line)


def test_repeated_mistakes_are_folded() -> None:
    """One finding a rule and column, with a count."""
    findings = validate(TINY, _frame(share=[2.0, 3.0, 4.0]))
    assert [(finding.code, finding.count, finding.line) for finding in findings] == [("QC304", 3, 2)]


def test_the_sample_run_fits_its_schemas() -> None:
    """Every raw table of the sample run, none of them empty."""
    data = stage_run(open_run(sample_run()))
    for table in RAW_TABLES:
        frame = data.frames[table.name]
        assert not frame.is_empty(), table.name
        assert tuple(frame.columns) == table.column_names
        assert validate(table, frame) == []


async def test_postgres_has_the_declared_columns(migrated_url: str) -> None:
    """`compass db upgrade` makes the tables as declared, with the load time beside."""
    connection = await asyncpg.connect(plain_dsn(migrated_url))
    try:
        for table in RAW_TABLES:
            rows = await connection.fetch(
                "select column_name, data_type, is_nullable from information_schema.columns "
                "where table_schema = 'public' and table_name = $1 order by ordinal_position",
                table.name,
            )
            declared = [
                (column.name, POSTGRES_TYPES[column.type], "YES" if column.nullable else "NO")
                for column in table.columns
            ]
            assert [tuple(row) for row in rows] == [
                *declared,
                (LOADED_AT, "timestamp with time zone", "NO"),
            ]
    finally:
        await connection.close()


def test_duckdb_takes_every_declaration() -> None:
    """The same tables in DuckDB."""
    with duckdb.connect() as connection:
        for table in RAW_TABLES:
            connection.execute(duckdb_ddl(table))
            columns = connection.execute(f'describe "{table.name}"').fetchall()
            assert tuple(column[0] for column in columns) == (*table.column_names, LOADED_AT)


def test_every_table_is_indexed_by_run() -> None:
    """Replacing a run reads that run's rows only."""
    for table in RAW_TABLES:
        assert "run_key" in postgres_ddl(table)[1]
        assert "run_key" in table.key


def test_dbt_sources_are_current() -> None:
    """`python -m contracts.dbt_sources` writes what is checked in."""
    assert Path(SOURCES_FILE).read_text(encoding="utf-8") == render_sources()


def test_a_declaration_that_contradicts_itself_is_refused() -> None:
    """A key of unknown columns, or a column declared twice."""
    with pytest.raises(ValueError, match="unknown columns"):
        Table("t", "", key=("missing",), columns=(key("a", ""),))
    with pytest.raises(ValueError, match="declared twice"):
        Table("t", "", key=("a",), columns=(key("a", ""), key("a", "")))
    assert ColumnType.JSON in POSTGRES_TYPES
