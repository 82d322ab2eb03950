"""Run the nodes of a graph on several workers, each as soon as what it waits for has succeeded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from transforms.engines.base import NodeResult

Runner = Callable[[str], Awaitable[NodeResult]]


class Schedule:
    """What is ready, what waits, what is done; shared by the workers of one build.

    ``blockers`` names for each node the nodes that must succeed first; ``priorities`` orders what
    is ready, highest first. ``skip`` makes the result of a node that may not run, given the node
    that failed.
    """

    def __init__(
        self,
        blockers: Mapping[str, frozenset[str]],
        priorities: Mapping[str, int],
        skip: Callable[[str, str], NodeResult],
    ) -> None:
        self.results: dict[str, NodeResult] = {}
        self._waiting = {node: len(blocking) for node, blocking in blockers.items()}
        self._waited_for: dict[str, list[str]] = {node: [] for node in blockers}
        for node in sorted(blockers):
            for blocker in blockers[node]:
                self._waited_for[blocker].append(node)
        self._priorities = priorities
        self._skip = skip
        self._causes: dict[str, str] = {}
        self._ready: asyncio.PriorityQueue[tuple[int, str]] = asyncio.PriorityQueue()
        self._finished = asyncio.Event()
        for node, count in self._waiting.items():
            if count == 0:
                self._ready.put_nowait((-priorities[node], node))
        if not blockers:
            self._finished.set()

    async def run(self, runners: Sequence[Runner]) -> None:
        """Work until every node has a result. The first exception of a runner ends everything."""
        workers = [asyncio.create_task(self._work(runner)) for runner in runners]
        finished = asyncio.create_task(self._finished.wait())
        try:
            await asyncio.wait({finished, *workers}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (finished, *workers):
                task.cancel()
            # Waits until each has rolled back what it was doing.
            ended = await asyncio.gather(*workers, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def _work(self, runner: Runner) -> None:
        while True:
            _, node = await self._ready.get()
            self._finish(node, await runner(node))

    def _finish(self, node: str, result: NodeResult) -> None:
        self.results[node] = result
        for waiting in self._waited_for[node]:
            self._waiting[waiting] -= 1
            if result.status.blocks:
                self._causes.setdefault(waiting, self._causes.get(node, node))
            if self._waiting[waiting] == 0:
                if waiting in self._causes:
                    self._finish(waiting, self._skip(waiting, self._causes[waiting]))
                else:
                    self._ready.put_nowait((-self._priorities[waiting], waiting))
        if len(self.results) == len(self._waiting):
            self._finished.set()
