"""Run the command line and the API server as a user does: in processes of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx

from tests.support.planted import assert_absent

START_SECONDS = 30.0
_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Stdout as one JSON document."""
        return json.loads(self.stdout)


def environment(database_url: str | None, **extra: str) -> dict[str, str]:
    """The environment of a child: this one's, with the database set."""
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    if database_url is not None:
        inherited["DATABASE_URL"] = database_url
    return inherited | extra


def compass(*arguments: str, database_url: str | None = None, check: bool = True, **extra: str) -> Outcome:
    """Run `compass`; with ``check`` a code other than 0 fails the test, showing what was said."""
    done = subprocess.run(
        [sys.executable, "-m", "transforms.cli", *arguments],
        capture_output=True,
        text=True,
        env=environment(database_url, **extra),
        cwd=_REPOSITORY,
        check=False,
    )
    outcome = Outcome(done.returncode, done.stdout, done.stderr)
    assert_absent(done.stdout + done.stderr, f"compass {' '.join(arguments)}")
    if check:
        assert outcome.code == 0, f"{arguments}: {outcome.stderr or outcome.stdout}"
    return outcome


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    database_url: str, *arguments: str, said: IO[bytes] | None = None, **extra: str
) -> Iterator[httpx.Client]:
    """A client of `compass serve` on ``database_url``; the server is stopped at the end.

    ``said`` is a file that gets what the server says; ``extra`` are environment variables.
    """
    port = free_port()
    # A file, because a pipe that nobody reads fills up and stops the server.
    with tempfile.TemporaryFile() if said is None else nullcontext(said) as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "transforms.cli", "serve", "--port", str(port), *arguments],
            env=environment(database_url, **extra),
            cwd=_REPOSITORY,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                _wait(client, server, output)
                yield client
        finally:
            server.terminate()
            server.wait(timeout=START_SECONDS)
            assert_absent(_said(output), "the server's log")


def _said(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")


def _wait(client: httpx.Client, server: subprocess.Popen[bytes], output: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise AssertionError(f"the server ended with {server.returncode}: {_said(output)}")
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server did not answer in time")
