"""Runs with files that the user may not read, or that are no files: every command says which, and ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.compass import Outcome, environment
from tests.support.databases import execute
from tests.support.lifecycle import A, state
from tests.support.planted import assert_absent
from tests.support.proxy import Proxy
from tests.support.run_copies import RunCopy
from transforms.schema import upgrade_schema
from transforms.synth import generate_run
from transforms.synth.corruptions.artifacts import CLASSIFICATIONS

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(
        sys.platform != "linux", reason="root may read everything, unless Linux takes it back"
    ),
]

AS_OTHERS = """
import ctypes, os, sys
if os.geteuid() == 0:
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, "-m", "transforms.cli", *sys.argv[1:]])
"""
"""Runs `compass` with no more rights to files than their modes give, also as root."""


@pytest.fixture(scope="module")
def server(database_url: str) -> Iterator[str]:
    """A server that is reached without any right to files."""
    with Proxy(database_url) as proxy:
        yield proxy.url


@pytest.fixture
async def database(server: str, database_url: str) -> str:
    await upgrade_schema(database_url)
    await execute(database_url, "delete from public.runs")
    return server


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunCopy]:
    copy = RunCopy(generate_run(tmp_path, run_id=A.split("/")[1], facilities=20))
    yield copy
    # pytest removes it.
    for path in (copy.path / "results", copy.path / "results" / "nodes"):
        path.chmod(0o755)


def restricted(*arguments: str, database_url: str | None = None) -> Outcome:
    """How `compass` ends for somebody who is not above permissions; it must end soon."""
    done = subprocess.run(
        [sys.executable, "-c", AS_OTHERS, *arguments],
        capture_output=True,
        text=True,
        env=environment(database_url),
        check=False,
        timeout=60,
    )
    assert_absent(done.stdout + done.stderr, f"compass {' '.join(arguments)}")
    return Outcome(done.returncode, done.stdout, done.stderr)


def watched(run: RunCopy, database: str) -> tuple[int, list[tuple[str, str | None, str]]]:
    """How a look of a watcher ends, and what it says of runs."""
    root = str(run.path.parent.parent)
    done = restricted("watch", root, "--once", "--stable", "0", "-f", "json", database_url=database)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return done.code, [(each["event"], each["run_key"], each["reason"]) for each in events]


@pytest.mark.parametrize("command", ["preflight", "load", "ingest"])
def test_a_file_that_may_not_be_read_is_a_finding(command: str, run: RunCopy, database: str) -> None:
    run.file(CLASSIFICATIONS).chmod(0)
    done = restricted(command, str(run.path), database_url=database)
    assert done.code == 1, done.stderr
    assert f"QC211 {CLASSIFICATIONS}  cannot be read: Permission denied" in done.stdout


@pytest.mark.parametrize("command", ["preflight", "load", "ingest"])
def test_a_folder_that_may_not_be_read_is_no_link(command: str, run: RunCopy, database: str) -> None:
    run.file("results/nodes").chmod(0)
    done = restricted(command, str(run.path), database_url=database)
    assert done.code == 1, done.stderr
    assert "QC211 results/nodes/" in done.stdout
    assert "QC106" not in done.stdout


@pytest.mark.parametrize("command", ["preflight", "load", "ingest"])
@pytest.mark.parametrize(("folder", "mode"), [("results", 0), ("results/nodes", 0o444)])
def test_a_run_that_may_not_be_looked_at_is_not_readable(
    command: str, folder: str, mode: int, run: RunCopy, database: str
) -> None:
    run.file(folder).chmod(mode)
    done = restricted(command, str(run.path), database_url=database)
    assert done.code == 3, done.stderr
    assert "is not a readable run" in done.stderr
    assert "Permission denied" in done.stderr


@pytest.mark.parametrize("relative", [CLASSIFICATIONS, "results/nodes"])
async def test_a_watcher_says_and_records_what_it_may_not_read(
    relative: str, run: RunCopy, database: str
) -> None:
    mode = run.file(relative).stat().st_mode
    run.file(relative).chmod(0)
    code, [(event, run_key, reason)] = watched(run, database)
    assert (code, event, run_key) == (1, "failed", A)
    assert f"QC211 {relative}" in reason
    assert await state(database, A) == ("failed", reason)
    assert watched(run, database) == (0, [])
    run.file(relative).chmod(mode)
    code, [(event, run_key, _)] = watched(run, database)
    assert (code, event, run_key) == (0, "published", A)


def test_a_watcher_says_which_run_it_may_not_open(run: RunCopy, database: str) -> None:
    run.file("results").chmod(0)
    code, [(event, run_key, reason)] = watched(run, database)
    assert (code, event, run_key) == (0, "waiting", None)
    assert reason == f"{run.path.resolve()} is not a readable run: Permission denied"


@pytest.mark.parametrize("command", ["preflight", "ingest"])
@pytest.mark.parametrize("relative", ["run_manifest.json", "results/index.json"])
def test_a_pipe_in_the_place_of_a_manifest_is_not_waited_for(
    command: str, relative: str, run: RunCopy, database: str
) -> None:
    run.file(relative).unlink()
    os.mkfifo(run.file(relative))
    done = restricted(command, str(run.path), database_url=database)
    assert done.code == 1, done.stderr
    assert f"QC211 {relative}  cannot be read: it is no regular file" in done.stdout
