"""A command that has nothing left to do ends at once, and leaves nothing undone."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading, time
from transforms.cli import run

def later():
    time.sleep(3)
    print("a thread ends")

{prepared}
sys.argv = ["compass", "rules", "{rule}"]
run()
"""


def _run(prepared: str, rule: str = "QC601") -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(prepared=prepared, rule=rule)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("rule", "code"), [("QC601", 0), ("QC000", 2)])
def test_exit_codes_stay(rule: str, code: int) -> None:
    assert _run("", rule).returncode == code


def test_exit_functions_run() -> None:
    assert _run("atexit.register(print, 'the last word')").stdout.endswith("the last word\n")


def test_threads_are_waited_for() -> None:
    ended = _run("threading.Thread(target=later).start()")
    assert (ended.returncode, "a thread ends" in ended.stdout) == (0, True)


def test_nothing_is_taken_apart() -> None:
    """What Python does with the modules at its end takes as long as many a rule, after a large run."""
    noted = "class Noted:\n    def __del__(self): print('taken apart')\nkept = Noted()"
    assert "taken apart" not in _run(noted).stdout
