"""Builds that meet others, are interrupted, or lose their connection."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.manifests import execute, manifest, model, rows, until
from transforms.compiled.manifest import Node
from transforms.engines.base import Progress, Status
from transforms.engines.postgres import PostgresEngine
from transforms.engines.turn import build_turn
from transforms.errors import DatabaseUnavailable

SLOW = "select 1 as x from pg_sleep({})"
ASLEEP = "select count(*) > 0 from pg_stat_activity where wait_event = 'PgSleep'"


def table(name: str, sql: str, *reads: str) -> Node:
    return model(name, sql, materialized="table", reads=reads)


@pytest.fixture
def engine(fresh_database_url: str, tmp_path: Path) -> PostgresEngine:
    return PostgresEngine(fresh_database_url, project=tmp_path)


async def test_independent_models_run_at_the_same_time(fresh_database_url: str, tmp_path: Path) -> None:
    nodes = [table(f"m{i}", SLOW.format(0.4)) for i in range(4)]
    engine = PostgresEngine(fresh_database_url, project=tmp_path, connections=4)
    result = await engine.build(manifest(nodes, tmp_path))
    assert result.succeeded
    assert len({each.worker for each in result.results}) == 4
    starts = [each.started_at for each in result.results]
    assert max(starts) < min(each.completed_at for each in result.results)


async def test_two_builds_of_one_database_take_turns(
    engine: PostgresEngine, fresh_database_url: str, tmp_path: Path
) -> None:
    first_kinds: list[str] = []
    second_kinds: list[str] = []
    built = manifest([table("m", SLOW.format(0.5)), table("n", "select 1 as x", "m")], tmp_path)
    first = asyncio.create_task(engine.build(built, on_progress=lambda p: first_kinds.append(p.kind)))
    await until(fresh_database_url, ASLEEP)
    other = PostgresEngine(fresh_database_url, project=tmp_path)
    second = await other.build(built, on_progress=lambda p: second_kinds.append(p.kind))
    assert first.done(), "the second build began only after the first had ended"
    earlier = await first
    assert earlier.succeeded
    assert second.succeeded
    assert first_kinds[0] == "started"
    assert second_kinds[:2] == ["waiting", "started"]
    last_of_first = max(each.completed_at for each in earlier.results)
    assert min(each.started_at for each in second.results) >= last_of_first


async def test_a_caller_may_take_the_turn_for_more_than_the_build(
    engine: PostgresEngine, fresh_database_url: str, tmp_path: Path
) -> None:
    built = manifest([table("m", "select 1 as x")], tmp_path)
    waiting = asyncio.Event()
    async with build_turn(fresh_database_url) as turn:
        other = asyncio.create_task(
            PostgresEngine(fresh_database_url, project=tmp_path).build(
                built, on_progress=lambda p: waiting.set() if p.kind == "waiting" else None
            )
        )
        await asyncio.wait_for(waiting.wait(), 10)
        assert (await engine.build(built, turn=turn)).succeeded
        assert not other.done()
    assert (await asyncio.wait_for(other, 10)).succeeded


async def test_a_turn_on_another_database_is_refused(
    engine: PostgresEngine, database_url: str, tmp_path: Path
) -> None:
    async with build_turn(database_url) as turn:
        with pytest.raises(ValueError, match="another database"):
            await engine.build(manifest([], tmp_path), turn=turn)


async def test_a_cancelled_build_leaves_nothing_half_done_and_nothing_running(
    engine: PostgresEngine, fresh_database_url: str, tmp_path: Path
) -> None:
    nodes = [table("kept", "select 1 as x"), table("slow", SLOW.format(30), "kept")]
    await engine.build(manifest([table("slow", "select 7 as x")], tmp_path))
    task = asyncio.create_task(engine.build(manifest(nodes, tmp_path)))
    await until(fresh_database_url, ASLEEP)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert await rows(fresh_database_url, "select x from public_staging.kept") == [(1,)]
    assert await rows(fresh_database_url, "select x from public_staging.slow") == [(7,)]
    assert await rows(fresh_database_url, "select relname from pg_class where relname like 'slow__%'") == []
    await until(
        fresh_database_url,
        "select count(*) = 0 from pg_stat_activity where application_name = 'compass build'",
    )
    again = await engine.build(manifest([table("slow", "select 8 as x")], tmp_path))
    assert again.succeeded


async def test_a_lost_connection_ends_the_build_with_one_clear_error(
    engine: PostgresEngine, fresh_database_url: str, tmp_path: Path
) -> None:
    nodes = [table("slow", SLOW.format(30)), table("quick", "select 1 as x")]
    task = asyncio.create_task(engine.build(manifest(nodes, tmp_path)))
    await until(fresh_database_url, ASLEEP)
    await execute(
        fresh_database_url,
        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'",
    )
    with pytest.raises(DatabaseUnavailable) as caught:
        await asyncio.wait_for(task, 10)
    assert "model slow" in caught.value.message
    assert await rows(fresh_database_url, "select x from public_staging.quick") == [(1,)]


async def test_a_deadlock_with_another_session_is_tried_again(
    engine: PostgresEngine, fresh_database_url: str, tmp_path: Path
) -> None:
    """The build holds what the other session wants and wants what it holds; one of them must lose."""
    await execute(
        fresh_database_url,
        "create table one (x int)",
        "create table two (x int)",
        "insert into one values (1)",
        "insert into two values (1)",
    )
    hooks = ["update public.one set x = 2", "select pg_sleep(0.3)", "update public.two set x = 2"]
    node = model("m", "select 1 as x", materialized="table", post_hooks=hooks)
    task = asyncio.create_task(engine.build(manifest([node], tmp_path)))
    await until(fresh_database_url, ASLEEP)
    # It notices the deadlock later than the build does, so that the build loses.
    await execute(
        fresh_database_url,
        "set deadlock_timeout = '20s'; begin; update two set x = 3; update one set x = 3; commit",
    )
    (result,) = (await asyncio.wait_for(task, 20)).results
    assert result.status is Status.SUCCESS
    assert await rows(fresh_database_url, "select x from two") == [(2,)]


async def test_many_models_and_replacements_do_not_deadlock(engine: PostgresEngine, tmp_path: Path) -> None:
    def nodes(generation: int) -> list[Node]:
        layers = []
        for layer in range(4):
            reads = [f"v{layer - 1}_{i}" for i in range(6)] if layer else []
            source = " union all ".join(
                f'select t.c{generation} from "public_staging"."{name}" as t' for name in reads
            )
            for i in range(6):
                sql = source or f"select {i} as c{generation}"
                layers.append(
                    model(f"v{layer}_{i}", sql, reads=reads, materialized="view" if i % 2 else "table")
                )
        return layers

    for generation in range(3):
        result = await engine.build(manifest(nodes(generation), tmp_path))
        assert result.succeeded, [each.message for each in result.problems]


async def test_a_failing_progress_callback_ends_the_build(engine: PostgresEngine, tmp_path: Path) -> None:
    def fail(progress: Progress) -> None:
        raise RuntimeError(progress.kind)

    with pytest.raises(RuntimeError, match="started"):
        await engine.build(manifest([table("m", "select 1 as x")], tmp_path), on_progress=fail)
