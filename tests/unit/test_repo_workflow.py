"""What a stranger's changes go through: hooks, workflow, templates; each names what is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _targets(repository: Path) -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", (repository / "Makefile").read_text(), re.M))


def test_the_workflow_runs_what_ci_runs(repository: Path) -> None:
    workflow = _load(repository / ".github/workflows/ci.yml")
    steps = [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step]
    assert steps == ["make setup", ".ci/run"]
    called = {
        target
        for job in workflow["jobs"].values()
        for step in job["steps"]
        for command in re.findall(r"^make (.+)$", step.get("run", ""), re.M)
        for target in command.split()
    }
    assert {"setup", "audit", "sbom", "gate"} <= called <= _targets(repository)
    assert workflow["permissions"] == {"contents": "read"}


def test_the_workflow_runs_on_every_python_that_is_supported(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    declared = {
        match[1]
        for classifier in project["classifiers"]
        if (match := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", classifier))
    }
    matrix = _load(repository / ".github/workflows/ci.yml")["jobs"]["check"]["strategy"]["matrix"]
    assert set(matrix["python"]) == declared == {"3.11", "3.12", "3.13"}


def test_hooks_are_local_and_run_tools_that_are_there(repository: Path) -> None:
    configuration = _load(repository / ".pre-commit-config.yaml")
    assert [each["repo"] for each in configuration["repos"]] == ["local"], "a remote one would be downloaded"
    hooks = configuration["repos"][0]["hooks"]
    for hook in hooks:
        assert hook["language"] == "system"
        tool, *arguments = hook["entry"].split()
        if tool == "make":
            assert set(arguments) <= _targets(repository)
            continue
        assert tool.startswith(".venv/bin/")
        assert Path(tool).name in ("ruff", "lint-imports", "python")
        for argument in arguments:
            if "/" in argument:
                assert (repository / argument).exists(), argument


@pytest.mark.parametrize("name", ["bug", "rule", "wish"])
def test_issue_forms_are_what_github_takes(repository: Path, name: str) -> None:
    form = _load(repository / f".github/ISSUE_TEMPLATE/{name}.yml")
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_the_licence_is_the_one_declared(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    text = (repository / "LICENSE").read_text()
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
