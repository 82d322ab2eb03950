"""Reads from a streaming replica that falls behind, is cut off, and survives the primary."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.support.compass import compass, serving
from tests.support.disturbed import assert_problem, wait_for
from tests.support.manifests import execute, rows, until
from tests.support.postgres import Postgres, postgres, standby_of

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary, its standby, and a service that reads from the standby."""

    primary: Postgres
    standby: Postgres
    client: httpx.Client

    def names(self) -> set[str]:
        """Names of users, as the service has them."""
        answer = self.client.get("/api/users")
        assert answer.status_code == 200, answer.text
        return {user["name"] for user in answer.json()}

    def add(self, name: str) -> None:
        """Create a user."""
        body = {"email": f"{name}@example.org", "name": name, "role": "viewer"}
        assert self.client.post("/api/users", json=body).status_code == 201


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Both, level with each other."""
    with ExitStack() as stack:
        primary = stack.enter_context(postgres())
        compass("db", "upgrade", database_url=primary.url)
        standby = stack.enter_context(standby_of(primary))
        client = stack.enter_context(serving(primary.url, READ_DATABASE_URL=standby.url))
        yield Pair(primary, standby, client)


def test_who_writes_reads_it(pair: Pair) -> None:
    asyncio.run(execute(pair.standby.url, "select pg_wal_replay_pause()"))
    for name in ("ann", "bob"):
        pair.add(name)
        assert name in pair.names()
    behind = asyncio.run(rows(pair.standby.url, "select count(*) from users"))
    assert behind == [(0,)]
    asyncio.run(execute(pair.standby.url, "select pg_wal_replay_resume()"))
    asyncio.run(until(pair.standby.url, "select count(*) = 2 from users"))
    # Now that it has both, it is the one that answers: nobody else could.
    pair.names()
    pair.primary.kill()
    wait_for(lambda: pair.client.get("/ready").json().get("writable") is False)
    assert pair.names() == {"ann", "bob"}
    refused = pair.client.post(
        "/api/users", json={"email": "eve@example.org", "name": "eve", "role": "viewer"}
    )
    assert_problem(refused, "database-unavailable")
    pair.primary.start()
    wait_for(lambda: pair.client.get("/ready").json().get("writable") is True)
    pair.add("eve")
    assert "eve" in pair.names()


@pytest.mark.thorough
def test_the_replica_goes_and_comes_back(pair: Pair) -> None:
    pair.add("ann")
    pair.names()
    pair.standby.kill()
    # A second at most until it is noticed.
    wait_for(lambda: pair.client.get("/api/users?limit=3").status_code == 200)
    pair.add("bob")
    assert pair.names() == {"ann", "bob"}
    pair.standby.start()
    pair.add("eve")
    assert "eve" in pair.names()
