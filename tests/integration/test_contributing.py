"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

COPIED = ("backend", "contracts", "dbt", "docs", "requirements", "tests", "transforms")
FILES = ("pyproject.toml", "README.md", "CONTRIBUTING.md", "Makefile")
# Text that ends in a path, then a block that is the file, or a change of it; or a block of commands.
STEP = re.compile(
    r"(?:`(?P<path>[\w./-]+)`:\n\n)?```(?P<kind>python|sql|yaml|diff|sh)\n(?P<text>.*?)^```$", re.M | re.S
)


def _recipe(repository: Path, title: str) -> str:
    text = (repository / "CONTRIBUTING.md").read_text()
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    """The repository without its history, with the installed tools."""
    leave = shutil.ignore_patterns("__pycache__", "target", "logs", "*.parquet")
    for name in COPIED:
        shutil.copytree(repository / name, tmp_path / name, ignore=leave)
    for name in FILES:
        shutil.copy(repository / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(repository / ".venv")
    return tmp_path


def _run(command: str, folder: Path) -> str:
    # The tools are installed for the repository; the copy's modules come first.
    environment = os.environ | {"PYTHONPATH": str(folder), "COMPASS_HOME": str(folder / "home")}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def _follow(recipe: str, folder: Path) -> str:
    """Do what ``recipe`` says; what its commands printed."""
    printed = ""
    for step in STEP.finditer(recipe):
        if step["kind"] == "sh":
            for command in filter(None, step["text"].splitlines()):
                printed += _run(command, folder)
        elif step["kind"] == "diff":
            subprocess.run(
                ["git", "apply", "--recount", "-"],
                cwd=folder,
                env=os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)},
                input=step["text"],
                text=True,
                check=True,
            )
        else:
            target = folder / step["path"]
            assert not target.exists(), f"{step['path']} is there already: the recipe says it is new"
            target.parent.mkdir(exist_ok=True)
            target.write_text(step["text"])
            if step["kind"] == "python":
                _run(f".venv/bin/ruff check {target} && .venv/bin/ruff format --check {target}", folder)
    return printed


@pytest.mark.thorough
def test_add_a_rule(repository: Path, copy: Path) -> None:
    printed = _follow(_recipe(repository, "Add a rule"), copy)
    assert "QC499 no-encounters (warning)" in printed
    assert re.search(r"\b[2-9] passed", printed), "the defect is found, and the rule has one"
    assert "### QC499 no-encounters" in (copy / "docs/contracts.md").read_text()


@pytest.mark.thorough
def test_add_a_model(repository: Path, copy: Path) -> None:
    printed = _follow(_recipe(repository, "Add a model"), copy)
    assert "PIONEER_SYSTEM" in printed, "the preview of the sample run shows its systems"
    page = (copy / "docs/models.md").read_text().split("\n### fct_system_signals\n")[1].split("\n### ")[0]
    assert "One row a health system of a run" in page
    assert "- Grain: `run_key`, `system_name`" in page
    assert "fct_system_signals" in (copy / "dbt/compiled/duckdb.json").read_text()


@pytest.mark.thorough
def test_add_an_endpoint(repository: Path, copy: Path) -> None:
    printed = _follow(_recipe(repository, "Add an endpoint"), copy)
    assert "1 passed" in printed
    assert "### `GET /api/systems`" in (copy / "docs/api-reference.md").read_text()


def test_changes_of_recipes_still_fit(repository: Path) -> None:
    """What the thorough tests would stumble over first, without running anything."""
    steps = [step for step in STEP.finditer((repository / "CONTRIBUTING.md").read_text()) if step["path"]]
    assert len(steps) == 10
    for step in steps:
        if step["kind"] == "diff":
            subprocess.run(
                ["git", "apply", "--check", "--recount", "-"],
                cwd=repository,
                input=step["text"],
                text=True,
                check=True,
            )
        else:
            assert not (repository / step["path"]).exists()


def test_every_path_named_exists(repository: Path) -> None:
    text = (repository / "CONTRIBUTING.md").read_text()
    made = {step["path"] for step in STEP.finditer(text) if step["kind"] not in ("sh", "diff")}
    named = set(re.findall(r"`((?:backend|contracts|dbt|docs|tests|transforms)/[\w./-]+)`", text))
    assert len(named) > 10
    assert sorted(path for path in named - made if not (repository / path).exists()) == []


def test_every_target_and_command_named_exists(repository: Path) -> None:
    import typer

    from transforms.cli.app import app

    text = (repository / "CONTRIBUTING.md").read_text()
    targets = set(re.findall(r"^([a-z]+):.*## ", (repository / "Makefile").read_text(), re.M))
    called = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.M))
    assert {"setup", "test", "lint", "soak", "bench", "docs", "lock"} <= called <= targets
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    used = set(re.findall(r"(?:`|bin/)compass ([a-z]+)", text))
    assert {"rules", "manifest", "preview", "parity"} <= used <= set(commands)
