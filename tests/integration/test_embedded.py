"""The embedded PostgreSQL: made on first use, shared by commands, stopped by the last."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.compass import Outcome, compass
from transforms.embedded_server import Users


@pytest.fixture
def home() -> Iterator[Path]:
    """A COMPASS_HOME with a short path, as Unix sockets need."""
    with tempfile.TemporaryDirectory(prefix="compass-") as folder:
        yield Path(folder) / "home"


def _list_runs(home: Path) -> Outcome:
    return compass("runs", "list", "-f", "json", check=False, COMPASS_HOME=str(home))


@pytest.mark.slow
def test_commands_that_use_a_fresh_home_at_once_all_succeed(home: Path) -> None:
    with ThreadPoolExecutor() as threads:
        done = list(threads.map(_list_runs, [home] * 4))
    assert [(each.code, each.stdout, each.stderr) for each in done] == [(0, "[]\n", "")] * 4


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_home_that_cannot_be_made_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    failed = _list_runs(tmp_path / place)
    assert failed.code == 4
    assert failed.stderr.startswith(f"error: cannot make {tmp_path / place}, the folder of the embedded")
    assert "COMPASS_HOME" in failed.stderr


@contextmanager
def _user(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that uses the server of ``home``, until it is killed or its stdin ends."""
    code = (
        "import sys; from pathlib import Path; from transforms.embedded import EmbeddedPostgres\n"
        f"with EmbeddedPostgres(Path({str(home)!r})): print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def _running(home: Path) -> bool:
    return (home / "pgdata" / "postmaster.pid").exists()


@pytest.mark.slow
def test_killed_processes_do_not_count_as_users(home: Path) -> None:
    with _user(home) as killed:
        killed.kill()
    assert _running(home)
    with _user(home):
        assert _list_runs(home).code == 0
        assert _running(home), "somebody else uses it"
        assert _list_runs(home).code == 0
    assert not _running(home)


def test_the_list_of_users_is_replaced_not_written_over(tmp_path: Path) -> None:
    """A process killed meanwhile leaves the old list or the new one."""
    path, seen = tmp_path / "list", tmp_path / "seen"
    users = Users(path)
    users.put([os.getpid()])
    os.link(path, seen)
    assert users.get_and_remove(os.getpid()) == [os.getpid()]
    assert seen.read_text() == f"[{os.getpid()}]"
    assert path.read_text() == "[]"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["list", "seen"]


def test_what_another_user_of_the_machine_owns_is_not_needed(home: Path, tmp_path: Path) -> None:
    """The package locks a file of the folder for temporary files, which is that of its first user."""
    (tmp_path / ".lockfile").mkdir()
    done = compass("runs", "list", check=False, COMPASS_HOME=str(home), TMPDIR=str(tmp_path))
    assert done.code == 0, done.stderr
