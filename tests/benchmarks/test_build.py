"""Building marts: the native engine against `dbt build` of the same models and tests of one run.

Both are processes as a user starts them, on copies of one database that holds the run loaded and
not built. dbt has parsed the project before, so that it need not while it is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from statistics import median

import pytest
from rich.console import Console
from rich.table import Table

from tests.benchmarks import sizes
from tests.benchmarks.measure import Cost, PostgresServer, in_turns, run
from tests.benchmarks.peers.dbt_build import Dbt
from tests.benchmarks.records import Record, Target, hold, keep
from tests.support.compass import compass, environment
from tests.support.databases import copy_database
from transforms.compiled.dag import Dag
from transforms.compiled.manifest import PROJECT, Manifest, load_manifest, manifest_path
from transforms.preview import Preview
from transforms.progress import NoProgress
from transforms.run import open_run
from transforms.synth import generate_run

pytestmark = pytest.mark.benchmark
pytest.importorskip("dbt.cli.main")

AREA = "Build"
LEAST_RATIO = 4.0
MOST_PREVIEW_SECONDS = 3.0
SHOWN = 12

Seconds = Mapping[str, float]
"""Seconds of every model, seed and test of a build, by unique id."""


def _critical_path(manifest: Manifest, seconds: Seconds) -> float:
    """Seconds of the longest chain of nodes that wait for each other, tests included."""
    dag = Dag(manifest)
    blockers = dag.blockers(seconds)
    longest: dict[str, float] = {}

    def ends(node: str) -> float:
        if node not in longest:
            longest[node] = seconds[node] + max(map(ends, blockers[node]), default=0.0)
        return longest[node]

    return max(map(ends, seconds))


def _show(native: Seconds, dbt: Seconds, manifest: Manifest) -> None:
    table = Table("node", "native s", "dbt s", title="Nodes that take longest", title_justify="left")
    for node in sorted(native, key=native.__getitem__, reverse=True)[:SHOWN]:
        table.add_row(manifest.nodes[node].name, f"{native[node]:.3f}", f"{dbt[node]:.3f}")
    Console(width=150).print(table)


def test_native_against_dbt(
    bench_url: str, postgres: PostgresServer, runs_folder: Path, tmp_path: Path
) -> None:
    """The same models and tests are built, in a quarter of dbt's time at most."""
    made = generate_run(runs_folder, facilities=sizes.FACILITIES)
    compass("load", str(made), "--skip-preflight", database_url=bench_url)
    peer = Dbt(tmp_path, postgres)
    peer.parse()

    def native_build() -> Cost:
        url = asyncio.run(copy_database(bench_url, "built_natively"))
        command = [sys.executable, "-m", "transforms.cli", "build", "--format", "json"]
        return run(command, env=environment(url), postgres=postgres)

    def dbt_build() -> Cost:
        return peer.build(asyncio.run(copy_database(bench_url, "built_by_dbt")))

    costs = in_turns(sizes.REPEATS, {"native": native_build, "dbt": dbt_build})
    native, dbt = costs["native"], costs["dbt"]

    manifest = load_manifest(manifest_path(PROJECT))
    ids = {node.name: unique_id for unique_id, node in manifest.nodes.items()}
    results = json.loads(native.stdout)["nodes"]
    assert {result["status"] for result in results} <= {"success", "pass"}
    native_seconds = {ids[result["name"]]: result["seconds"] for result in results}
    dbt_seconds = peer.seconds()
    assert set(native_seconds) == set(dbt_seconds)
    _show(native_seconds, dbt_seconds, manifest)
    paths = _critical_path(manifest, native_seconds), _critical_path(manifest, dbt_seconds)

    parameters = {"facilities": sizes.FACILITIES, "nodes": len(results)}

    def record(name: str, ours: float, peer: float, target: Target | None = None) -> Record:
        return Record(AREA, name, "s", ours, peer, "dbt build", target, parameters)

    wall = record("wall time", native.seconds, dbt.seconds, Target(LEAST_RATIO))
    keep(
        AREA,
        [
            wall,
            record("CPU of the process", native.cpu, dbt.cpu),
            record("CPU of PostgreSQL", native.postgres, dbt.postgres),
            record("CPU in all", native.total_cpu, dbt.total_cpu),
            record("nodes, one after the other", sum(native_seconds.values()), sum(dbt_seconds.values())),
            record("critical path of nodes", *paths),
            record("wall time beyond the critical path", native.seconds - paths[0], dbt.seconds - paths[1]),
        ],
    )
    hold(wall)


def test_marts_for_preview(runs_folder: Path) -> None:
    """The marts of a run from its frames, by DuckDB alone: what a preview builds."""
    made = open_run(generate_run(runs_folder, facilities=sizes.FACILITIES, graph_name="previewed"))
    seconds = []
    for _ in range(sizes.REPEATS):
        with closing(Preview(made, NoProgress())) as preview:
            seconds.append(preview.build.elapsed)
    record = Record(
        AREA,
        "marts for a preview, DuckDB",
        "s",
        median(seconds),
        target=Target(MOST_PREVIEW_SECONDS, "ours", at_least=False),
    )
    keep(AREA, [record])
    hold(record)
