"""Readers during publishes and rollbacks: every response is wholly of one run."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.compass import compass, serving
from tests.support.lifecycle import GRAPH, A, B, ingest
from tests.support.manifests import execute, rows
from tests.support.run_copies import RunCopy
from transforms.lifecycle.publish import publish_named
from transforms.lifecycle.rollback import rollback
from transforms.progress import NoProgress
from transforms.schema import upgrade_schema
from transforms.synth import generate_run

pytestmark = pytest.mark.slow

TURNS = 50
READERS = 3

OF_A_SIGNAL = ("", "/temporal", "/technical-details", "/contributions", "/children", "/parent", "/related")
LISTS = (
    "/ready",
    "/api/signals",
    "/api/signals?limit=100&sort_by=simplified_severity",
    "/api/signals?limit=5&offset=20",
    "/api/signals/filter-options",
    "/api/signals/facilities",
)


# The second run tells of the same entities, each of them marked in what every response shows.
MARK = (
    f"""
    update public_marts.fct_signals set
        facility = facility || ' (B)', system_name = 'System B', description = description || ' (B)',
        metric_value = metric_value + 1000, benchmark = benchmark + 1000,
        metric_trend_timeline = null, percentile_rank = 50, simple_zscore = 50,
        simplified_signal_type = 'recovering', simplified_severity = 100 - simplified_severity
    where run_key = '{B}'
    """,
    f"update public_marts.fct_contributions set contribution_value = 1000 where run_key = '{B}'",
)


@pytest.fixture(scope="module")
def database(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with two runs that tell of the same entities; A is published."""
    folder = tmp_path_factory.mktemp("runs")

    async def bring_in() -> None:
        await upgrade_schema(database_url)
        for run_key in (A, B):
            path = generate_run(folder, run_id=run_key.split("/")[1], facilities=20, metrics=2)
            await ingest(database_url, RunCopy(path), publish=run_key == A)
        await execute(database_url, *MARK)

    asyncio.run(bring_in())
    return database_url


@pytest.fixture(scope="module")
def client(database: str) -> Iterator[httpx.Client]:
    with serving(database) as opened:
        yield opened


async def paths(database: str) -> list[str]:
    """Lists, and everything about some signals that have parents, children and related ones."""
    ids = await rows(
        database,
        """
        (select id from public.signals where has_children order by id limit 3)
        union (select id from public.signals where has_parent order by id desc limit 3)
        union (select id from public.signals where related_signal_count > 0 order by id limit 1)
        order by id
        """,
    )
    return [*LISTS, *(f"/api/signals/{number}{part}" for (number,) in ids for part in OF_A_SIGNAL)]


def body(response: httpx.Response) -> tuple[int, Any]:
    """Status and document, but for when a run was published: that is new each time."""
    document = response.json()
    for run in document.get("published_runs", ()) if isinstance(document, dict) else ():
        del run["published_at"]
    # The id and time of a problem are those of the request.
    return response.status_code, document if response.status_code == 200 else document["title"]


async def test_readers_see_one_run_or_the_other(database: str, client: httpx.Client) -> None:
    asked = await paths(database)
    told: dict[str, dict[str, Any]] = {}
    for run_key in (B, A):
        compass("publish", run_key, database_url=database)
        told[run_key] = {path: body(client.get(path)) for path in asked}
    differing = [path for path in asked if told[A][path] != told[B][path]]
    same = sorted(set(asked) - set(differing))
    # Otherwise a mix could not be seen.
    assert len(differing) > 0.8 * len(asked), same

    stop = threading.Event()
    mixed: list[str] = []
    seen: dict[str, set[str]] = {path: set() for path in differing}

    def read(number: int) -> None:
        turn = number * 7
        with httpx.Client(base_url=client.base_url, timeout=30) as reader:
            while not stop.is_set():
                path = asked[turn % len(asked)]
                turn += 1
                found = body(reader.get(path))
                of = [run_key for run_key in (A, B) if told[run_key][path] == found]
                if not of:
                    mixed.append(f"{path}: {json.dumps(found)[:2000]}")
                elif len(of) == 1:
                    seen[path].update(of)

    readers = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for turn in range(TURNS):
            if turn % 3:
                await rollback(database, GRAPH, NoProgress())
            else:
                [(other,)] = await rows(database, "select run_id from public.runs where state = 'superseded'")
                await publish_named(database, other, NoProgress())
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert mixed == []
    # The readers were there on both sides of publishes.
    assert sum(found == {A, B} for found in seen.values()) > len(seen) / 2
