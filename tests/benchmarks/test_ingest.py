"""Ingest end to end: wall time, memory and growth, against a floor measured in the same run.

The floor is what every loader must do at the least: decode each JSON line of the run once with
the standard library, and keep nothing.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.compass import compass, environment
from transforms.embedded import EmbeddedPostgres
from transforms.synth import generate_run

pytestmark = pytest.mark.benchmark

FACILITIES = 118
MANY_METRICS = 10
MOST_FLOORS = 12.0
"""What an ingest may cost in times of decoding the run once; seconds depend on the machine."""
MEMORY_BYTES = 1 << 30
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """Wall seconds and peak resident bytes of a process."""

    seconds: float
    peak_bytes: int


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running, migrated database, as an operator has one."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("pg")) as server:
        compass("db", "upgrade", database_url=server.url)
        yield server.url


def _run(folder: Path, metrics: int, number: int) -> Path:
    """A run of its own graph: each ingest is the first of its graph."""
    return generate_run(
        folder, facilities=FACILITIES, metrics=metrics, seed=number, graph_name=f"bench_{metrics}_{number}"
    )


def _ingest(run: Path, database_url: str) -> Measured:
    command = [sys.executable, "-m", "transforms.cli", "ingest", str(run)]
    started = time.perf_counter()
    child = os.posix_spawn(sys.executable, command, environment(database_url))
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    assert os.waitstatus_to_exitcode(status) == 0
    return Measured(seconds, usage.ru_maxrss * 1024)


def _floor(run: Path) -> float:
    started = time.perf_counter()
    for path in sorted(run.rglob("*.jsonl")):
        with path.open("rb") as stream:
            for line in stream:
                json.loads(line)
    return time.perf_counter() - started


def report(*lines: str) -> None:
    """Write measured lines where `make bench` shows them."""
    sys.stdout.write("".join(f"\n{line}" for line in lines) + "\n")


def test_one_metric_and_growth(migrated: str, tmp_path: Path) -> None:
    """A run is in within its budget, and ten times the data takes less than ten times as long."""
    runs = [_run(tmp_path, 1, number) for number in range(REPEATS)]
    one = min((_ingest(run, migrated) for run in runs), key=lambda each: each.seconds)
    floor = min(_floor(run) for run in runs)
    large = _run(tmp_path, MANY_METRICS, 0)
    many, many_floor = _ingest(large, migrated), _floor(large)
    report(
        f"ingest, {FACILITIES} facilities: {one.seconds:.2f} s = {one.seconds / floor:.1f} x decoding alone, "
        f"{one.peak_bytes / 2**20:.0f} MiB",
        f"ingest, {MANY_METRICS} metrics: {many.seconds:.2f} s = {many.seconds / many_floor:.1f} x decoding "
        f"alone, {many.seconds / one.seconds:.1f} x one metric, {many.peak_bytes / 2**20:.0f} MiB",
    )
    assert one.seconds < MOST_FLOORS * floor
    assert one.peak_bytes < MEMORY_BYTES
    assert many.seconds < MANY_METRICS * one.seconds
