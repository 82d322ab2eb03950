"""python -m backend.signals.cli: counters on stdout, errors on stderr, exit codes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from backend.signals.cli import main
from tests.api.marts import add_run, signal_row

Run = Callable[..., Awaitable[tuple[int, Any, str]]]
ROWS = [signal_row("F1", simplified_severity=90), signal_row("F2"), signal_row("F3", metric_value=None)]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; gives exit code, stdout (read as JSON where it is) and stderr."""

    async def call(database_url: str, *arguments: str) -> tuple[int, Any, str]:
        monkeypatch.setenv("DATABASE_URL", database_url)
        capsys.readouterr()
        try:
            # In a thread: the command has an event loop of its own.
            code = await asyncio.to_thread(main, arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if printed.out.startswith("{") else printed.out, printed.err

    return call


def _counters(**counted: int) -> dict[str, int]:
    names = ("processed", "created", "updated", "unchanged", "deactivated", "skipped")
    return {f"signals_{name}": counted.get(name, 0) for name in names}


async def test_hydrate_and_count(connection: asyncpg.Connection, migrated_url: str, run: Run) -> None:
    await add_run(connection, "1", ROWS, state="published")
    await add_run(
        connection, "7", [signal_row("F1", graph_name="other")], graph_name="other", state="published"
    )
    await add_run(connection, "2", ROWS)
    assert await run(migrated_url, "hydrate") == (0, _counters(processed=4, created=3, skipped=1), "")
    assert await run(migrated_url, "hydrate") == (0, _counters(processed=4, unchanged=3, skipped=1), "")
    assert await run(migrated_url, "count") == (0, {"count": 3}, "")
    assert await run(migrated_url, "count", "--facility-id", "F1") == (0, {"count": 2}, "")
    assert await run(migrated_url, "count", "--facility-id", "F9") == (0, {"count": 0}, "")


@pytest.mark.parametrize(
    ("arguments", "counted"),
    [
        (("--run-id", "1"), {"processed": 3, "created": 2, "skipped": 1}),
        (("--run-id", "graph/1"), {"processed": 3, "created": 2, "skipped": 1}),
        (("--facility-id", "F1"), {"processed": 1, "created": 1}),
        (("--facility-id", "F1", "--facility-id", "F3"), {"processed": 2, "created": 1, "skipped": 1}),
        (("--limit", "1"), {"processed": 2, "created": 1, "skipped": 1}),
    ],
)
async def test_hydrate_a_part(
    connection: asyncpg.Connection,
    migrated_url: str,
    run: Run,
    arguments: tuple[str, ...],
    counted: dict[str, int],
) -> None:
    await add_run(connection, "1", ROWS, state="published")
    assert await run(migrated_url, "hydrate", *arguments) == (0, _counters(**counted), "")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("hydrate",), 1, "no run is published"),
        (("hydrate", "--run-id", "x' OR '1'='1"), 2, "no run"),
        (("hydrate", "--run-id", "1"), 1, "publish"),
        (("hydrate", "--limit", "0"), 2, "at least 1"),
        (("hydrate", "--limit", "x"), 2, "invalid"),
        ((), 2, "command"),
    ],
)
async def test_failures_are_said_and_leave_no_trace(
    connection: asyncpg.Connection,
    migrated_url: str,
    run: Run,
    arguments: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    await add_run(connection, "1", ROWS)
    failed, printed, said = await run(migrated_url, *arguments)
    assert (failed, printed) == (code, "")
    assert says in said
    assert "Traceback" not in said
    assert await connection.fetchval("select count(*) from signals") == 0


async def test_missing_marts_fail(connection: asyncpg.Connection, migrated_url: str, run: Run) -> None:
    await add_run(connection, "1", ROWS, state="published")
    await connection.execute("drop table public_marts.fct_signals")
    code, printed, said = await run(migrated_url, "hydrate")
    assert (code, printed) == (1, "")
    assert said.count("\n") == 1
    assert "fct_signals" in said


async def test_unready_databases_get_exit_code_4(fresh_database_url: str, run: Run) -> None:
    for command in ("hydrate", "count"):
        code, _, said = await run(fresh_database_url, command)
        assert (code, "compass db upgrade" in said) == (4, True)
        code, _, said = await run("postgresql://nobody@127.0.0.1:1/none", command)
        assert (code, "does not answer" in said) == (4, True)


async def test_it_runs_as_a_module(connection: asyncpg.Connection, migrated_url: str) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "backend.signals.cli", "hydrate"],
        env={"DATABASE_URL": migrated_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no run is published")
