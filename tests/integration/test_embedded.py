"""The embedded PostgreSQL: made on first use, shared by commands, stopped by the last."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.compass import Outcome, compass


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
