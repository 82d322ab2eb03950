"""Clients of a soak: they read, work on signals and follow the feed, and remember what they were told."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from tests.support.requests import RELOAD, Operation

STATUSES = ("new", "assigned", "in_progress", "resolved")


@dataclass
class Told:
    """What clients were told, and how long it took."""

    codes: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    """Answers of 500 and above, and connections that broke."""
    times: list[tuple[float, float]] = field(default_factory=list)
    """When each answer came, and after how many seconds."""
    accepted: list[str] = field(default_factory=list)
    """Texts of the writes that succeeded."""
    tried: set[str] = field(default_factory=set)
    positions: list[list[int]] = field(default_factory=list)
    """Of each follower of the feed: positions in the order they came."""


class Clients:
    """Clients of one service until ``stop`` is set."""

    def __init__(
        self, base_url: str, reads: list[Operation], signals: list[str], stop: asyncio.Event
    ) -> None:
        self.told = Told()
        self._client = httpx.AsyncClient(base_url=base_url, timeout=30)
        self._reads = reads
        self._signals = signals
        self._stop = stop

    async def run(self, *, readers: int, writers: int, followers: int) -> None:
        """Run that many of each until it is time to stop."""
        async with self._client, asyncio.TaskGroup() as group:
            for number in range(readers):
                group.create_task(self._read(random.Random(number)))  # noqa: S311
            for number in range(writers):
                group.create_task(self._write(random.Random(number), f"writer-{number}"))  # noqa: S311
            for _ in range(followers):
                group.create_task(self._follow())

    async def _send(
        self, operation: Operation, headers: dict[str, str] | None = None
    ) -> httpx.Response | None:
        started = time.monotonic()
        try:
            answer = await self._client.request(
                operation.method, operation.path, json=operation.body, headers=headers
            )
        except httpx.TransportError as error:
            self.told.failures[f"{operation.method}: {type(error).__name__}"] += 1
            return None
        self.told.times.append((started, time.monotonic() - started))
        self.told.codes[answer.status_code] += 1
        if answer.status_code >= 500:
            self.told.failures[f"{operation}: {answer.status_code}"] += 1
        return answer

    async def _read(self, chance: random.Random) -> None:
        while not self._stop.is_set():
            await self._send(chance.choice(self._reads), RELOAD if chance.random() < 0.5 else None)
            await asyncio.sleep(0.02)

    async def _write(self, chance: random.Random, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            text = f"{name}-{number}"
            path = f"/api/signals/{chance.choice(self._signals)}"
            headers = {}
            if chance.random() < 0.2:
                # Often somebody else has changed it by the time it is sent.
                standing = await self._send(Operation("GET", f"{path}/assignment"))
                if standing is not None and "etag" in standing.headers:
                    headers = {"If-Match": standing.headers["etag"]}
            if chance.random() < 0.3:
                operation = Operation("POST", f"{path}/comments", {"content": text})
            else:
                body = {"status": chance.choice(STATUSES), "notes": text}
                operation = Operation("PATCH", f"{path}/status", body)
            self.told.tried.add(text)
            answer = await self._send(operation, headers)
            if answer is not None and answer.is_success:
                self.told.accepted.append(text)
            await asyncio.sleep(0.05)

    async def _follow(self) -> None:
        """Follow the feed from now on; a stream that ends is begun again after its last event."""
        seen: list[int] = []
        self.told.positions.append(seen)
        last: str | None = None
        while not self._stop.is_set():
            headers = {} if last is None else {"Last-Event-ID": last}
            try:
                async with self._client.stream(
                    "GET", "/api/feed/stream?seconds=5", headers=headers
                ) as stream:
                    data = False
                    async for line in stream.aiter_lines():
                        kind, _, value = line.partition(": ")
                        if kind == "id":
                            last = value
                        elif kind == "data":
                            data = bool(json.loads(value))
                        elif not line and data and last is not None:
                            seen.append(int(last))
                            data = False
            except httpx.TransportError as error:
                self.told.failures[f"feed: {type(error).__name__}"] += 1
                await asyncio.sleep(0.5)
