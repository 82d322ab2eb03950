"""`compass up`: the one command of the demo, on an embedded database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import psutil
import pytest

from tests.support.compass import compass, environment, free_port
from transforms.sample import sample_run

pytestmark = pytest.mark.slow

START_SECONDS = 60.0


@pytest.fixture
def home() -> Iterator[Path]:
    """A COMPASS_HOME with a short path, as Unix sockets need."""
    with tempfile.TemporaryDirectory(prefix="compass-") as folder:
        yield Path(folder) / "home"


@contextmanager
def _up(home: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "transforms.cli", "up", "--port", str(port)],
            env=environment(None, COMPASS_HOME=str(home)),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield process, output
        finally:
            process.kill()
            process.wait()


def _said(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode()


def _servers(home: Path) -> list[psutil.Process]:
    """Processes of the embedded server of ``home``."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(home) in " ".join(process.info["cmdline"] or ())
    ]


def test_up_twice_and_stop(home: Path) -> None:
    """The first start ingests, the second does not; either signal stops server and database."""
    port = free_port()
    for expected, stop in (("171 new", signal.SIGINT), ("nothing to do", signal.SIGTERM)):
        with _up(home, port) as (process, output):
            listed = httpx.get(f"http://127.0.0.1:{port}/api/signals").json()
            assert listed["total_count"] == 171
            os.kill(process.pid, stop)
            process.wait(timeout=START_SECONDS)
            said = _said(output)
            assert expected in said
            assert "Traceback" not in said
            assert process.returncode == (0 if stop is signal.SIGINT else 128 + signal.SIGTERM)
        assert _servers(home) == []


def test_a_busy_port_is_one_clear_line(home: Path) -> None:
    """Nothing is started, nothing is created."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        failed = compass("up", "--port", str(port), check=False, COMPASS_HOME=str(home))
    assert failed.code == 2
    assert failed.stderr.splitlines()[0] == f"error: cannot serve on 127.0.0.1:{port}: Address already in use"
    assert not home.exists()


def test_an_unreadable_run_is_one_clear_line(home: Path) -> None:
    """Said before PostgreSQL is started."""
    failed = compass(
        "up", "--run", "/nowhere", "--port", str(free_port()), check=False, COMPASS_HOME=str(home)
    )
    assert failed.code == 3
    assert "no such directory" in failed.stderr
    assert not home.exists()


def test_the_sample_run_is_what_synth_writes(tmp_path: Path) -> None:
    """Byte for byte: the committed run can be made again."""
    compass("synth", str(tmp_path))
    fresh = tmp_path / "synthetic" / sample_run().name
    files = sorted(path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file())
    committed = sorted(path.relative_to(sample_run()) for path in sample_run().rglob("*") if path.is_file())
    assert files == committed
    for name in files:
        assert (fresh / name).read_bytes() == (sample_run() / name).read_bytes(), name
