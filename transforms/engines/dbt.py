"""The dbt engine: ``dbt build`` behind the same protocol as the native engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from transforms.compiled.dag import Dag
from transforms.compiled.dbt_runner import Event, run_dbt
from transforms.compiled.manifest import PROJECT, Manifest
from transforms.compiled.selection import select as select_nodes
from transforms.compiled.sources import verify_sources
from transforms.engines.base import BuildResult, NodeResult, Progress, ProgressCallback, Status, waiting
from transforms.engines.results import read_run_results
from transforms.engines.turn import BuildTurn, joined

_FINISHED = frozenset(str(status) for status in Status)


class DbtEngine:
    """Builds on the PostgreSQL at ``database_url`` by running dbt in a process of its own."""

    name = "dbt"

    def __init__(self, database_url: str, *, project: Path = PROJECT, threads: int = 4) -> None:
        self._database_url = database_url
        self._project = project
        self._threads = threads

    async def build(
        self,
        manifest: Manifest,
        *,
        select: Sequence[str] = (),
        exclude: Sequence[str] = (),
        full_refresh: bool = False,
        on_progress: ProgressCallback | None = None,
        turn: BuildTurn | None = None,
    ) -> BuildResult:
        """Run the selected nodes; see transforms.engines.base.Engine. Raises DbtNotInstalled, DbtFailed.

        Takes turns with the native engine for as long as dbt runs.
        """
        start = time.perf_counter()
        verify_sources(manifest, self._project)
        chosen = select_nodes(manifest, Dag(manifest), select, exclude)
        command = ["build"]
        for option, selectors in (("--select", select), ("--exclude", exclude)):
            if selectors:
                command += [option, *(part for text in selectors for part in text.split())]
        if full_refresh:
            command.append("--full-refresh")
        async with joined(turn, self._database_url, waiting(len(chosen), on_progress)):
            run = await run_dbt(
                self._project,
                command,
                database_url=self._database_url,
                threads=self._threads,
                on_event=_Follower(manifest, len(chosen), on_progress) if on_progress else None,
            )
        results = read_run_results(run.artifact("run_results.json"), manifest)
        return BuildResult(self.name, manifest.dbt_version, results, time.perf_counter() - start)


class _Follower:
    """Turns dbt's log events into the progress of a build."""

    def __init__(self, manifest: Manifest, total: int, on_progress: ProgressCallback) -> None:
        self._manifest = manifest
        self._total = total
        self._on_progress = on_progress
        self._done: set[str] = set()

    def __call__(self, event: Event) -> None:
        info = event["data"].get("node_info") or {}
        node = self._manifest.nodes.get(info.get("unique_id", ""))
        if node is None or node.unique_id in self._done:
            return
        if event["info"]["name"] == "LogStartLine":
            self._on_progress(Progress("started", len(self._done), self._total, node))
        elif info["node_status"] in _FINISHED:
            self._done.add(node.unique_id)
            result = NodeResult(
                node=node,
                status=Status(info["node_status"]),
                failures=event["data"].get("num_failures"),
                started_at=_moment(info["node_started_at"]),
                execution_time=event["data"].get("execution_time", 0.0),
            )
            self._on_progress(Progress("finished", len(self._done), self._total, node, result))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else datetime.now(UTC)
