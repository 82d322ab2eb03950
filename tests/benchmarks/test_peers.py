"""What peers are measured at is the same work: their tables hold what ours do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from contracts.columns import ColumnType
from contracts.tables import RAW_TABLES
from tests.benchmarks.peers.duckdb_tables import TABLES, tables
from transforms.run import open_run
from transforms.stage import stage_run
from transforms.synth import generate_run

RUN_COLUMNS = {"run_key", "run_id"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every family."""
    return generate_run(tmp_path_factory.mktemp("runs"), facilities=12, metrics=2)


def _rows(frame: pl.DataFrame, json_columns: set[str]) -> list[str]:
    def shown(name: str, value: Any) -> Any:
        if value is None or name not in json_columns:
            return value
        return json.dumps(json.loads(value), sort_keys=True)

    rows = [{name: shown(name, row[name]) for name in sorted(row)} for row in frame.to_dicts()]
    return sorted(map(repr, rows))


@pytest.mark.parametrize(("theirs", "ours"), TABLES.items())
def test_duckdb_makes_the_same_tables(made: Path, theirs: str, ours: str) -> None:
    """Every column that is not the run's own has the same values in the same rows."""
    declared = next(table for table in RAW_TABLES if table.name == ours)
    staged = stage_run(open_run(made)).frames[ours].drop(RUN_COLUMNS)
    with duckdb.connect() as database:
        tables(database, made)
        found = database.table(theirs).pl()
    assert set(found.columns) == set(staged.columns)
    assert found.height == staged.height > 0
    as_json = {column.name for column in declared.columns if column.type is ColumnType.JSON}
    assert _rows(found, as_json) == _rows(staged, as_json)
