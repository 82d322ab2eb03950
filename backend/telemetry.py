"""GET /metrics: what the service does, for Prometheus.

Each process counts for itself. With PROMETHEUS_MULTIPROC_DIR set, as prometheus_client wants it,
the numbers of all workers are added up, whichever of them is asked.
"""

from __future__ import annotations

import asyncio
import os
import time
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.pool import QueuePool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.db.session import snapshot
from backend.dependencies import ReadEngine
from backend.problems import documented
from backend.services.runs import published_runs

_API = "/api"
_FROM_MEMORY = "(from memory)"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TALLY_SECONDS = 1.0
"""For how long answers wait to be counted together."""


class _Seconds(Histogram):
    """A histogram that takes many observations at once, for hardly more than one costs."""

    def observe_all(self, amounts: list[float]) -> None:
        """As ``observe`` for each."""
        self._sum.inc(sum(amounts))
        for place, count in Counts(bisect_left(self._upper_bounds, each) for each in amounts).items():
            self._buckets[place].inc(count)


class Tally:
    """Counts answers of one kind that are sent faster than they can be counted one by one."""

    def __init__(self, counter: Counter, seconds: _Seconds | None) -> None:
        self._counter = counter
        self._seconds = seconds
        self._waiting: list[float] = []

    def add(self, seconds: float) -> None:
        """One more, sent within ``seconds``; counted within a second."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(_TALLY_SECONDS, self.settle)
        self._waiting.append(seconds)

    def settle(self) -> None:
        """Count what was added."""
        waiting, self._waiting = self._waiting, []
        self._counter.inc(len(waiting))
        if self._seconds is not None:
            self._seconds.observe_all(waiting)


class Telemetry:
    """Counts requests of one application; ``registry`` holds what /metrics shows."""

    def __init__(self, app: FastAPI) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("compass_http_requests", "Requests answered", labels, registry=self.registry)
        self._seconds = _Seconds(
            "compass_http_request_seconds",
            "Time until the answer was sent",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._labelled: dict[tuple[str, str, int], tuple[Counter, _Seconds | None]] = {}
        self._tallies: dict[tuple[str, int], Tally] = {}
        self.registry.register(_State(app))

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """A request has been answered. Routes are named by their pattern, so that ids do not add up."""
        key = scope["method"], _pattern(scope, status), status
        counter, histogram = self._labelled.get(key) or self._label(*key)
        counter.inc()
        if histogram is not None:
            histogram.observe(seconds)

    def tally(self, method: str, status: int) -> Tally:
        """What counts answers that are sent again from memory."""
        found = self._tallies.get((method, status))
        if found is None:
            found = self._tallies[method, status] = Tally(*self._label(method, _FROM_MEMORY, status))
        return found

    def settle(self) -> None:
        """Count all answers that were sent so far."""
        for tally in self._tallies.values():
            tally.settle()

    def _label(self, method: str, route: str, status: int) -> tuple[Counter, _Seconds | None]:
        """What counts such requests: found once, which takes longer than to count."""
        # A stream lasts as long as its reader likes.
        timed = None if route.endswith("/stream") else self._seconds.labels(method, route)
        found = self._labelled[method, route, status] = (
            self._requests.labels(method, route, str(status)),
            timed,
        )
        return found


def _pattern(scope: Scope, status: int) -> str:
    if "route" in scope:
        pattern: str = scope["route"].path_format
        # A route knows the prefix of its own router, not of the one that this is part of.
        return _API + pattern if scope["path"].startswith(_API) else pattern
    return _FROM_MEMORY if scope["path"].startswith(_API) and status in (200, 304) else "(none)"


class CountRequests:
    """ASGI middleware: tells ``telemetry`` of every request."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            self._telemetry.observe(scope, status, time.perf_counter() - started)


class _State(Collector):
    """What is looked at when it is asked for: connections, memory, the listener."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def collect(self) -> Iterable[Any]:
        """The metrics, as they are now."""
        state = self._app.state
        memory = state.response_memory
        hits = CounterMetricFamily("compass_response_memory_hits", "Answers sent from memory")
        hits.add_metric([], memory.hits)
        misses = CounterMetricFamily("compass_response_memory_misses", "Answers that memory did not hold")
        misses.add_metric([], memory.misses)
        yield hits
        yield misses
        yield GaugeMetricFamily("compass_response_memory_bytes", "Size of memory", value=memory.size)
        yield GaugeMetricFamily(
            "compass_listening",
            "1 while announcements of changes arrive",
            value=int(state.listener.connected),
        )
        connections = GaugeMetricFamily(
            "compass_database_connections", "Connections of the pool", labels=["database", "state"]
        )
        for name, engine in (("primary", state.reads.primary), ("replica", state.reads.replica)):
            pool = getattr(engine, "pool", None)
            if isinstance(pool, QueuePool):
                connections.add_metric([name, "idle"], pool.checkedin())
                connections.add_metric([name, "in_use"], pool.checkedout())
        yield connections


async def metrics(request: Request, engine: ReadEngine) -> Response:
    """Counters and gauges in the text format of Prometheus, published runs among them."""
    telemetry: Telemetry = request.app.state.telemetry
    published = CollectorRegistry()
    async with snapshot(engine) as connection:
        runs = await published_runs(connection)
    published.register(_Published(runs))
    telemetry.settle()
    shown = telemetry.registry
    text = generate_latest(shown)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        text = generate_latest(together)
    return Response(text + generate_latest(published), media_type=CONTENT_TYPE_LATEST)


class _Published(Collector):
    """Which run each graph serves, and since when."""

    def __init__(self, runs: Iterable[Any]) -> None:
        self._runs = runs

    def collect(self) -> Iterable[Any]:
        """One gauge, a sample a graph."""
        gauge = GaugeMetricFamily(
            "compass_published_timestamp_seconds",
            "When the published run of a graph was published",
            labels=["graph", "run_id"],
        )
        for run in self._runs:
            if run.published_at is not None:
                gauge.add_metric([run.graph_name, run.run_id], run.published_at.timestamp())
        yield gauge


def install(app: FastAPI) -> Telemetry:
    """Add the operation, and what counts, to ``app``."""
    telemetry = Telemetry(app)
    app.state.telemetry = telemetry
    app.add_api_route(
        "/metrics",
        metrics,
        response_class=Response,
        responses={
            **documented(invalid=False),
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        },
        tags=["health"],
    )
    return telemetry
