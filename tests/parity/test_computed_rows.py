"""Ingest with rows that DuckDB computes: the tables end as PostgreSQL alone fills them."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from tests.parity.runs import nasty_runs
from transforms.compiled.build import load_verified
from transforms.compiled.manifest import PROJECT, Manifest
from transforms.database import plain_dsn
from transforms.engines import computed
from transforms.engines.errors import BuildFailed
from transforms.lifecycle.ingest import IngestEngine, ingest
from transforms.parity.check import Relations, compare_all
from transforms.parity.relation import read_postgres, relations
from transforms.progress import NoProgress
from transforms.run import open_run
from transforms.sample import sample_run
from transforms.schema import prepare

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return load_verified(PROJECT)


async def _ingested(
    database_url: str, runs: list[Path], engine: IngestEngine, manifest: Manifest
) -> tuple[Relations, list[str]]:
    """What the database holds after an ingest of each run, and what the ingests noted."""
    await prepare(database_url)
    notes: list[str] = []
    for run in runs:
        # What makes these runs nasty breaks rules; engines must agree all the same.
        result = await ingest(
            database_url, open_run(run), progress=NoProgress(), engine=engine, force=True, skip_preflight=True
        )
        notes += result.notes
    connection = await asyncpg.connect(plain_dsn(database_url))
    try:
        return {node.name: await read_postgres(connection, node) for node in relations(manifest)}, notes
    finally:
        await connection.close()


async def test_tables_are_as_postgresql_fills_them(
    database_url: str, tmp_path: Path, manifest: Manifest
) -> None:
    runs = nasty_runs(tmp_path)
    # Into tables made for them, then into tables with rows of their own and of another run.
    made, notes = await _ingested(database_url, runs, "duckdb", manifest)
    native, _ = await _ingested(database_url, runs, "native", manifest)
    again, _ = await _ingested(database_url, runs, "duckdb", manifest)
    assert notes == []
    assert len({row["run_id"] for row in native["fct_signals"].rows}) == 2
    for left, right in ((native, made), (native, again)):
        compared = compare_all(manifest, ("native", "duckdb"), left, right)
        assert compared.equal, compared.text()


async def test_what_duckdb_cannot_compute_postgresql_does(
    database_url: str, monkeypatch: pytest.MonkeyPatch, manifest: Manifest
) -> None:
    def fail(data: object) -> None:
        raise BuildFailed("duckdb", [], 0)

    monkeypatch.setattr(computed, "compute_rows", fail)
    built, notes = await _ingested(database_url, [sample_run()], "duckdb", manifest)
    assert len(notes) == 1
    assert notes[0].startswith("DuckDB could not compute the marts")
    keys = {row["run_key"] for row in built["fct_signals"].rows}
    assert f"{open_run(sample_run()).run_key}" in keys
