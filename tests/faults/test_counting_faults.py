"""Ingests whose Nth database call, COPY chunk or file read fails, for N = 1, 2, 3 ... until they get through.

By default some of the numbers, with `-m thorough` all of them, or every COMPASS_COUNTING_STRIDE-th.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement

from tests.support.lifecycle import (
    GRAPH,
    A,
    B,
    Baseline,
    Snapshot,
    alone,
    assert_consistent,
    clone,
    fail_interrupted,
    ingest,
    make_baseline,
    snapshot,
)

pytestmark = pytest.mark.slow

SERVED = ("signals", "assignments", "events", "marts", "contributions")
CALLS = ("execute", "executemany", "fetch", "fetchrow", "fetchval", "prepare", "copy_to_table")
STRIDE = int(os.environ.get("COMPASS_COUNTING_STRIDE", "1"))
NEVER = 10**9


class Fault:
    """Fails the call with a number, once; counts all."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.count = 0
        self.outcome: Exception | None = None

    @property
    def happened(self) -> bool:
        return self.count >= self.number

    def now(self) -> bool:
        self.count += 1
        return self.count == self.number


Faults = Callable[[pytest.MonkeyPatch, Fault], None]


def refuse_calls(patch: pytest.MonkeyPatch, fault: Fault) -> None:
    """The server refuses the call, and goes on with the next."""
    _disturb_calls(patch, fault, lambda connection: None, asyncpg.InternalServerError("planted"))


def lose_connections(patch: pytest.MonkeyPatch, fault: Fault) -> None:
    """The connection is lost at the call."""
    lost = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    _disturb_calls(patch, fault, lambda connection: connection.terminate(), lost)


def _disturb_calls(
    patch: pytest.MonkeyPatch,
    fault: Fault,
    disturb: Callable[[asyncpg.Connection], None],
    error: Exception,
) -> None:
    def wrapped(original: Callable[..., Any], find: Callable[[Any], asyncpg.Connection]) -> Any:
        async def call(self: Any, *arguments: Any, **named: Any) -> Any:
            if fault.now():
                disturb(find(self))
                raise error
            return await original(self, *arguments, **named)

        return call

    for name in CALLS:
        patch.setattr(
            asyncpg.Connection, name, wrapped(getattr(asyncpg.Connection, name), lambda opened: opened)
        )
    patch.setattr(PreparedStatement, "fetch", wrapped(PreparedStatement.fetch, lambda each: each._connection))


def lose_chunks(patch: pytest.MonkeyPatch, fault: Fault) -> None:
    """A COPY breaks off in the middle."""
    original = asyncpg.Connection.copy_to_table

    async def chunks(source: Any) -> AsyncIterator[bytes]:
        async for chunk in source:
            if fault.now():
                raise ConnectionResetError(errno.ECONNRESET, "planted")
            yield chunk

    async def copy_to_table(self: asyncpg.Connection, table: str, *, source: Any, **named: Any) -> str:
        return str(await original(self, table, source=chunks(source), **named))

    patch.setattr(asyncpg.Connection, "copy_to_table", copy_to_table)


def fail_reads(patch: pytest.MonkeyPatch, fault: Fault) -> None:
    """An artifact cannot be read: the disk, or the network it is mounted over."""
    original = Path.open

    def opened(self: Path, *arguments: Any, **named: Any) -> Any:
        if GRAPH in self.parts and fault.now():
            raise OSError(errno.EIO, "planted", str(self))
        return original(self, *arguments, **named)

    patch.setattr(Path, "open", opened)


FAULTS: tuple[Faults, ...] = (refuse_calls, lose_connections, lose_chunks, fail_reads)


@pytest.fixture(scope="module")
def baseline(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    return make_baseline(database_url, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def undisturbed(baseline: Baseline) -> dict[str, Snapshot]:
    """What the database holds after an ingest of each run that nothing disturbs."""
    found = {}
    for run_key in (A, B):
        with clone(baseline.url) as url:
            asyncio.run(ingest(url, baseline.runs[run_key], force=True))
            found[run_key] = asyncio.run(snapshot(url))
    return found


@contextmanager
def injected(faults: Faults, number: int) -> Iterator[Fault]:
    """The fault, for the length of the block."""
    fault = Fault(number)
    with pytest.MonkeyPatch.context() as patch:
        faults(patch, fault)
        yield fault


async def attempt(database: str, baseline: Baseline, run_key: str, faults: Faults, number: int) -> Fault:
    """An ingest with a fault that says what came of it: what was planted, or what the program made of it."""
    with injected(faults, number) as fault:
        try:
            await ingest(database, baseline.runs[run_key], force=True)
        except Exception as error:
            fault.outcome = error
    if fault.outcome is not None and not fault.happened:
        raise fault.outcome
    return fault


async def check(database: str, before: Snapshot, done: Snapshot) -> bool:
    """All of what was served before, or all of what the ingest leads to; says whether the latter."""
    await alone(database)
    await fail_interrupted(database)
    now = {name: rows for name, rows in (await snapshot(database)).items() if name in SERVED}
    await assert_consistent(database)
    if now == {name: before[name] for name in SERVED}:
        return False
    assert now == {name: done[name] for name in SERVED}
    return True


def chosen(calls: int) -> list[int]:
    """The first number, one in between, and the last one."""
    return sorted({1, calls // 2, calls})


@pytest.mark.parametrize(
    "faults", [lose_connections, lose_chunks, fail_reads], ids=lambda each: each.__name__
)
def test_an_ingest_that_fails_anywhere_changes_nothing(
    baseline: Baseline, undisturbed: dict[str, Snapshot], faults: Faults
) -> None:
    assert disturb(baseline, undisturbed, B, faults, chosen(count_calls(baseline, B, faults))) > 0


@pytest.mark.thorough
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("run_key", "faults"), [*((B, each) for each in FAULTS), (A, lose_connections)])
def test_every_call_may_fail(
    baseline: Baseline, undisturbed: dict[str, Snapshot], run_key: str, faults: Faults
) -> None:
    """Also when it is the published run that is done again."""
    calls = count_calls(baseline, run_key, faults)
    assert disturb(baseline, undisturbed, run_key, faults, list(range(1, calls + 1, STRIDE))) > 1


def count_calls(baseline: Baseline, run_key: str, faults: Faults) -> int:
    """How many calls an ingest takes that nothing disturbs."""
    with clone(baseline.url) as database:
        return asyncio.run(attempt(database, baseline, run_key, faults, NEVER)).count


def disturb(
    baseline: Baseline,
    undisturbed: dict[str, Snapshot],
    run_key: str,
    faults: Faults,
    numbers: list[int],
) -> int:
    """Fail the calls with these numbers, one an ingest; returns how many ingests failed over it.

    Each ingest finds what those before it left. After one that got through everything begins anew.
    """
    remaining, failed = numbers, 0
    while remaining:
        with clone(baseline.url) as database:
            before = asyncio.run(snapshot(database))
            through = False
            while remaining and not through:
                number, *remaining = remaining
                fault = asyncio.run(attempt(database, baseline, run_key, faults, number))
                failed += fault.outcome is not None
                through = asyncio.run(check(database, before, undisturbed[run_key]))
            asyncio.run(ingest(database, baseline.runs[run_key], force=not through))
            assert asyncio.run(snapshot(database)) == undisturbed[run_key], number
    return failed
