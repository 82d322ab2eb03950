"""The watcher: what it takes, in which order, what it leaves alone, and how it goes on after trouble."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.compass import compass
from tests.support.lifecycle import (
    GRAPH,
    A,
    B,
    Baseline,
    Snapshot,
    clone,
    held_up_at,
    ingest,
    make_baseline,
    snapshot,
    start,
    state,
)
from tests.support.manifests import connected, execute, rows, until
from tests.support.run_copies import RunCopy
from transforms.database import connection
from transforms.lifecycle import registry
from transforms.lifecycle.arrivals import Arrivals, NotAFolderOfRuns
from transforms.lifecycle.prune import prune
from transforms.lifecycle.rollback import rollback
from transforms.progress import NoProgress
from transforms.synth.corruptions.artifacts import CLASSIFICATIONS, NODE_YAML

pytestmark = pytest.mark.slow

PUBLISHED = "select exists (select from public.runs where run_key = '{}' and state = 'published')"


@pytest.fixture(scope="module")
def baseline(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    return make_baseline(database_url, tmp_path_factory.mktemp("runs"), valid=True)


@pytest.fixture
def database(baseline: Baseline) -> Iterator[str]:
    """A database where run A is published."""
    with clone(baseline.url) as url:
        yield url


@pytest.fixture
def undisturbed(baseline: Baseline) -> Snapshot:
    """What the database holds after one ingest of run B."""
    with clone(baseline.url) as url:
        asyncio.run(ingest(url, baseline.b))
        return asyncio.run(snapshot(url))


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def arrive(inbox: Path, run: RunCopy, name: str | None = None) -> RunCopy:
    """Put a copy of ``run`` into the folder that is watched."""
    target = inbox / GRAPH / (name or run.path.name)
    shutil.copytree(run.path, target)
    return RunCopy(target)


def once(inbox: Path, database: str, code: int = 0) -> list[dict[str, Any]]:
    """What `compass watch --once` says."""
    done = compass(
        "watch", str(inbox), "--once", "--stable", "0", "-f", "json", database_url=database, check=False
    )
    assert done.code == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def told(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["event"], event["run_key"]) for event in events]


@contextmanager
def watching(inbox: Path, database: str) -> Iterator[subprocess.Popen[str]]:
    """A watcher in the background, killed at the end."""
    process = start(
        "watch", str(inbox), "--interval", "0.1", "--stable", "0.2", "-f", "json", database_url=database
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == f"watching {inbox}; Ctrl-C stops it\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def hear(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next thing that a watcher says."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the watcher ended"
    document: dict[str, Any] = json.loads(line)
    return document


async def record(database: str, run_key: str) -> registry.RunRecord:
    async with connection(database) as opened:
        found = await registry.get_run(opened, run_key)
    assert found is not None
    return found


async def test_runs_are_brought_in_oldest_first_and_the_registry_says_why_others_stay_out(
    database: str, baseline: Baseline, inbox: Path
) -> None:
    await execute(database, "delete from public.runs")
    for run in (baseline.b, baseline.a):
        arrive(inbox, run)
    broken_key = f"{GRAPH}/20260501070000"
    broken = arrive(inbox, baseline.b, "20260501070000")
    for name in ("results/index.json", "run_manifest.json"):
        broken.edit(name, lambda document: document.update(run_id="20260501070000"))
    whole = broken.read(CLASSIFICATIONS)
    broken.write(CLASSIFICATIONS, whole[: len(whole) // 2])
    partial = arrive(inbox, baseline.b, "20260601070000")
    partial.file("run_manifest.json").unlink()

    events = once(inbox, database, code=1)
    assert told(events) == [("published", A), ("published", B), ("failed", broken_key)]
    assert events[1]["signals"]["signals_created"] > 0
    assert events[2]["path"] == str(broken.path)
    found = await record(database, broken_key)
    assert found.state == "failed"
    assert found.error == events[2]["reason"]
    assert found.error is not None
    assert found.error.startswith("the preflight found ")
    assert CLASSIFICATIONS in found.error
    assert found.preflight["errors"] > 0
    assert (await state(database, A), await state(database, B)) == (("superseded", None), ("published", None))

    # Whoever watches next has nothing to do, and does not try again what failed.
    before = await snapshot(database)
    assert once(inbox, database) == []
    assert await snapshot(database) == before
    # Files that change are another matter.
    broken.write(CLASSIFICATIONS, whole + b"{}\n")
    assert told(once(inbox, database, code=1)) == [("failed", broken_key)]


async def test_a_published_run_whose_files_break_stays_served(
    database: str, baseline: Baseline, inbox: Path
) -> None:
    before = await snapshot(database)
    run = arrive(inbox, baseline.a)
    whole = run.read(CLASSIFICATIONS)
    run.write(CLASSIFICATIONS, b"{\n" + whole)
    assert told(once(inbox, database, code=1)) == [("failed", A)]
    assert await snapshot(database) == before
    now, error = await state(database, A)
    assert now == "published"
    assert error is not None
    assert error.startswith("the preflight found ")
    assert once(inbox, database) == []
    # The very files that are served, again.
    run.write(CLASSIFICATIONS, whole)
    assert once(inbox, database) == []
    assert await snapshot(database) == before
    # Other files that are right.
    run.write(NODE_YAML, run.read(NODE_YAML) + b"# looked at\n")
    assert told(once(inbox, database)) == [("published", A)]
    assert await state(database, A) == ("published", None)


async def test_what_people_decided_is_not_undone(database: str, baseline: Baseline, inbox: Path) -> None:
    arrive(inbox, baseline.a)
    arrive(inbox, baseline.b)
    assert told(once(inbox, database)) == [("published", B)]
    await rollback(database, GRAPH, NoProgress())
    assert once(inbox, database) == []
    assert await state(database, A) == ("published", None)
    await rollback(database, GRAPH, NoProgress())
    await prune(database, 0)
    events = once(inbox, database)
    assert told(events) == [("skipped", A)]
    assert events[0]["reason"] == f"{B} is newer and published"
    assert await state(database, A) == (None, None)


async def test_of_two_directories_with_one_run_that_named_like_it_counts(
    database: str, baseline: Baseline, inbox: Path
) -> None:
    run = arrive(inbox, baseline.b)
    # Sorts before it, and differs.
    copy = arrive(inbox, baseline.b, "!" + baseline.b.path.name)
    copy.write(NODE_YAML, copy.read(NODE_YAML) + b"# of the copy\n")
    events = once(inbox, database)
    assert told(events) == [("waiting", B), ("published", B)]
    assert events[0]["path"] == str(copy.path)
    assert events[0]["reason"].startswith(f"{run.path} holds this run as well")
    before = await snapshot(database)
    assert told(once(inbox, database)) == [("waiting", B)]
    assert await snapshot(database) == before
    # Without the other it counts.
    shutil.rmtree(run.path)
    assert told(once(inbox, database)) == [("published", B)]


def test_a_run_is_stable_when_its_files_looked_the_same_for_long_enough(
    baseline: Baseline, inbox: Path
) -> None:
    now = [0.0]
    arrivals = Arrivals(inbox, 10, clock=lambda: now[0])
    run = arrive(inbox, baseline.a)
    [first] = arrivals.look()
    assert (first.path, first.stable) == (run.path.resolve(), False)
    now[0] = 9.0
    times = run.file(CLASSIFICATIONS).stat()
    run.edit_lines(CLASSIFICATIONS, lambda lines: [*lines[1:], lines[0]])
    os.utime(run.file(CLASSIFICATIONS), ns=(times.st_atime_ns, times.st_mtime_ns))
    now[0] = 10.0
    [changed] = arrivals.look()
    assert not changed.stable
    assert changed.fingerprint != first.fingerprint
    now[0] = 19.9
    assert not arrivals.look()[0].stable
    now[0] = 20.0
    assert arrivals.look()[0].stable
    (run.path / "new").touch()
    assert not arrivals.look()[0].stable
    run.file("results/index.json").unlink()
    assert arrivals.look() == []


def test_a_folder_that_holds_no_runs_is_refused(baseline: Baseline, inbox: Path) -> None:
    with pytest.raises(NotAFolderOfRuns, match="is not a directory"):
        Arrivals(inbox / "nosuch", 0)
    with pytest.raises(NotAFolderOfRuns, match="is a run itself"):
        Arrivals(baseline.a.path, 0)


async def test_a_watcher_takes_what_arrives_and_ends_with_one_line(
    database: str, baseline: Baseline, inbox: Path
) -> None:
    with watching(inbox, database) as watcher:
        run = arrive(inbox, baseline.b)
        event = hear(watcher)
        assert (event["event"], event["run_key"], event["reason"]) == ("published", B, None)
        run.write(CLASSIFICATIONS, b"[]\n")
        assert hear(watcher)["event"] == "failed"
        watcher.send_signal(signal.SIGINT)
        out, err = watcher.communicate(timeout=20)
    assert watcher.returncode == 130
    assert out == ""
    assert err == "interrupted; nothing is left half done, see `compass runs list`\n"
    assert (await state(database, B))[0] == "published"


async def test_a_watcher_goes_on_where_a_killed_one_ended(
    database: str, baseline: Baseline, inbox: Path
) -> None:
    arrive(inbox, baseline.b)
    async with held_up_at(database, "public_marts.fct_contributions") as arrived:
        with watching(inbox, database):
            await arrived()
    assert (await state(database, B))[0] == "building"
    with watching(inbox, database) as watcher:
        assert told([await asyncio.to_thread(hear, watcher)]) == [("published", B)]
    assert await state(database, B) == ("published", None)


async def test_a_lost_connection_is_no_reason_to_give_a_run_up(
    database: str, baseline: Baseline, inbox: Path
) -> None:
    arrive(inbox, baseline.b)
    with watching(inbox, database) as watcher:
        async with held_up_at(database, "public_marts.fct_contributions") as arrived:
            await arrived()
            await execute(
                database,
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and application_name like 'compass%'",
            )
            event = await asyncio.to_thread(hear, watcher)
            assert event["event"] == "waiting", event
        while event["event"] == "waiting":
            event = await asyncio.to_thread(hear, watcher)
        assert told([event]) == [("published", B)]
    assert (await record(database, B)).failed_checksum is None


async def test_of_several_watchers_one_brings_a_run_in(
    database: str, baseline: Baseline, inbox: Path, undisturbed: Snapshot
) -> None:
    with watching(inbox, database) as first, watching(inbox, database) as second:
        arrive(inbox, baseline.b)
        await until(database, PUBLISHED.format(B), seconds=30)
        # Long enough for either to look again.
        await asyncio.sleep(1.5)
        said = []
        for watcher in (first, second):
            watcher.send_signal(signal.SIGINT)
            out, _ = watcher.communicate(timeout=20)
            said += [json.loads(line) for line in out.splitlines()]
    assert told(said) == [("published", B)]
    assert await snapshot(database) == undisturbed


async def test_a_run_that_somebody_else_brings_in_is_left_to_them(
    database: str, baseline: Baseline, inbox: Path
) -> None:
    arrive(inbox, baseline.b)
    with watching(inbox, database) as watcher:
        async with held_up_at(database, "public_marts.fct_contributions") as arrived:
            await arrived()
            # What the watcher works on is as busy to others as theirs is to it.
            refused = compass("ingest", str(baseline.b.path), "--no-wait", database_url=database, check=False)
        assert refused.code == 4
        assert told([await asyncio.to_thread(hear, watcher)]) == [("published", B)]
    await execute(database, f"update public.runs set state = 'loaded' where run_key = '{B}'")
    async with connected(database) as other:
        await other.execute("select pg_advisory_lock($1, hashtext($2))", 0x51C1, B)
        assert told(once(inbox, database)) == [("waiting", B)]
    assert await rows(database, f"select state from public.runs where run_key = '{B}'") == [("loaded",)]
