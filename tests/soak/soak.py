"""Serve, watch a folder, let runs arrive, read, write and follow the feed, all at once; then look closely."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.soak.clients import Clients, Told
from tests.soak.report import Verdict
from tests.support.compass import compass, environment, serving
from tests.support.manifests import rows
from tests.support.postgres import postgres
from tests.support.requests import Operation, operations
from transforms.synth import generate_run

WORKERS, POOL = 2, 10
READERS, WRITERS, FOLLOWERS, SIGNALS = 4, 3, 2, 10
RUNS = "runs"
RUN_SECONDS = 8.0
"""So often a run arrives that differs from the one before."""
SAMPLE_SECONDS = 1.0
WARM_UP = 0.3
"""Part of the time after which memory is to stay what it is."""
GROWTH_BYTES = 60 * 1024 * 1024
SLOW_SECONDS = 3.0

_EVENTS = """
select coalesce(payload ->> 'notes', payload ->> 'content'), count(*) from public.activity_events
where coalesce(payload ->> 'notes', payload ->> 'content') like 'writer-%' group by 1
"""
_POSITIONS = "select position from public.activity_events order by position"
_GAPS = """
select a.signal_id from public.assignments a where a.version <> (
    select count(*) from public.activity_events e
    where e.signal_id = a.signal_id and e.event_type in ('status_change', 'assignment')
)
"""
_STATES = "select state, count(*) from public.runs group by 1 order by 1"
_CONNECTIONS = "select count(*) from pg_stat_activity where application_name like 'quality-compass%'"


@dataclass
class Samples:
    """What was measured while it ran."""

    memory: list[int] = field(default_factory=list)
    """Bytes of all workers together."""
    connections: list[int] = field(default_factory=list)


def soak(folder: Path, seconds: float) -> list[Verdict]:
    """Soak a service of its own in ``folder`` for so long; what was found."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        root = folder / RUNS
        first = generate_run(root, facilities=20)
        compass("db", "upgrade", database_url=server.url)
        compass("ingest", str(first), database_url=server.url)
        extra = {"DATABASE_POOL_SIZE": str(POOL)}
        client = stack.enter_context(serving(server.url, "--workers", str(WORKERS), **extra))
        stack.enter_context(_watching(server.url, root))
        signals = [each["id"] for each in client.get(f"/api/signals?limit={SIGNALS}").json()["signals"]]
        client.post(f"/api/signals/{signals[0]}/comments", json={"content": "the first event"})
        client.post("/api/users", json={"email": "soak@example.org", "name": "Soak"})
        reads = [each for each in operations(client) if each.method == "GET"]
        return asyncio.run(_everything(server.url, str(client.base_url), folder, reads, signals, seconds))


async def _everything(
    database_url: str, base_url: str, folder: Path, reads: list[Operation], signals: list[str], seconds: float
) -> list[Verdict]:
    stop, samples = asyncio.Event(), Samples()
    clients = Clients(base_url, reads, signals, stop)
    async with asyncio.TaskGroup() as group:
        group.create_task(clients.run(readers=READERS, writers=WRITERS, followers=FOLLOWERS))
        group.create_task(_arrive(folder, stop))
        group.create_task(_sample(database_url, samples, stop))
        await asyncio.sleep(seconds)
        stop.set()
    return [
        *_answers(clients.told),
        *await _events(database_url, clients.told),
        *_resources(samples),
        await _runs(database_url),
    ]


@contextmanager
def _watching(database_url: str, root: Path) -> Iterator[None]:
    watcher = subprocess.Popen(
        [sys.executable, "-m", "transforms.cli", "watch", str(root), "--interval", "1", "--stable", "1"],
        env=environment(database_url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        watcher.terminate()
        watcher.wait(30)


async def _arrive(folder: Path, stop: asyncio.Event) -> None:
    """Let another run of the graph appear from time to time, whole, and the oldest go."""
    arrived: list[Path] = []
    for number in itertools.count(1):
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), RUN_SECONDS)
        if stop.is_set():
            return
        run_id = time.strftime("%Y%m%d%H%M%S", time.gmtime(1_775_000_000 + 86_400 * number))
        made = await asyncio.to_thread(
            generate_run, folder / "making", facilities=20, seed=number % 5, run_id=run_id
        )
        arrived.append(made.replace(folder / RUNS / made.parent.name / run_id))
        if len(arrived) > 3:
            await asyncio.to_thread(shutil.rmtree, arrived.pop(0))


async def _sample(database_url: str, samples: Samples, stop: asyncio.Event) -> None:
    while not stop.is_set():
        memory = 0
        for process in psutil.Process(os.getpid()).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "spawn_main" in " ".join(process.cmdline()):
                    memory += process.memory_info().rss
        samples.memory.append(memory)
        [(connections,)] = await rows(database_url, _CONNECTIONS)
        samples.connections.append(connections)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SAMPLE_SECONDS)


def _answers(told: Told) -> list[Verdict]:
    codes = ", ".join(f"{count} x {code}" for code, count in sorted(told.codes.items()))
    times = [taken for _, taken in told.times]
    middle = (told.times[0][0] + told.times[-1][0]) / 2
    later = [taken for when, taken in told.times if when > middle]
    slow = _part(times, 0.99)
    unexpected = "; ".join(f"{count} x {what}" for what, count in told.failures.most_common(5))
    return [
        Verdict("requests", len(times) > 0, codes),
        Verdict("none failed", not told.failures, unexpected or "none"),
        Verdict(
            "writes that came too late",
            told.codes[409] + told.codes[412] > 0,
            f"{told.codes[409]} x 409, {told.codes[412]} x 412",
        ),
        Verdict(
            "time of answers",
            slow < SLOW_SECONDS and _part(later, 0.99) < 2 * slow,
            f"half in {_part(times, 0.5) * 1000:.0f} ms, 99 % in {slow * 1000:.0f} ms, "
            f"of the later half in {_part(later, 0.99) * 1000:.0f} ms",
        ),
    ]


async def _events(database_url: str, told: Told) -> list[Verdict]:
    found = dict(await rows(database_url, _EVENTS))
    lost = [text for text in told.accepted if text not in found]
    invented = [text for text in found if text not in told.tried]
    twice = [text for text, count in found.items() if count > 1]
    positions = [position for (position,) in await rows(database_url, _POSITIONS)]
    gaps = await rows(database_url, _GAPS)
    verdicts = [
        Verdict(
            "an event for each accepted write, once",
            bool(told.accepted) and not (lost or invented or twice or gaps),
            f"{len(told.accepted)} accepted, {len(lost)} lost, {len(invented)} invented, {len(twice)} twice, "
            f"{len(gaps)} histories with gaps",
        )
    ]
    for number, seen in enumerate(told.positions, 1):
        between = [each for each in positions if seen and seen[0] <= each <= seen[-1]]
        repeated = sum(count - 1 for count in Counter(seen).values())
        missed = len(set(between) - set(seen))
        verdicts.append(
            Verdict(
                f"feed as follower {number} saw it",
                bool(seen) and seen == between,
                f"{len(seen)} events, {missed} missed, {repeated} twice",
            )
        )
    return verdicts


def _resources(samples: Samples) -> list[Verdict]:
    warm = samples.memory[round(len(samples.memory) * WARM_UP) :]
    third = max(len(warm) // 3, 1)
    # The middle of each third: a run that is being taken over makes a peak.
    before, after = _part(warm[:third], 0.5), _part(warm[-third:], 0.5)
    allowed = WORKERS * (POOL + 1)
    return [
        Verdict(
            "memory of the workers",
            after - before < GROWTH_BYTES,
            f"{before / 2**20:.0f} MiB after the warm-up, {after / 2**20:.0f} MiB at the end",
        ),
        Verdict(
            "connections of the service",
            max(samples.connections) <= allowed,
            f"{max(samples.connections)} at most, {allowed} allowed",
        ),
    ]


async def _runs(database_url: str) -> Verdict:
    states = dict(await rows(database_url, _STATES))
    return Verdict(
        "runs that arrived",
        states.get("published") == 1 and states.get("superseded", 0) > 0 and "failed" not in states,
        ", ".join(f"{count} {state}" for state, count in states.items()),
    )


def _part(values: list[float] | list[int], part: float) -> float:
    """The value that so great a part of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0
