"""Starting a worker: seconds until it is healthy, memory, and imports, against a bare FastAPI service."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from tests.benchmarks import sizes
from tests.benchmarks.measure import Cost, in_turns, run
from tests.benchmarks.records import Record, Target, keep
from tests.benchmarks.servers import OURS, Server, serve
from tests.support.compass import compass
from transforms.synth import generate_run

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

AREA = "Start"
BARE = "bare FastAPI"
_BARE_APP = "tests.benchmarks.peers.fastapi_app:create_app"
START_SECONDS = 1.5
RESIDENT_MB = 120.0
_QUESTIONS = ("/api/signals", "/api/signals?sort_by=priority&offset=100", "/api/metadata/summary")


def _imported(module: str) -> Cost:
    return run([sys.executable, "-c", f"import {module}"])


def _resident_mb(server: Server) -> float:
    return float(server.process.memory_info().rss) / 1e6


def test_a_worker(bench_url: str, runs_folder: Path) -> None:
    """A worker is there within seconds, and stays small when it has worked."""
    compass("ingest", str(generate_run(runs_folder)), database_url=bench_url)
    starts: dict[str, list[float]] = {"ours": [], BARE: []}
    fresh: dict[str, list[float]] = {"ours": [], BARE: []}
    loaded: list[float] = []
    for _ in range(sizes.REPEATS):
        with serve(OURS, bench_url, health="/ready") as server:
            starts["ours"].append(server.started)
            fresh["ours"].append(_resident_mb(server))
            for question in _QUESTIONS:
                server.load(question, connections=sizes.CONNECTIONS, seconds=sizes.LOAD_SECONDS)
            loaded.append(_resident_mb(server))
        with serve(_BARE_APP) as server:
            starts[BARE].append(server.started)
            fresh[BARE].append(_resident_mb(server))
    ways: dict[str, Callable[[], Cost]] = {
        name: lambda module=module: _imported(module)  # type: ignore[misc]
        for name, module in (("ours", "backend.main"), (BARE, "fastapi"), ("nothing", "sys"))
    }
    imports = in_turns(max(3, sizes.REPEATS), ways)
    nothing = imports["nothing"].seconds

    ready = Record(
        AREA,
        "process to first healthy answer",
        "s",
        median(starts["ours"]),
        median(starts[BARE]),
        BARE,
        Target(START_SECONDS, "ours", at_least=False),
    )
    memory = Target(RESIDENT_MB, "ours", at_least=False)
    keep(
        AREA,
        [
            ready,
            Record(
                AREA, "resident after start", "MB", median(fresh["ours"]), median(fresh[BARE]), BARE, memory
            ),
            Record(AREA, "resident after load, its cache filled", "MB", median(loaded), target=memory),
            Record(
                AREA,
                "imports, without Python's own start",
                "s",
                imports["ours"].seconds - nothing,
                imports[BARE].seconds - nothing,
                "import fastapi",
            ),
        ],
    )
