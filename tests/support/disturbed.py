"""A served API that is disturbed, and clients that check what it tells them meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any

import httpx
import psutil

from tests.support.lifecycle import Baseline
from tests.support.manifests import rows
from tests.support.planted import PASSWORD
from tests.support.postgres import Postgres
from tests.support.proxy import Proxy
from tests.support.requests import RELOAD, Operation

ANSWER_SECONDS = 12.0
RECOVERY_SECONDS = 15.0


@dataclass
class Writer:
    """A client that writes until it is stopped, and remembers what it was told."""

    base_url: str
    signal: str
    name: str
    accepted: list[str] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)
    """Answered 503, or not at all."""
    unexpected: list[str] = field(default_factory=list)

    def work(self, stop: threading.Event) -> None:
        """Comment on the signal and move it to and fro."""
        number = 0
        with httpx.Client(base_url=self.base_url, timeout=ANSWER_SECONDS) as client:
            while not stop.is_set():
                number += 1
                text = f"{self.name}-{number}"
                if number % 2:
                    path, body = "comments", {"content": text}
                    self._send(client, "POST", path, body, text, done=201)
                    continue
                status = ("assigned", "in_progress")[number // 2 % 2]
                self._send(client, "PATCH", "status", {"status": status, "notes": text}, text, done=200)

    def _send(self, client: httpx.Client, method: str, path: str, body: Any, text: str, *, done: int) -> None:
        try:
            answer = client.request(method, f"/api/signals/{self.signal}/{path}", json=body)
        except httpx.TransportError:
            self.uncertain.append(text)
            return
        if answer.status_code == done:
            self.accepted.append(text)
        elif answer.status_code == 503:
            self.uncertain.append(text)
        elif answer.status_code != 400 or path != "status":
            # A move that was refused: the one before it, of which nothing was heard, did not happen.
            self.unexpected.append(f"{answer.status_code} {answer.text}")


@dataclass
class Api:
    """What is disturbed."""

    client: httpx.Client
    postgres: Postgres
    proxy: Proxy
    baseline: Baseline
    said: IO[bytes]
    operations: list[Operation]

    @property
    def reads(self) -> list[Operation]:
        return [each for each in self.operations if each.method == "GET"]

    def ask(self, asked: list[Operation]) -> dict[Operation, httpx.Response]:
        """Send all requests at once; each is answered, in time, and tells nothing it should not."""

        async def everything() -> list[httpx.Response]:
            limits = httpx.Limits(max_connections=len(asked), max_keepalive_connections=0)
            async with httpx.AsyncClient(
                base_url=self.client.base_url, timeout=ANSWER_SECONDS, headers=RELOAD, limits=limits
            ) as client:
                sent = [client.request(each.method, each.path, json=each.body) for each in asked]
                return await asyncio.gather(*sent)

        answers = dict(zip(asked, asyncio.run(everything()), strict=True))
        for each, answer in answers.items():
            assert answer.status_code == 503 or answer.status_code < 500, (str(each), answer.text)
            if answer.status_code == 503:
                assert_problem(answer)
        assert self.client.get("/health").status_code == 200
        return answers

    def recovered(self) -> None:
        """Everything is served again, without anybody's help."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while (ready := self.client.get("/ready")).status_code != 200 or not ready.json()["writable"]:
            assert time.monotonic() < deadline, ready.text
            time.sleep(0.1)
        statuses = {str(each): answer.status_code for each, answer in self.ask(self.reads).items()}
        assert {name: code for name, code in statuses.items() if code not in (200, 404)} == {}
        assert list(statuses.values()).count(200) > 40

    def workers(self) -> list[psutil.Process]:
        """The processes that serve."""
        found = []
        for process in psutil.Process().children(recursive=True):
            # One that has just ended has no command line.
            with suppress(psutil.NoSuchProcess):
                if "spawn_main" in " ".join(process.cmdline()):
                    found.append(process)
        return found


def assert_problem(answer: httpx.Response, *slugs: str) -> None:
    """A 503 says what it is and when to come back, and nothing of the inside."""
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    problem = answer.json()
    assert problem["status"] == 503
    if slugs:
        assert problem["type"].rpartition(":")[2] in slugs
    for secret in (PASSWORD, "postgresql", "asyncpg", "Traceback", "SQLSTATE", "select "):
        assert secret not in answer.text


@contextmanager
def writing(api: Api) -> Iterator[Writer]:
    """Write before, during and after the block; afterwards each event is there as it was answered."""
    signal = api.client.get("/api/signals?workflow_status=in_progress&limit=1").json()["signals"][0]["id"]
    writer = Writer(str(api.client.base_url), signal, f"writer-{time.monotonic_ns()}")
    stop = threading.Event()
    thread = threading.Thread(target=writer.work, args=(stop,))
    [(before, events_before)] = asyncio.run(rows(api.postgres.url, _STANDING.format(signal=signal)))
    thread.start()
    try:
        wait_for(lambda: len(writer.accepted) >= 2)
        yield writer
        api.recovered()
        sofar = len(writer.accepted)
        wait_for(lambda: len(writer.accepted) >= sofar + 2)
    finally:
        stop.set()
        thread.join(ANSWER_SECONDS)
    assert writer.unexpected == []
    found = dict(asyncio.run(rows(api.postgres.url, _TOLD.format(name=writer.name))))
    # Accepted is there, once; of the others each wholly or not at all; nothing else is.
    assert {text: found.get(text) for text in writer.accepted} == dict.fromkeys(writer.accepted, 1)
    assert set(found) <= {*writer.accepted, *writer.uncertain}
    assert set(found.values()) == {1}
    # A version for each move, and an event for each version.
    [(after, events_after)] = asyncio.run(rows(api.postgres.url, _STANDING.format(signal=signal)))
    assert after - before == events_after - events_before > 0


_TOLD = """
select coalesce(payload ->> 'notes', payload ->> 'content') as text, count(*)
from public.activity_events
where coalesce(payload ->> 'notes', payload ->> 'content') like '{name}-%' group by 1
"""
_STANDING = """
select a.version, (
    select count(*) from public.activity_events e
    where e.signal_id = a.signal_id and e.event_type = 'status_change'
)
from public.assignments a where a.signal_id = '{signal}'
"""


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
