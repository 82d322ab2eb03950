"""The locked requirements: whole, hashed, of one mind, and true to what is installed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SETS = ("serve", "demo", "dev")
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")
API_MUST_NOT_NEED = {
    "dbt-core",
    "dbt-postgres",
    "duckdb",
    "numpy",
    "pandas",
    "pandera",
    "polars",
    "pyarrow",
    "sqlglot",
}


def _blocks(path: Path) -> list[str]:
    """The lock's requirements, each with its hashes, without comments."""
    lines = [
        line for line in path.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    return re.split(r"\n(?=\S)", "\n".join(lines))


def _pins(path: Path) -> dict[str, set[str]]:
    pins: dict[str, set[str]] = {}
    for block in _blocks(path):
        match = PIN.match(block)
        assert match, f"{path.name}: {block.splitlines()[0]!r} is not pinned"
        pins.setdefault(match["name"].lower(), set()).add(match["version"])
    return pins


@pytest.mark.parametrize("name", SETS)
def test_every_requirement_is_pinned_and_hashed(repository: Path, name: str) -> None:
    path = repository / "requirements" / f"{name}.txt"
    assert _pins(path)
    assert [block.splitlines()[0] for block in _blocks(path) if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("name", ["serve", "demo"])
def test_sets_agree_with_the_full_one(repository: Path, name: str) -> None:
    full = _pins(repository / "requirements/dev.txt")
    differing = {
        package: (versions, full.get(package))
        for package, versions in _pins(repository / "requirements" / f"{name}.txt").items()
        if not versions <= full.get(package, set())
    }
    assert not differing


def test_the_api_needs_none_of_the_transforming_packages(repository: Path) -> None:
    assert API_MUST_NOT_NEED & _pins(repository / "requirements/serve.txt").keys() == set()


def test_every_declared_dependency_is_locked(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = {
        "serve": project["dependencies"],
        "demo": [*project["dependencies"], *extras["ingest"], *extras["build"]],
        "dev": [*project["dependencies"], *(name for extra in extras.values() for name in extra)],
    }
    for lock, requirements in declared.items():
        names = {re.split(r"[\[<>=!~ ;]", requirement)[0].lower() for requirement in requirements}
        assert names - _pins(repository / "requirements" / f"{lock}.txt").keys() == set(), lock


def test_what_is_installed_fits_together() -> None:
    # The locks are installed with --no-deps: this is where a package missing from one would show.
    answer = subprocess.run(
        [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout
