"""The README says what the command line does: neither more nor less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

TABLE_ROW = re.compile(r"^\| (`(?:[^|]|\\\|)*`) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text()


@pytest.fixture(scope="module")
def commands() -> dict[str, set[str]]:
    """Each command, sub-commands with a space, and its options."""
    from transforms.cli.app import app

    found: dict[str, set[str]] = {}

    def walk(command: object, name: str) -> None:
        members = getattr(command, "commands", None)
        if members is not None:
            for key, member in members.items():
                walk(member, f"{name} {key}".strip())
        else:
            found[name] = {option for parameter in command.params for option in parameter.opts}  # type: ignore[attr-defined]

    walk(typer.main.get_command(app), "")
    return found


@pytest.fixture(scope="module")
def documented(readme: str) -> dict[str, set[str]]:
    """Each command of the README's table, and the options shown there."""
    # Without the header and the rule below it.
    table = readme.split("## Commands")[1].split("\n\n")[1].split("\n", 2)[2]
    shown: dict[str, set[str]] = {}
    for cell in TABLE_ROW.findall(table):
        for usage in re.findall(r"`([^`]+)`", cell):
            name = re.match(r"[a-z]+(?: [a-z]+)*", usage)
            if name:
                shown[name.group()] = set(re.findall(r"--[a-z-]+", usage))
    return shown


def test_every_command_is_in_the_table(
    commands: dict[str, set[str]], documented: dict[str, set[str]]
) -> None:
    assert set(documented) == set(commands)


def test_every_option_shown_exists(commands: dict[str, set[str]], documented: dict[str, set[str]]) -> None:
    assert {
        name: options - commands[name] for name, options in documented.items() if options - commands[name]
    } == {}


def test_every_compass_call_in_the_documents_names_a_command(
    repository: Path, commands: dict[str, set[str]]
) -> None:
    words = {name.split()[0] for name in commands}
    pages = [repository / "README.md", *sorted((repository / "docs").glob("*.md"))]
    called = {
        (page.name, word)
        for page in pages
        for word in re.findall(r"(?:`|bin/|^)compass ([a-z]+)", page.read_text(), re.MULTILINE)
    }
    assert len(called) > 10
    assert {(page, word) for page, word in called if word not in words} == set()


def test_every_make_call_in_the_documents_names_a_target(repository: Path, readme: str) -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (repository / "Makefile").read_text(), re.MULTILINE))
    called = set(re.findall(r"(?:`|^)make ([a-z]+)", readme, re.MULTILINE))
    assert called
    assert called <= targets


def test_exit_codes_are_those_of_the_errors(readme: str) -> None:
    from transforms.errors import CompassError, DatabaseUnavailable, RunNotReadable, UsageError

    section = readme.split("### Exit codes")[1].split("###")[0]
    shown = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    used = {error.exit_code for error in (CompassError, UsageError, RunNotReadable, DatabaseUnavailable)}
    assert shown == used | {0, 1}


def test_what_the_demo_prints_is_what_the_readme_shows(readme: str) -> None:
    from transforms.cli.serve import _welcome

    assert _welcome("http://127.0.0.1:8000").strip() in readme


def test_the_layout_names_folders_that_exist(repository: Path, readme: str) -> None:
    layout = readme.split("## Layout")[1].split("```")[1]
    folders = re.findall(r"(?:^|\s{3,})([a-z]+)/ ", layout, re.MULTILINE)
    assert len(folders) == 8
    assert [name for name in folders if not (repository / name).is_dir()] == []
