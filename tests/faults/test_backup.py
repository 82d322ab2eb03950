"""The backups that docs/operations.md describes, taken and restored with its very commands."""

from __future__ import annotations

import asyncio
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.compass import compass
from tests.support.lifecycle import A, Baseline, assert_consistent, make_baseline, snapshot
from tests.support.manifests import execute, rows
from tests.support.postgres import programs

pytestmark = pytest.mark.slow

WORK = ("users", "assignments", "activity_events", "event_reads", "api_keys")
"""What people did; signals they have edited are part of the snapshot."""
EXTRA = (
    "insert into public.activity_events (event_type, signal_id, payload)"
    " select 'comment', id, '{\"content\": \"hm\"}' from public.signals order by id limit 3",
    "insert into public.event_reads (user_id, event_id)"
    " select u.id, e.id from public.users u, public.activity_events e limit 2",
    "insert into public.api_keys (user_id, name, prefix, key_hash)"
    " select id, 'k', 'abc', 'x' from public.users",
)


@pytest.fixture(scope="module")
def baseline(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    made = make_baseline(database_url, tmp_path_factory.mktemp("runs"), valid=True)
    asyncio.run(execute(database_url, *EXTRA))
    return made


def commands(repository: Path, heading: str) -> list[str]:
    """The shell commands that stand below a heading of the operations page."""
    page = (repository / "docs" / "operations.md").read_text()
    block = re.search(rf"^### {re.escape(heading)}\n.*?^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert block is not None, heading
    return [line for line in block[1].replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def perform(command: str, old: str, new: str, run: Path, folder: Path) -> None:
    """Run one of the page's commands, with the names it uses."""
    for name, value in (("$OLD", old), ("$NEW", new), ("/data/runs/GRAPH/RUN", str(run)), ("GRAPH/RUN", A)):
        command = command.replace(name, value.replace("+asyncpg", ""))
    words = shlex.split(command)
    if words[0] == "compass":
        compass(*words[1:], database_url=new)
        return
    done = subprocess.run(
        [programs() / words[0], *words[1:]], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


async def work(database_url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of what people did, positions and times included."""
    return {
        table: await rows(database_url, f"select to_jsonb(t)::text from public.{table} t order by 1")
        for table in WORK
    }


@pytest.mark.parametrize(
    "heading",
    [
        "Work alone",
        pytest.param("Everything", marks=pytest.mark.thorough),
        pytest.param("Without the marts", marks=pytest.mark.thorough),
    ],
)
def test_nothing_of_the_work_is_lost(
    baseline: Baseline, fresh_database_url: str, repository: Path, tmp_path: Path, heading: str
) -> None:
    for command in commands(repository, heading):
        perform(command, baseline.url, fresh_database_url, baseline.a.path, tmp_path)
    assert asyncio.run(work(fresh_database_url)) == asyncio.run(work(baseline.url))
    assert asyncio.run(snapshot(fresh_database_url)) == asyncio.run(snapshot(baseline.url))
    asyncio.run(assert_consistent(fresh_database_url))
    # The feed goes on where it ended.
    asyncio.run(execute(fresh_database_url, EXTRA[0]))
    [(new, old)] = asyncio.run(rows(fresh_database_url, _POSITIONS))
    assert new == old
    assert new > 3


_POSITIONS = "select count(distinct position), count(*) from public.activity_events"
