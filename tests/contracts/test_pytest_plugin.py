"""`pytest --compass-run DIR`, run as the engine's own tests would run it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from contracts.rules.registry import RULES
from tests.support.compass import environment
from transforms.sample import sample_run

pytestmark = pytest.mark.slow


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in ``folder`` with this plugin alone, however it is installed."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "transforms.pytest_plugin", "-rA", *arguments],
        cwd=folder,
        env=environment(
            None, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTHONPATH=str(Path(__file__).parents[2]), NO_COLOR="1"
        ),
        capture_output=True,
        text=True,
        check=False,
    )


def totals(output: str) -> dict[str, int]:
    """Counts of the last line, e.g. ``{"passed": 3}``."""
    return {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", output.splitlines()[-1])}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a test of its own, and a run whose node file is missing beside a stray one."""
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    shutil.copytree(sample_run(), tmp_path / "broken")
    shard = min((tmp_path / "broken/results/nodes").glob("*.jsonl"), key=lambda path: path.stat().st_size)
    shard.rename(shard.with_name("stray.jsonl"))
    return tmp_path


def test_each_rule_is_a_test(project: Path) -> None:
    done = run_pytest(project, f"--compass-run={sample_run()}")
    assert done.returncode == 0, done.stdout
    assert totals(done.stdout)["passed"] == len(RULES) + 1
    assert "PASSED compass[synthetic/20260301070000]::QC102-missing-node-shard" in done.stdout


def test_a_broken_rule_fails_with_its_findings(project: Path) -> None:
    done = run_pytest(project, "--compass-run=broken", "-k", "QC10")
    assert done.returncode == 1
    assert totals(done.stdout)["failed"] == 1
    assert "FAILED compass[synthetic/20260301070000]::QC102-missing-node-shard" in done.stdout
    assert "QC102 results/index.json  results/nodes/" in done.stdout
    assert "hint: copy the missing file" in done.stdout
    assert "Traceback" not in done.stdout
    assert "warning: " in done.stdout, "milder findings are shown"


def test_warnings_fail_where_asked(project: Path) -> None:
    done = run_pytest(project, "--compass-run=broken", "--compass-fail-on", "warning", "-k", "QC10")
    assert totals(done.stdout)["failed"] == 2


def test_several_runs_and_a_marker(project: Path) -> None:
    runs = ["--compass-run=broken", f"--compass-run={sample_run()}"]
    done = run_pytest(project, *runs, "-m", "compass", "--strict-markers", "--collect-only", "-q")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("::QC102-") == 2
    assert "test_own" not in done.stdout


def test_without_the_option_nothing_is_added(project: Path) -> None:
    done = run_pytest(project)
    assert totals(done.stdout) == {"passed": 1}


def test_what_is_no_run_ends_the_session(project: Path) -> None:
    done = run_pytest(project, "--compass-run=missing")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --compass-run: missing is not a readable run" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_plugin_loads_nothing_heavy_by_itself() -> None:
    program = (
        "import sys, transforms.pytest_plugin\n"
        "print(sorted({'polars', 'pandera', 'duckdb', 'msgspec', 'contracts'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_plugin_is_declared(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"compass": "transforms.pytest_plugin"}
