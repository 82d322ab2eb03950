"""The one place that runs dbt: a subprocess of this interpreter, never an import.

dbt takes seconds to import and brings a hundred megabytes; a process of its own keeps both out of
``compass`` and lets a build be interrupted cleanly.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from transforms.compiled.errors import DbtFailed, DbtNotInstalled

Event = Mapping[str, Any]
"""One line of dbt's structured log: ``info`` (name, level, msg) and ``data``."""

_MODULE = "dbt.cli.main"
_NODES_FAILED = 1
"""dbt's exit code when it ran and nodes failed; any other but 0 means that it could not run."""
_INTERRUPT_GRACE_SECONDS = 10.0
_MAX_LINE_BYTES = 16 * 1024 * 1024


def profile_environment(database_url: str | None, threads: int = 4) -> dict[str, str]:
    """Environment variables that the project's ``profiles.yml`` reads, from a database URL.

    ``?host=/folder`` names a Unix socket's folder, as libpq has it. Without a URL the profile
    points nowhere, which is enough to parse and compile.
    """
    parts = urlsplit(database_url or "postgresql://localhost/quality_compass")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "DBT_POSTGRES_HOST": query.get("host") or unquote(parts.hostname or "localhost"),
        "DBT_POSTGRES_PORT": query.get("port") or str(parts.port or 5432),
        "DBT_POSTGRES_USER": query.get("user") or unquote(parts.username or "postgres"),
        "DBT_POSTGRES_PASSWORD": query.get("password") or unquote(parts.password or ""),
        "DBT_POSTGRES_DATABASE": unquote(parts.path.lstrip("/")) or "postgres",
        "DBT_THREADS": str(threads),
    }


@dataclass(frozen=True, slots=True)
class DbtRun:
    """A dbt command that ran: whether all nodes succeeded, and where it left its artifacts."""

    command: tuple[str, ...]
    returncode: int
    target: Path
    errors: tuple[str, ...]

    @property
    def succeeded(self) -> bool:
        """Whether no node failed."""
        return self.returncode == 0

    def require_success(self) -> None:
        """Raise DbtFailed when a node failed."""
        if not self.succeeded:
            raise DbtFailed(self.command, self.returncode, self.errors)

    def artifact(self, name: str) -> dict[str, Any]:
        """A JSON document dbt wrote, for example ``run_results.json``."""
        document: dict[str, Any] = json.loads((self.target / name).read_bytes())
        return document


async def run_dbt(
    project: Path,
    command: Sequence[str],
    *,
    database_url: str | None = None,
    target: Path | None = None,
    threads: int = 4,
    on_event: Callable[[Event], None] | None = None,
) -> DbtRun:
    """Run ``dbt COMMAND`` in ``project``; its log events go to ``on_event`` as they come.

    Returns when dbt ran, also when nodes failed. Raises DbtNotInstalled, or DbtFailed when dbt
    could not do its work. When cancelled, dbt is interrupted as by Ctrl-C, so that it cancels its
    queries, and is waited for.
    """
    # Absolute: dbt takes a relative target from the project, and so may run from any folder.
    target = (target or project / "target").resolve()
    arguments = [
        *("-W", "ignore::RuntimeWarning:runpy", "-m", _MODULE),
        *("--log-format", "json", "--no-use-colors", "--no-send-anonymous-usage-stats"),
        *command,
        *("--project-dir", str(project.resolve()), "--profiles-dir", str(project.resolve())),
        *("--target-path", str(target)),
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | profile_environment(database_url, threads) | {"DBT_LOG_PATH": str(target)},
        # Its own process group: Ctrl-C reaches dbt once, from here, and not from the terminal too.
        start_new_session=True,
        limit=_MAX_LINE_BYTES,
    )
    try:
        errors = await _follow(process, on_event)
    except BaseException:
        await _interrupt(process)
        raise
    returncode = await process.wait()
    if any(f"No module named '{name}'" in line for line in errors for name in ("dbt", "dbt.cli")):
        raise DbtNotInstalled
    run = DbtRun(tuple(command), returncode, target, tuple(errors))
    if returncode not in (0, _NODES_FAILED):
        run.require_success()
    return run


async def _follow(process: asyncio.subprocess.Process, on_event: Callable[[Event], None] | None) -> list[str]:
    """Read dbt's output to its end; returns the error messages in it."""
    errors: list[str] = []
    assert process.stdout is not None
    async for raw in process.stdout:
        line = raw.decode(errors="replace").rstrip()
        event = _parse(line)
        if event is None:
            # Not a log line: a traceback of Python, or of dbt before its log starts.
            if line:
                errors.append(line)
            continue
        if event["info"]["level"] == "error":
            errors.append(event["info"]["msg"])
        if on_event is not None:
            on_event(event)
    return errors


def _parse(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "info" in event else None


async def _interrupt(process: asyncio.subprocess.Process) -> None:
    for sign in (signal.SIGINT, signal.SIGKILL):
        if process.returncode is not None:
            return
        process.send_signal(sign)
        try:
            # What dbt still writes must be read, or it blocks on a full pipe and never ends.
            await asyncio.wait_for(process.communicate(), _INTERRUPT_GRACE_SECONDS)
        except TimeoutError:
            continue
