"""Serving: one worker, 32 connections, many signals, PostgreSQL and the load on the same machine.

Ours is measured with its cache off, with it on, and when the client holds the answer already;
against the same list as most would write it, against PostgreSQL's own JSON handed through, and
against answers that lie ready in memory.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncpg
import pytest

from backend.config import without_driver
from tests.benchmarks import sizes
from tests.benchmarks.many_signals import build_run, publish_many
from tests.benchmarks.measure import PostgresServer
from tests.benchmarks.peers.postgraphile import PATH, postgraphile, questions
from tests.benchmarks.peers.usual_signals import fill_tables
from tests.benchmarks.records import Record, Target, keep
from tests.benchmarks.servers import OURS, Load, Server, serve

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

ORM, JSON_AGG, MEMORY = "FastAPI, ORM, Pydantic", "json_agg, asyncpg, bare ASGI", "answers in memory"
LISTS = {
    "list": "/api/signals",
    "list, filtered": "/api/signals?domain=Efficiency",
    "list, sorted": "/api/signals?sort_by=priority&sort_order=desc",
    "list, deep page": f"/api/signals?offset={sizes.SIGNALS // 2}",
}
OTHERS = {
    "metadata": "/api/metadata/summary",
    "metrics": "/api/metrics",
    "filter options": "/api/signals/filter-options",
    "facilities": "/api/signals/facilities",
    "feed": "/api/feed",
    "unread": "/api/feed/unread-count",
    "modeling": "/api/modeling/experiments",
    "ontology": "/api/ontology/stats",
    "runs": "/api/runs",
}
LEAST_ORM_TIMES = 10.0
LEAST_OF_MEMORY = 0.8
MOST_P50_MS = 50.0
MOST_P99_OVER_P50 = 4.0
_CANCEL_OTHERS = """
select count(pg_cancel_backend(pid)) from pg_stat_activity
where datname = current_database() and state = 'active' and pid <> pg_backend_pid()
"""
_SIGNAL_WITH_PARTS = """
select s.id from public.signals as s
inner join public_marts.fct_contributions as c on c.parent_entity_key = s.entity_key
order by s.id limit 1
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """The servers that are compared, on one database."""

    database_url: str
    uncached: Server
    cached: Server
    orm: Server
    json_agg: Server
    memory: Server
    postgres: PostgresServer
    targets: Mapping[str, str]

    def load(
        self, server: Server, name: str, etag: str | None = None, connections: int = sizes.CONNECTIONS
    ) -> Load:
        """What a server does under load."""
        done = server.load(
            self.targets[name],
            connections=connections,
            seconds=sizes.LOAD_SECONDS,
            etag=etag,
            postgres=self.postgres,
        )
        asyncio.run(_settle(self.database_url))
        return done

    def in_turns(self, name: str, servers: Mapping[str, Server]) -> dict[str, list[Load]]:
        """Each of ``servers`` under load, several times, taking turns."""
        loads: dict[str, list[Load]] = {each: [] for each in servers}
        for _ in range(sizes.REPEATS):
            for each, server in servers.items():
                loads[each].append(self.load(server, name))
        return loads


async def _settle(database_url: str) -> None:
    """End what nobody waits for any more, and what servers still have waiting: the next one is not to."""
    connection = await asyncpg.connect(without_driver(database_url))
    try:
        while await connection.fetchval(_CANCEL_OTHERS):
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _signal_with_parts(database_url: str) -> str:
    connection = await asyncpg.connect(without_driver(database_url))
    try:
        return str(await connection.fetchval(_SIGNAL_WITH_PARTS))
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def bench(
    bench_url: str, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """Every server, up, on a database with many signals."""
    folder = tmp_path_factory.mktemp("serve")
    run_key = build_run(bench_url, folder, sizes.FACILITIES)
    asyncio.run(publish_many(bench_url, run_key, sizes.SIGNALS))
    asyncio.run(fill_tables(bench_url))
    signal = f"/api/signals/{asyncio.run(_signal_with_parts(bench_url))}"
    details = {
        "detail": signal,
        **{
            name: f"{signal}/{name}"
            for name in ("technical-details", "contributions", "children", "parent", "related", "history")
        },
    }
    targets = {**LISTS, **details, **OTHERS}
    peers = "tests.benchmarks.peers"
    with ExitStack() as stack:
        start = stack.enter_context
        uncached = start(serve(OURS, bench_url, RESPONSE_CACHE_BYTES="0"))
        answers = folder / "answers.json"
        answers.write_text(
            json.dumps({target: uncached.get(target)[0].decode() for target in targets.values()})
        )
        yield Bench(
            database_url=bench_url,
            uncached=uncached,
            cached=start(serve(OURS, bench_url)),
            orm=start(serve(f"{peers}.orm_app:create_app", bench_url)),
            json_agg=start(serve(f"{peers}.bare_app:create_app", bench_url)),
            memory=start(serve(f"{peers}.memory_app:create_app", BENCH_ANSWERS=str(answers))),
            postgres=postgres,
            targets=targets,
        )


def _rate(loads: list[Load]) -> float:
    return median(load.answers.rate for load in loads)


def _parameters() -> dict[str, str | int | float]:
    return {"signals": sizes.SIGNALS, "connections": sizes.CONNECTIONS}


def test_lists_say_the_same(bench: Bench) -> None:
    """The peers answer the questions that they are measured with."""
    for target in LISTS.values():
        pages = [json.loads(server.get(target)[0]) for server in (bench.uncached, bench.orm, bench.json_agg)]
        assert pages[0]["signals"], target
        ids = [[signal["id"] for signal in page["signals"]] for page in pages]
        assert ids[0] == ids[1] == ids[2], target
        assert len({page["total_count"] for page in pages}) == 1, target


def test_lists_uncached(bench: Bench) -> None:
    """Pages of signals that are read and rendered anew for every request."""
    area = "Serve: lists, nothing cached"
    records = []
    for name in LISTS:
        loads = bench.in_turns(name, {"ours": bench.uncached, ORM: bench.orm, JSON_AGG: bench.json_agg})
        ours = _rate(loads["ours"])
        for against, target in ((ORM, Target(LEAST_ORM_TIMES)), (JSON_AGG, Target(1.0))):
            rate = _rate(loads[against])
            records.append(Record(area, name, "requests/s", ours, rate, against, target, _parameters()))
        if name == "list":
            for against in (ORM, JSON_AGG):
                records += _cpu(area, name, loads["ours"], loads[against], against)
    keep(area, records)


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm, which nothing else here does")
def test_lists_against_a_generic_server(bench: Bench, tmp_path: Path) -> None:
    """The same pages of a server that knows nothing but the tables."""
    area, against = "Serve: lists, nothing cached", "PostGraphile"
    asked = questions(sizes.SIGNALS // 2)
    records = []
    with postgraphile(bench.database_url, tmp_path) as peer:
        for name, target in LISTS.items():
            theirs = json.loads(peer.get(PATH, asked[name])[0])["data"]["allUsualSignals"]
            ours = json.loads(bench.uncached.get(target)[0])
            assert [each["id"] for each in theirs["nodes"]] == [each["id"] for each in ours["signals"]], name
            assert theirs["totalCount"] == ours["total_count"]
            rates: tuple[list[float], list[float]] = [], []
            for _ in range(sizes.REPEATS):
                rates[0].append(bench.load(bench.uncached, name).answers.rate)
                load = peer.load(
                    PATH, connections=sizes.CONNECTIONS, seconds=sizes.LOAD_SECONDS, question=asked[name]
                )
                rates[1].append(load.answers.rate)
                asyncio.run(_settle(bench.database_url))
            medians = median(rates[0]), median(rates[1])
            records.append(Record(area, name, "requests/s", *medians, against, Target(1.0), _parameters()))
    keep(area, records)


def _cpu(area: str, name: str, ours: list[Load], theirs: list[Load], against: str) -> list[Record]:
    return [
        Record(
            area,
            f"{name}, CPU per request, {where}",
            "ms",
            median(getattr(load, field) for load in ours),
            median(getattr(load, field) for load in theirs),
            against,
            parameters=_parameters(),
        )
        for where, field in (("server", "server_ms"), ("PostgreSQL", "postgres_ms"))
    ]


def test_answers_from_memory(bench: Bench) -> None:
    """Answers that the service keeps, and those that the client holds already."""
    area = "Serve: cached"
    records = []
    for name in ("list", "detail", "metadata"):
        kept = bench.in_turns(name, {"ours": bench.cached, MEMORY: bench.memory})
        held: dict[str, list[Load]] = {"ours": [], MEMORY: []}
        for _ in range(sizes.REPEATS):
            # Anew each time: answers that tell ages have another one every few minutes.
            _, etag = bench.cached.get(bench.targets[name])
            assert etag is not None
            held["ours"].append(bench.load(bench.cached, name, etag))
            held[MEMORY].append(bench.load(bench.memory, name, etag))
        for label, loads in ((name, kept), (f"{name}, 304", held)):
            rates = _rate(loads["ours"]), _rate(loads[MEMORY])
            target = Target(LEAST_OF_MEMORY)
            records.append(Record(area, label, "requests/s", *rates, MEMORY, target, _parameters()))
    keep(area, records)


def test_latency_uncached(bench: Bench) -> None:
    """Every endpoint, nothing cached: one request at a time, and what 32 connections see."""
    area = "Serve: latency, nothing cached"
    records = []
    for name in bench.targets:
        alone = bench.load(bench.uncached, name, connections=1)
        loaded = bench.load(bench.uncached, name)
        tail = loaded.answers.p99 / loaded.answers.p50
        cpu = loaded.server_ms + loaded.postgres_ms
        records += [
            _alone(area, f"{name}, p50 of one at a time", "ms", alone.answers.p50, MOST_P50_MS),
            _alone(area, f"{name}, p50 of 32 at a time", "ms", loaded.answers.p50),
            _alone(area, f"{name}, p99 over p50 of 32 at a time", "", tail, MOST_P99_OVER_P50),
            _alone(area, f"{name}, rate", "requests/s", loaded.answers.rate),
            _alone(area, f"{name}, CPU per request, PostgreSQL included", "ms", cpu),
        ]
    keep(area, records)


def _alone(area: str, name: str, unit: str, value: float, most: float | None = None) -> Record:
    target = None if most is None else Target(most, "ours", at_least=False)
    return Record(area, name, unit, value, target=target, parameters=_parameters())
