"""A load generator: so many connections, each asking again as soon as it has its answer.

Run as a process of its own; prints what it counted as JSON. Connections are kept open, answers are
read whole and not looked into.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import NamedTuple, cast

import uvloop

WARM_UP_SECONDS = 0.5
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back within the time, after a warm-up; times in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    statuses: dict[int, int]
    body_bytes: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


class Asked(NamedTuple):
    """When a request was sent, and when its answer was there."""

    at: float
    until: float


class _Connection(asyncio.Protocol):
    """Asks, waits for the whole answer, notes how long it took, and asks again."""

    def __init__(self, request: bytes, answered: list[Asked], statuses: Counter[int]) -> None:
        self._request = request
        self._answered = answered
        self._statuses = statuses
        self._head = b""
        self._missing = 0
        self._asked = 0.0
        self.body_bytes = 0
        self._transport: asyncio.Transport | None = None
        self.failed: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Those of uvloop are not of this class.
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            head, separator, body = self._head.partition(b"\r\n\r\n")
            if not separator:
                return
            self._head = b""
            self.body_bytes = _body_size(head)
            self._missing = self.body_bytes - len(body)
            self._statuses[int(head[9:12])] += 1
        if not self._missing:
            self._answered.append(Asked(self._asked, time.perf_counter()))
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self.failed = exc or ConnectionError("the server closed the connection")

    def close(self) -> None:
        """Stop asking."""
        if self._transport is not None:
            self._transport.abort()

    def _ask(self) -> None:
        assert self._transport is not None
        self._asked = time.perf_counter()
        self._transport.write(self._request)


def _body_size(head: bytes) -> int:
    if head[9:12] == b"304":
        return 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"an answer without a length: {head!r}")


async def ask(port: int, request: bytes, connections: int, seconds: float) -> Answers:
    """Send ``request`` over so many connections for so long, after a warm-up that does not count."""
    answered: list[Asked] = []
    statuses: Counter[int] = Counter()
    loop = asyncio.get_running_loop()
    protocols = []
    for _ in range(connections):
        _, protocol = await loop.create_connection(
            lambda: _Connection(request, answered, statuses), "127.0.0.1", port
        )
        protocols.append(protocol)
    await asyncio.sleep(WARM_UP_SECONDS)
    answered.clear()
    statuses.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    # Some answer so slowly that none has come by then.
    while not answered and time.perf_counter() - started < PATIENCE_SECONDS:
        await asyncio.sleep(0.1)
    elapsed = time.perf_counter() - started
    # What was asked during the warm-up may have waited for its connection to be taken up; where
    # answers are slow there is nothing else.
    lasting = [each for each in answered if each.at >= started] or answered
    measured = sorted(each.until - each.at for each in lasting)
    requests = len(answered)
    counted = dict(statuses)
    failed = next((each.failed for each in protocols if each.failed), None)
    for protocol in protocols:
        protocol.close()
    if failed is not None:
        raise failed
    return Answers(
        requests=requests,
        seconds=elapsed,
        p50=_percentile(measured, 0.5) * 1000,
        p99=_percentile(measured, 0.99) * 1000,
        statuses=counted,
        body_bytes=protocols[0].body_bytes,
    )


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def request_bytes(target: str, etag: str | None = None, question: str | None = None) -> bytes:
    """The bytes of a GET request for ``target``; of a POST where there is a ``question`` in JSON."""
    method, body = ("GET", b"") if question is None else ("POST", question.encode())
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    if etag is not None:
        lines.append(f"If-None-Match: {etag}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("target")
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--etag")
    parser.add_argument("--question")
    options = parser.parse_args()
    request = request_bytes(options.target, options.etag, options.question)
    answers = uvloop.run(ask(options.port, request, options.connections, options.seconds))
    sys.stdout.write(json.dumps(asdict(answers)) + "\n")
