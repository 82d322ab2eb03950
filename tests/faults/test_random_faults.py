"""Ingests and servers that are killed at any moment, connections that drop, disks that fill up."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.support.disk import small_disk, used
from tests.support.lifecycle import (
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
    start,
    state,
)
from tests.support.manifests import execute
from transforms.embedded import EmbeddedPostgres

pytestmark = pytest.mark.thorough

SERVED = ("signals", "assignments", "events", "marts", "contributions")
KILLS, DROPS, SERVER_KILLS = 20, 4, 5
DROP_ALL = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""


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


def command(baseline: Baseline, run_key: str) -> tuple[str, ...]:
    """An ingest that has everything to do."""
    return ("ingest", str(baseline.runs[run_key].path), "--skip-preflight", "--force")


def seconds_of_an_ingest(baseline: Baseline) -> float:
    """How long the command takes here and now."""
    with clone(baseline.url) as url:
        started = time.monotonic()
        process = start(*command(baseline, B), database_url=url)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return time.monotonic() - started


def moments(seed: int, count: int, seconds: float) -> list[float]:
    """Moments of an ingest that takes so long: one of each part of it, at random, in random order."""
    chance = random.Random(seed)  # noqa: S311 -- moments, no secrets
    found = [(number + chance.random()) * seconds / count for number in range(count)]
    chance.shuffle(found)
    return found


def served(found: Snapshot) -> Snapshot:
    """What of a database readers and people see."""
    return {name: found[name] for name in SERVED}


async def check(database: str, before: Snapshot, done: Snapshot) -> None:
    """Whatever happened: all of what was served before, or all of what the ingest leads to."""
    await alone(database)
    await fail_interrupted(database)
    assert served(await snapshot(database)) in (served(before), served(done))
    await assert_consistent(database)


def disturb(
    baseline: Baseline, undisturbed: dict[str, Snapshot], seed: int, count: int, fault: Callable[..., None]
) -> list[tuple[int | None, str]]:
    """Ingest each run ``count`` times, with a fault at some moment of each; how the commands ended.

    After each the database is as it was or as it should become; at the end the ingest succeeds.
    """
    seconds = seconds_of_an_ingest(baseline)
    ended = []
    for number, run_key in enumerate((B, A)):
        with clone(baseline.url) as database:
            before = asyncio.run(snapshot(database))
            for moment in moments(seed + number, count, seconds):
                process = start(*command(baseline, run_key), database_url=database)
                time.sleep(moment)
                fault(process, database)
                _, err = process.communicate(timeout=30)
                ended.append((process.returncode, err))
                asyncio.run(check(database, before, undisturbed[run_key]))
            asyncio.run(ingest(database, baseline.runs[run_key], force=True))
            assert asyncio.run(snapshot(database)) == undisturbed[run_key]
    return ended


def test_an_ingest_may_be_killed_at_any_moment(baseline: Baseline, undisturbed: dict[str, Snapshot]) -> None:
    def kill(process: subprocess.Popen[str], database: str) -> None:
        process.kill()

    ended = disturb(baseline, undisturbed, 4, KILLS // 2, kill)
    # Some may have been through already: the machine has other things to do as well.
    assert sum(code == -signal.SIGKILL for code, _ in ended) > KILLS // 2


def test_connections_may_drop_at_any_moment(baseline: Baseline, undisturbed: dict[str, Snapshot]) -> None:
    def drop(process: subprocess.Popen[str], database: str) -> None:
        asyncio.run(execute(database, DROP_ALL))

    ended = disturb(baseline, undisturbed, 40, DROPS // 2, drop)
    for code, err in ended:
        assert code in (0, 4), err
        assert code == 0 or err.startswith("error: "), err
    assert any(code == 4 for code, _ in ended)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for an embedded server; a short path, for the socket."""
    with tempfile.TemporaryDirectory(prefix="compass-") as folder:
        yield Path(folder)


def test_the_server_may_be_killed_at_any_moment(home: Path, tmp_path: Path) -> None:
    with EmbeddedPostgres(home) as server:
        baseline = make_baseline(server.url, tmp_path)
        before = asyncio.run(snapshot(server.url))
    environment = {"database_url": None, "COMPASS_HOME": str(home)}
    seen, ended = [], []
    for moment in moments(44, SERVER_KILLS, 2.0):
        process = start(*command(baseline, B), **environment)
        kill_server(home, moment)
        _, err = process.communicate(timeout=60)
        ended.append((process.returncode, err))
        with EmbeddedPostgres(home) as server:
            asyncio.run(fail_interrupted(server.url))
            seen.append(asyncio.run(snapshot(server.url)))
            asyncio.run(assert_consistent(server.url))
    with EmbeddedPostgres(home) as server:
        asyncio.run(ingest(server.url, baseline.b, force=True))
        done = asyncio.run(snapshot(server.url))
        assert asyncio.run(state(server.url, B)) == ("published", None)
        asyncio.run(assert_consistent(server.url))
    assert len(done["signals"]) == len(before["signals"]) + 1
    for found in seen:
        assert served(found) in (served(before), served(done))
    for code, err in ended:
        assert code in (0, 4), err
        assert code == 0 or (err.startswith("error: ") and "hint: " in err), err
    assert any(code == 4 for code, _ in ended)


def kill_server(home: Path, moment: float) -> None:
    """Kill the embedded server so long after it is ready; the command that started it may be through."""
    file = home / "pgdata" / "postmaster.pid"
    deadline = time.monotonic() + 20
    while not (file.exists() and "ready" in file.read_text()):
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    number = int(file.read_text().split()[0])
    time.sleep(moment)
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def test_a_full_disk_changes_nothing_that_is_served(home: Path, tmp_path: Path) -> None:
    home.chmod(0o755)
    with EmbeddedPostgres(home) as server:
        owner = (home / "pgdata").stat().st_uid
        with small_disk(home / "disk", owner) as resize:
            baseline = make_baseline(server.url, tmp_path)
            admin = make_url(server.url).set(database="postgres").render_as_string(hide_password=False)
            asyncio.run(execute(admin, f"create tablespace small location '{home / 'disk'}'"))
            try:
                asyncio.run(execute(admin, "create database small template quality_compass tablespace small"))
                url = make_url(server.url).set(database="small").render_as_string(hide_password=False)
                run_out_of_space(url, baseline, home / "disk", resize)
            finally:
                asyncio.run(execute(admin, "drop database if exists small with (force)"))
                asyncio.run(execute(admin, "drop tablespace small"))


def run_out_of_space(url: str, baseline: Baseline, disk: Path, resize: Callable[[str], None]) -> None:
    """Ingest run B with ever more space left, in the end with enough."""
    before = asyncio.run(snapshot(url))
    failed = 0
    for left in (0, 1, 2, 3):
        resize(str(used(disk) + left * 1024 * 1024))
        process = start(*command(baseline, B), database_url=url)
        _, err = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        failed += 1
        assert process.returncode in (1, 4), err
        assert "SQLSTATE 53100" in err or "No space left on device" in err
        asyncio.run(fail_interrupted(url))
        assert served(asyncio.run(snapshot(url))) == served(before)
        asyncio.run(assert_consistent(url))
        now, error = asyncio.run(state(url, B))
        # Before the publish the run has failed; a publish that fails may be tried again.
        assert now == "built" or (now == "failed" and error), now
    assert failed > 1
    resize("256m")
    asyncio.run(ingest(url, baseline.b))
    assert asyncio.run(state(url, B)) == ("published", None)
    asyncio.run(assert_consistent(url))
