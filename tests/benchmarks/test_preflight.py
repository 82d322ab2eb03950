"""Preflight and staging: against DuckDB and Polars that only read, and against the usual checks.

Each way is a process of its own. Staging alone is timed without the start of Python; preflight and
what it is compared with from start to end.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.benchmarks import sizes
from tests.benchmarks.measure import Cost, in_turns, run
from tests.benchmarks.peers.duckdb_tables import TABLES
from tests.benchmarks.records import Record, Target, hold, keep
from tests.benchmarks.staging import jsonl_files
from transforms.synth import generate_run

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

MOST_DUCKDB_TIMES = 2.0
MEMORY_MB = 1500.0
MEMORY_OF_LARGE_MB = 3000.0
PART_OF_FASTEST = 0.7
"""Of the fastest flattening on one core that can be shown; 120 MB/s would do as well."""


@pytest.fixture(scope="module")
def large_run(runs_folder: Path) -> Path:
    """A run of some 300 MB."""
    return generate_run(
        runs_folder, facilities=sizes.FACILITIES, metrics=sizes.PREFLIGHT_METRICS, graph_name="large"
    )


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in jsonl_files(folder)) / 1e6


def _preflight(made: Path, *, watched: bool = True) -> Cost:
    command = [sys.executable, "-m", "transforms.cli", "preflight", str(made), "--format", "json"]
    return run(command, watched=watched)


def _peer(module: str, made: Path, *, watched: bool = True) -> Cost:
    return run([sys.executable, "-m", f"tests.benchmarks.peers.{module}", str(made)], watched=watched)


def _staged(way: str, made: Path) -> Cost:
    cost = run([sys.executable, "-m", "tests.benchmarks.staging", way, str(made)], watched=False)
    return replace(cost, seconds=json.loads(cost.stdout)["seconds"])


def test_preflight_against_duckdb(large_run: Path) -> None:
    """Everything is checked in twice the time that making the tables takes, within memory."""
    costs = in_turns(
        sizes.REPEATS,
        {
            "ours": lambda: _preflight(large_run, watched=False),
            "duckdb": lambda: _peer("duckdb_tables", large_run, watched=False),
        },
    )
    ours, duckdb = costs["ours"], costs["duckdb"]
    peaks = _preflight(large_run).peak_bytes, _peer("duckdb_tables", large_run).peak_bytes
    summary = json.loads(ours.stdout)["summary"]
    assert summary["errors"] == 0
    rows = json.loads(duckdb.stdout)
    assert rows == {table: summary["rows"][table] for table in TABLES.values()}
    parameters = {"MB": round(_megabytes(large_run)), "rules": summary["rules_run"]}
    against = "DuckDB read_json and UNNEST"
    wall = Record(
        "Preflight",
        "every rule",
        "s",
        ours.seconds,
        duckdb.seconds,
        against,
        Target(1 / MOST_DUCKDB_TIMES),
        parameters,
    )
    memory = Record(
        "Preflight",
        "peak memory",
        "MB",
        peaks[0] / 1e6,
        peaks[1] / 1e6,
        against,
        Target(MEMORY_MB, "ours", at_least=False),
        parameters,
    )
    keep(
        "Preflight",
        [
            wall,
            Record("Preflight", "CPU", "s", ours.cpu, duckdb.cpu, against, parameters=parameters),
            memory,
        ],
    )
    hold(wall)
    hold(memory)


def test_preflight_of_a_run_as_large_as_they_come(runs_folder: Path) -> None:
    """What lies on disk meanwhile need not be in memory: measured once, since it takes minutes."""
    made = generate_run(
        runs_folder, facilities=sizes.FACILITIES, metrics=sizes.LARGE_METRICS, graph_name="largest"
    )
    ours, duckdb = _preflight(made), _peer("duckdb_tables", made)
    summary = json.loads(ours.stdout)["summary"]
    assert summary["errors"] == 0
    parameters = {"MB": round(_megabytes(made)), "rules": summary["rules_run"]}
    against = "DuckDB read_json and UNNEST"
    memory = Record(
        "Preflight",
        "as large as they come, peak memory",
        "MB",
        ours.peak_bytes / 1e6,
        duckdb.peak_bytes / 1e6,
        against,
        Target(MEMORY_OF_LARGE_MB, "ours", at_least=False),
        parameters,
    )
    wall = Record(
        "Preflight",
        "as large as they come, every rule",
        "s",
        ours.seconds,
        duckdb.seconds,
        against,
        parameters=parameters,
    )
    keep("Preflight", [wall, memory])
    hold(memory)


def test_staging(large_run: Path) -> None:
    """Files to typed frames, in megabytes of JSONL a second."""
    ways = ("stage", "stage without helpers", "polars", "duckdb", "duckdb flattens on one core")
    costs = in_turns(sizes.REPEATS, {way: lambda way=way: _staged(way, large_run) for way in ways})  # type: ignore[misc]
    megabytes = _megabytes(large_run)
    parameters = {"MB": round(megabytes)}

    def record(name: str, way: str, peer: str, against: str, target: Target | None = None) -> Record:
        speeds = megabytes / costs[way].seconds, megabytes / costs[peer].seconds
        return Record("Staging", name, "MB/s", *speeds, against, target, parameters)

    keep(
        "Staging",
        [
            record("with helpers", "stage", "polars", "polars.read_ndjson"),
            record("with helpers", "stage", "duckdb", "DuckDB read_json"),
            record("one process", "stage without helpers", "polars", "polars.read_ndjson"),
            record(
                "one process",
                "stage without helpers",
                "duckdb flattens on one core",
                "DuckDB read_json and UNNEST, one thread",
                Target(PART_OF_FASTEST),
            ),
            Record(
                "Staging",
                "CPU",
                "s",
                costs["stage"].cpu,
                costs["polars"].cpu,
                "polars.read_ndjson",
                parameters=parameters,
            ),
        ],
    )


@pytest.mark.skipif(find_spec("pandas") is None, reason="needs pandas, which nothing else here does")
def test_preflight_against_the_usual_checks(runs_folder: Path) -> None:
    """A run of one metric, because the usual way takes its time."""
    made = generate_run(runs_folder, facilities=sizes.FACILITIES, graph_name="small")
    costs = in_turns(
        sizes.REPEATS, {"ours": lambda: _preflight(made), "usual": lambda: _peer("usual_checks", made)}
    )
    ours, usual = costs["ours"], costs["usual"]
    parameters = {"MB": round(_megabytes(made))}
    against = "jsonschema and pandera on pandas, fewer checks"
    keep(
        "Preflight",
        [
            Record(
                "Preflight",
                "one metric, every rule",
                "s",
                ours.seconds,
                usual.seconds,
                against,
                parameters=parameters,
            ),
            Record(
                "Preflight",
                "one metric, peak memory",
                "MB",
                ours.peak_bytes / 1e6,
                usual.peak_bytes / 1e6,
                against,
                parameters=parameters,
            ),
        ],
    )
