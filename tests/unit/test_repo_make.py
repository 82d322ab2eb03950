"""The Makefile and the continuous-integration script, as a newcomer meets them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TARGETS = {"help", "setup", "demo", "test", "lint", "bench", "gate", "lock", "soak", "clean"} | {
    "docs",
    "audit",
    "sbom",
    "slow",
    "pages",
}


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Neither the settings of a `make test` that started this test, nor a port set for something else.
    hidden = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PORT", "RUN", "PYTHON", "UV")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def bare_checkout(repository: Path, tmp_path: Path) -> Path:
    """A folder with the Makefile and the locks, and nothing installed."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(repository / name, tmp_path / name)
    shutil.copytree(repository / "requirements", tmp_path / "requirements")
    return tmp_path


@pytest.mark.parametrize("arguments", [(), ("help",)])
def test_help_lists_every_target(repository: Path, arguments: tuple[str, ...]) -> None:
    answer = _make(repository, *arguments)
    assert answer.returncode == 0
    assert set(re.findall(r"^  make ([a-z]+) +[A-Z]", answer.stdout, re.MULTILINE)) == TARGETS


@pytest.mark.parametrize(
    ("interpreter", "shown"), [("Python 3.10.9", "Python 3.10.9"), (None, "not there")], ids=["old", "absent"]
)
@pytest.mark.parametrize("target", ["setup", "demo"])
def test_an_unfit_interpreter_is_refused_in_one_line(
    bare_checkout: Path, target: str, interpreter: str | None, shown: str
) -> None:
    python = bare_checkout / "python3"
    if interpreter is not None:
        python.write_text(f'#!/bin/sh\ntest "$1" = --version && echo {interpreter} && exit 0\nexit 1\n')
        python.chmod(0o755)
    answer = _make(bare_checkout, target, f"PYTHON={python}")
    lines = [line for line in answer.stderr.splitlines() if not line.startswith("make")]
    assert answer.returncode != 0
    assert len(lines) == 1
    assert "needs Python 3.11 or newer" in lines[0]
    assert shown in lines[0]
    assert not (bare_checkout / ".venv").exists()


def test_demo_hands_run_and_port_to_compass(bare_checkout: Path) -> None:
    planned = _make(bare_checkout, "--dry-run", "demo", "RUN=some where/a run", "PORT=9123").stdout
    assert '.venv/bin/compass up --run "some where/a run" --port "9123"' in planned


def test_demo_installs_the_light_set_unless_the_full_one_is_there(bare_checkout: Path) -> None:
    light = _make(bare_checkout, "--dry-run", "demo").stdout
    assert "requirements/demo.txt" in light
    assert "requirements/dev.txt" not in light

    venv = bare_checkout / ".venv"
    venv.mkdir()
    for stamp in (".created", ".installed-dev"):
        (venv / stamp).touch()
    full = _make(bare_checkout, "--dry-run", "demo").stdout
    assert "pip install" not in full
    assert "compass up" in full


def test_a_changed_lock_is_installed_again(bare_checkout: Path) -> None:
    venv = bare_checkout / ".venv"
    venv.mkdir()
    for stamp in (".created", ".installed-dev"):
        (venv / stamp).touch()
    assert "pip install" not in _make(bare_checkout, "--dry-run", "setup").stdout
    newer = (venv / ".installed-dev").stat().st_mtime + 10
    os.utime(bare_checkout / "requirements/dev.txt", (newer, newer))
    assert "--require-hashes" in _make(bare_checkout, "--dry-run", "setup").stdout


def test_bytecode_is_written_once_for_environments_that_keep_none(bare_checkout: Path) -> None:
    planned = _make(bare_checkout, "--dry-run", "setup").stdout
    install, compiling = planned.index("--requirement"), planned.index("compileall")
    assert install < planned.index("--editable") < compiling
    for folder in (".venv/lib", "backend", "contracts", "transforms"):
        assert folder in planned[compiling:]


def test_lock_without_uv_says_so(bare_checkout: Path) -> None:
    answer = _make(bare_checkout, "lock", "UV=no-such-uv")
    assert answer.returncode != 0
    assert "needs uv" in answer.stderr


def test_ci_runs_tests_then_checks(repository: Path) -> None:
    script = repository / ".ci/run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    commands = re.findall(r"^make (\w+)( WORKERS=\d+)?$", script.read_text(), re.MULTILINE)
    assert [target for target, _ in commands] == ["test", "slow", "lint"]
    assert "set -euo pipefail" in script.read_text()
