"""Publishing: the registry, what is refused, who waits for whom."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.errors import (
    MartsMissing,
    MartValueInvalid,
    NothingPublished,
    RunAmbiguous,
    RunNotBuilt,
    RunNotPublished,
    RunUnknown,
)
from backend.services.runs import find_run_key, published_runs
from backend.services.signal_hydrator import (
    PUBLISHED_CHANNEL,
    HydrationResult,
    hydrate_if_empty,
    publish,
)
from tests.api.hydrating import events, hydrate_run, publish_run, signals_by_id, states_of
from tests.api.marts import (
    GRAPH,
    add_run,
    open_connection,
    signal_id,
    signal_row,
)


async def test_publishing_flips_the_registry_and_can_be_rolled_back(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    row = signal_row("F1")
    first = await add_run(connection, "1", [row])
    second = await add_run(connection, "2", [{**row, "metric_value": 2.0}])
    other = await add_run(connection, "1", [signal_row("F1", graph_name="other")], graph_name="other")
    for run_key in (first, other, second):
        await publish_run(engine, run_key)
    assert await states_of(connection) == {first: "superseded", second: "published", other: "published"}
    assert len([s for s in (await signals_by_id(connection)).values() if s["active"]]) == 2

    await publish_run(engine, first)
    assert await states_of(connection) == {first: "published", second: "superseded", other: "published"}
    assert (await signals_by_id(connection))[signal_id(row)]["metric_value"] == 1.25
    async with engine.connect() as opened:
        assert [run.run_key for run in await published_runs(opened)] == [first, other]


async def test_publishing_tells_listeners_at_the_commit(
    engine: AsyncEngine, connection: asyncpg.Connection, migrated_url: str
) -> None:
    run_key = await add_run(connection, "1", [signal_row()])
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = await open_connection(migrated_url)
    await listener.add_listener(PUBLISHED_CHANNEL, lambda *message: heard.put_nowait(message[3]))
    async with engine.connect() as opened:
        await publish(opened, run_key)
        await opened.rollback()
    await publish_run(engine, run_key)
    assert await asyncio.wait_for(heard.get(), 5) == run_key
    assert heard.empty(), "a publish that was rolled back was told of"
    await listener.close()


@pytest.mark.parametrize("state", ["loading", "loaded", "building", "failed"])
async def test_only_built_runs_can_be_published(
    engine: AsyncEngine, connection: asyncpg.Connection, state: str
) -> None:
    run_key = await add_run(connection, "1", [signal_row()], state=state)
    with pytest.raises(RunNotBuilt, match=state):
        await publish_run(engine, run_key)
    assert await states_of(connection) == {run_key: state}


async def test_an_unknown_run_is_refused(engine: AsyncEngine) -> None:
    with pytest.raises(RunUnknown):
        await publish_run(engine, "no/run")
    with pytest.raises(RunUnknown):
        await hydrate_run(engine, "x' OR '1'='1")


async def test_only_published_runs_are_hydrated(engine: AsyncEngine, connection: asyncpg.Connection) -> None:
    run_key = await add_run(connection, "1", [signal_row()])
    with pytest.raises(RunNotPublished):
        await hydrate_run(engine, run_key)
    assert await signals_by_id(connection) == {}


async def test_missing_marts_are_named_and_nothing_is_half_done(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    old = await add_run(connection, "1", [signal_row()])
    await publish_run(engine, old)
    empty = await add_run(connection, "2", [])
    with pytest.raises(MartsMissing, match="no row of this run"):
        await publish_run(engine, empty)
    await connection.execute("alter table public_marts.fct_signals rename column benchmark to other")
    try:
        with pytest.raises(MartsMissing, match="benchmark"):
            await publish_run(engine, old)
    finally:
        await connection.execute("alter table public_marts.fct_signals rename column other to benchmark")
    await connection.execute("drop schema public_marts cascade")
    with pytest.raises(MartsMissing, match="compass build"):
        await publish_run(engine, old)
    assert await states_of(connection) == {old: "published", empty: "built"}
    assert [signal["active"] for signal in (await signals_by_id(connection)).values()] == [True]


@pytest.mark.parametrize(
    ("column", "value"),
    [("domain", "Elegance"), ("entity_key", "not hex"), ("facility", None)],
)
async def test_values_that_no_signal_can_have_stop_thepublish_run(
    engine: AsyncEngine, connection: asyncpg.Connection, column: str, value: str | None
) -> None:
    good = await add_run(connection, "1", [signal_row("F1")])
    await publish_run(engine, good)
    bad = await add_run(connection, "2", [signal_row("F1"), {**signal_row("F2"), column: value}])
    with pytest.raises(MartValueInvalid, match=bad):
        await publish_run(engine, bad)
    assert await states_of(connection) == {good: "published", bad: "built"}
    assert [signal["run_key"] for signal in (await signals_by_id(connection)).values()] == [good]


async def test_two_entities_of_one_identity_are_not_merged(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    row = signal_row("F1")
    twin = {**row, "entity_key": "0" * 32}
    with pytest.raises(MartValueInvalid, match="uq_signals_identity"):
        await publish_run(engine, await add_run(connection, "1", [row, twin]))


async def test_an_empty_table_is_filled_once(engine: AsyncEngine, connection: asyncpg.Connection) -> None:
    await add_run(connection, "1", [signal_row("F1"), signal_row("F2")], state="published")
    await add_run(
        connection, "1", [signal_row("F1", graph_name="other")], graph_name="other", state="published"
    )
    await add_run(connection, "2", [signal_row("F9")])
    results = await asyncio.gather(*(hydrate_if_empty(engine) for _ in range(4)))
    done = [result for result in results if result is not None]
    assert done == [HydrationResult(processed=3, created=3)]
    assert len(await signals_by_id(connection)) == 3
    assert len(await events(connection, "new_signal")) == 3


async def test_nothing_is_filled_where_nothing_is_published(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    await add_run(connection, "1", [signal_row()])
    assert await hydrate_if_empty(engine) is None


async def test_concurrent_publishes_of_one_graph_take_turns(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    rows = [signal_row(f"F{n}") for n in range(50)]
    runs = [
        await add_run(connection, str(n), [{**row, "metric_value": float(n)} for row in rows])
        for n in range(4)
    ]
    results = await asyncio.gather(*(publish_run(engine, run_key) for run_key in runs))
    assert sorted(result.created for result in results) == [0, 0, 0, 50]
    states = await states_of(connection)
    (published,) = [run_key for run_key, state in states.items() if state == "published"]
    signals = await signals_by_id(connection)
    assert len(signals) == 50
    assert {signal["run_key"] for signal in signals.values()} == {published}
    assert {signal["metric_value"] for signal in signals.values()} == {float(published.split("/")[1])}


async def test_concurrent_hydrations_of_one_run_count_each_signal_once(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    run_key = await add_run(connection, "1", [signal_row(f"F{n}") for n in range(50)], state="published")
    results = await asyncio.gather(*(hydrate_run(engine, run_key) for _ in range(4)))
    assert sorted((result.created, result.unchanged) for result in results) == [(0, 50)] * 3 + [(50, 0)]


async def test_readers_see_one_run_while_another_is_published(
    engine: AsyncEngine, connection: asyncpg.Connection, migrated_url: str
) -> None:
    rows = [signal_row(f"F{n}") for n in range(5)]
    await publish_run(engine, await add_run(connection, "1", rows))
    second = await add_run(connection, "2", rows[:3])
    reader = await open_connection(migrated_url)
    query = "select run_id, count(*) from signals where active group by run_id"
    async with engine.connect() as opened:
        await publish(opened, second)
        assert [tuple(row) for row in await reader.fetch(query)] == [("1", 5)]
        await opened.commit()
    assert [tuple(row) for row in await reader.fetch(query)] == [("2", 3)]
    await reader.close()


async def test_runs_are_found_by_key_and_by_unambiguous_id(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    await add_run(connection, "1", [])
    await add_run(connection, "1", [], graph_name="other")
    await add_run(connection, "2", [])
    async with engine.connect() as opened:
        assert await find_run_key(opened, f"{GRAPH}/1") == f"{GRAPH}/1"
        assert await find_run_key(opened, "2") == f"{GRAPH}/2"
        with pytest.raises(RunAmbiguous, match="other/1"):
            await find_run_key(opened, "1")
        with pytest.raises(RunUnknown):
            await find_run_key(opened, "3")


def test_nothing_published_says_what_to_do() -> None:
    assert "compass ingest" in str(NothingPublished())
