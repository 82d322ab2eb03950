"""What the whole suite relies on to find a password in a log does find one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import planted

TESTS = f"""
import logging, os, sys

def test_silent(): pass
def test_prints(): print("postgresql://user:{planted.PASSWORD}@host/name")
def test_logs(): logging.getLogger("any").warning("%s", "{planted.PASSWORD}")
def test_has_a_child_that_tells(): os.write(2, b"{planted.PASSWORD}")
"""


@pytest.mark.slow
def test_a_test_that_shows_the_password_fails(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--show-capture=no", "-p", "tests.conftest"]
    done = subprocess.run(
        [*command, "-p", "no:xdist", "--rootdir", str(tmp_path), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(repository)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("PASSED")] == ["PASSED test_it.py::test_silent"]
    assert sum(line.startswith("FAILED") for line in lines) == 3


def test_what_is_found_is_not_repeated() -> None:
    with pytest.raises(AssertionError, match=r"the log shows a password: \.\.\.before ") as failed:
        planted.assert_absent(f"before {planted.PASSWORD} after", "the log")
    assert planted.PASSWORD not in str(failed.value)
    planted.assert_absent("nothing", "the log")
