"""Servers as processes of their own: started by uvicorn alike, asked by the load generator."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.benchmarks.load_generator import WARM_UP_SECONDS, Answers
from tests.benchmarks.measure import REPOSITORY, PostgresServer, cpu_of
from tests.support.compass import environment, free_port

OURS = "backend.main:create_app"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """Answers, and processor milliseconds that each took in the server and in PostgreSQL."""

    answers: Answers
    server_ms: float
    postgres_ms: float


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; ``started`` is how many seconds passed until it was healthy."""

    process: psutil.Process
    port: int
    started: float

    def get(self, target: str, question: bytes | None = None) -> tuple[bytes, str | None]:
        """Body and ETag of an answer; to a ``question`` in JSON, which is posted, where there is one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            _ask(connection, target, question)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, (target, answer.status, body[:500])
            return body, answer.getheader("ETag")
        finally:
            connection.close()

    def load(
        self,
        target: str,
        *,
        connections: int,
        seconds: float,
        etag: str | None = None,
        question: bytes | None = None,
        status: int | None = None,
        postgres: PostgresServer | None = None,
    ) -> Load:
        """Ask for ``target`` as fast as it answers; every answer must be a good one, or have ``status``."""
        command = [sys.executable, "-m", "tests.benchmarks.load_generator", str(self.port), target]
        command += ["--connections", str(connections), "--seconds", str(seconds)]
        if etag is not None:
            command += ["--etag", etag]
        if question is not None:
            command += ["--question", question.decode()]
        before, database_before = cpu_of(self.process), postgres.cpu() if postgres else 0.0
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        statuses = {int(status): count for status, count in document.pop("statuses").items()}
        answers = Answers(**document, statuses=statuses)
        expected = status or (200 if etag is None else 304)
        assert set(answers.statuses) == {expected}, (target, answers.statuses)
        # The warm-up costs too: processor time is shared out over all that was asked.
        server = cpu_of(self.process) - before
        database = postgres.cpu() - database_before if postgres else 0.0
        asked = answers.rate * (answers.seconds + WARM_UP_SECONDS)
        return Load(answers, server / asked * 1000, database / asked * 1000)


@contextmanager
def serve(
    application: str,
    database_url: str | None = None,
    *,
    health: str = "/health",
    tree: Path = REPOSITORY,
    **extra: str,
) -> Iterator[Server]:
    """A server of the factory ``application``, ended with the block; ``extra`` goes to its environment.

    Its code is that in the folder ``tree``.
    """
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", application, "--port", str(port)]
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        child = subprocess.Popen(
            [*command, "--no-access-log", "--log-level", "warning"],
            cwd=tree,
            env=environment(database_url, **extra),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            while not answers_to(port, health):
                late = time.perf_counter() - began > _START_SECONDS
                if late or child.poll() is not None:
                    said.seek(0)
                    raise AssertionError(f"{application} did not start: {said.read().decode()[-3000:]}")
                time.sleep(0.005)
            yield Server(psutil.Process(child.pid), port, time.perf_counter() - began)
        finally:
            child.terminate()
            child.wait(timeout=_START_SECONDS)


def answers_to(port: int, path: str, question: bytes | None = None) -> bool:
    """Whether a server is there and answers well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        _ask(connection, path, question)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, target: str, question: bytes | None) -> None:
    if question is None:
        connection.request("GET", target)
    else:
        connection.request("POST", target, question, {"Content-Type": "application/json"})
