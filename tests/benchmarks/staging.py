"""Ways to read a run's files, to be run as a process: prints the seconds without the start of Python."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl

from tests.benchmarks.peers.duckdb_tables import make_tables
from transforms.run import open_run
from transforms.stage import stage_run


def jsonl_files(run: Path) -> list[Path]:
    """The files that make a run large."""
    return sorted(run.rglob("*.jsonl"))


def _stage(run: Path) -> None:
    stage_run(open_run(run))


def _stage_alone(run: Path) -> None:
    stage_run(open_run(run), helpers=0)


def _polars(run: Path) -> None:
    for path in jsonl_files(run):
        content = path.read_bytes()
        # Headers of nodes have other columns than their entities.
        body = content.partition(b"\n")[2] if path.parent.name == "nodes" else content
        pl.read_ndjson(body)


def _duckdb(run: Path) -> None:
    with duckdb.connect() as database:
        for path in jsonl_files(run):
            database.execute(
                f"create or replace table lines as select * from read_json('{path}',"
                " format = 'newline_delimited', maximum_object_size = 33554432)"
            )


def _duckdb_flattens_alone(run: Path) -> None:
    make_tables(run, threads=1)


WAYS: dict[str, Callable[[Path], None]] = {
    "stage": _stage,
    "stage without helpers": _stage_alone,
    "polars": _polars,
    "duckdb": _duckdb,
    "duckdb flattens on one core": _duckdb_flattens_alone,
}

if __name__ == "__main__":
    way, run = WAYS[sys.argv[1]], Path(sys.argv[2])
    started = time.perf_counter()
    way(run)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started}) + "\n")
