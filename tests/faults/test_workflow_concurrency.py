"""Fifty clients move the same twenty signals: nothing illegal, nothing lost, nothing told twice.

COMPASS_CONCURRENCY_SECONDS says for how long; 5 by default.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from backend.db.session import create_engine
from tests.api.marts import create_marts, open_connection
from tests.api.working import add_user, publish_signals
from tests.support.compass import serving

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("COMPASS_CONCURRENCY_SECONDS", "5"))
CLIENTS, SIGNALS = 50, 20
LEGAL = {
    ("new", "assigned"),
    ("assigned", "in_progress"),
    ("assigned", "new"),
    ("in_progress", "resolved"),
    ("in_progress", "assigned"),
    ("resolved", "closed"),
    ("resolved", "in_progress"),
}
# Nothing leaves closed: were it asked for as often as the others, all signals would soon be there.
STATUSES = {"new": 10, "assigned": 20, "in_progress": 20, "resolved": 10, "closed": 0.05}


@dataclass
class Tally:
    """What clients were told."""

    codes: Counter[int] = field(default_factory=Counter)
    accepted: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """Assignments as they were answered, by signal."""

    def count(self, signal: str, answer: httpx.Response) -> None:
        self.codes[answer.status_code] += 1
        body = answer.json()
        if answer.status_code == 200:
            assert answer.headers["etag"] == f'"{body["version"]}"'
            self.accepted[signal].append(body)
        elif answer.status_code in (409, 412):
            assert body["current_status"] in STATUSES


async def _prepare(url: str) -> tuple[list[str], list[str]]:
    """Ids of signals and of users."""
    engine, connection = create_engine(url), await open_connection(url)
    try:
        await create_marts(connection)
        signals = await publish_signals(engine, connection, SIGNALS)
        return signals, [await add_user(connection, f"User{number}") for number in range(3)]
    finally:
        await connection.close()
        await engine.dispose()


async def _work(
    client: httpx.AsyncClient, signals: list[str], users: list[str], seed: int, tally: Tally
) -> None:
    chance = random.Random(seed)  # noqa: S311
    end = asyncio.get_running_loop().time() + SECONDS
    while asyncio.get_running_loop().time() < end:
        signal = chance.choice(signals)
        path = f"/api/signals/{signal}"
        headers: dict[str, str] = {}
        if chance.random() < 0.2:
            read = await client.get(f"{path}/assignment")
            headers = {"If-Match": read.headers.get("etag", "*")}
        if chance.random() < 0.1:
            body = {"assignee_id": chance.choice(users), "role_type": "administration"}
            answer = await client.post(f"{path}/assign", json=body, headers=headers)
        else:
            body = {"status": chance.choices(list(STATUSES), list(STATUSES.values()))[0]}
            if chance.random() < 0.2:
                body["expected_status"] = chance.choice(list(STATUSES))
            answer = await client.patch(f"{path}/status", json=body, headers=headers)
        tally.count(signal, answer)


async def _history(client: httpx.AsyncClient, signal: str) -> list[dict[str, Any]]:
    """All events of a signal, oldest first."""
    events: list[dict[str, Any]] = []
    cursor = None
    while True:
        parameters = {"limit": 100, **({"cursor": cursor} if cursor else {})}
        page = (await client.get(f"/api/signals/{signal}/history", params=parameters)).json()
        events += page["events"]
        cursor = page["cursor"]
        if cursor is None:
            assert len(events) == page["total_count"]
            return events[::-1]


async def _check(client: httpx.AsyncClient, url: str, signals: list[str], tally: Tally) -> None:
    for signal in signals:
        accepted = sorted(tally.accepted[signal], key=lambda each: each["version"])
        history = await _history(client, signal)
        # Each accepted change is one version and one event, in the same order; there are no others.
        assert [each["version"] for each in accepted] == list(range(1, len(accepted) + 1))
        assert [event["payload"]["new_status"] for event in history] == [each["status"] for each in accepted]
        before = "new"
        for event, change in zip(history, accepted, strict=True):
            payload = event["payload"]
            assert payload["old_status"] == before, "the history has a gap"
            if event["event_type"] == "assignment":
                assert before != "closed"
                assert payload["assignee_id"] == change["assignee_id"]
            else:
                assert (before, payload["new_status"]) in LEGAL
            before = payload["new_status"]
        if accepted:
            stands = (await client.get(f"/api/signals/{signal}/assignment")).json()
            assert stands == accepted[-1]
    connection = await open_connection(url)
    try:
        payloads = await connection.fetch("select signal_id, payload from activity_events order by position")
    finally:
        await connection.close()
    assert len(payloads) == tally.codes[200]
    # The order of positions is that of the history.
    last: dict[str, str] = {}
    for row in payloads:
        payload = json.loads(row["payload"])
        assert payload["old_status"] == last.get(str(row["signal_id"]), "new")
        last[str(row["signal_id"])] = payload["new_status"]


def test_fifty_clients_move_twenty_signals(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server with two worker processes."""
    # Connections stay open, so that the time goes to what is tested.
    monkeypatch.setenv("DATABASE_POOL_SIZE", "20")
    monkeypatch.setenv("DATABASE_MAX_OVERFLOW", "0")
    signals, users = asyncio.run(_prepare(migrated_url))
    tally = Tally()

    async def everybody(server: str) -> None:
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(base_url=server, timeout=60, limits=limits) as client:
            async with asyncio.TaskGroup() as group:
                for seed in range(CLIENTS):
                    group.create_task(_work(client, signals, users, seed, tally))
            await _check(client, migrated_url, signals, tally)

    with serving(migrated_url, "--workers", "2") as client:
        asyncio.run(everybody(str(client.base_url)))
    assert set(tally.codes) <= {200, 400, 409, 412}, tally.codes
    # The clients did get in each other's way.
    assert tally.codes[200] > SIGNALS, tally.codes
    assert tally.codes[409] > 0, tally.codes
    assert tally.codes[412] > 0, tally.codes
