"""Ingests that are killed, interrupted or meet each other, in real processes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from tests.support.compass import compass
from tests.support.lifecycle import (
    A,
    B,
    Baseline,
    Snapshot,
    clone,
    fail_interrupted,
    held_up_at,
    ingest,
    make_baseline,
    snapshot,
    start,
    state,
)

pytestmark = pytest.mark.slow

POINTS = {
    "load": "public.raw_contributions",
    "build": "public_marts.fct_contributions",
    "publish": "public.signals",
}
"""Where an ingest is held up: the table that it waits to write to."""
LEFT_BY_KILL = {
    "load": ("failed", "the load was interrupted"),
    "build": ("failed", "the build was interrupted"),
    "publish": ("built", None),
}


@pytest.fixture(scope="module")
def baseline(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    return make_baseline(database_url, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def database(baseline: Baseline) -> Iterator[str]:
    with clone(baseline.url) as url:
        yield url


@pytest.fixture(scope="module")
def undisturbed(baseline: Baseline) -> dict[str, Snapshot]:
    """What the database holds after an ingest of each run that nothing disturbs."""
    found = {}
    for run_key in (A, B):
        with clone(baseline.url) as url:
            asyncio.run(ingest(url, baseline.runs[run_key], force=True))
            found[run_key] = asyncio.run(snapshot(url))
    return found


def command(baseline: Baseline, run_key: str) -> tuple[str, ...]:
    """An ingest that has everything to do."""
    return ("ingest", str(baseline.runs[run_key].path), "--skip-preflight", "--force")


@pytest.mark.parametrize(
    ("run_key", "point"),
    [(B, "load"), (B, "build"), (B, "publish"), (A, "load"), (A, "publish")],
    ids=["load", "build", "publish", "load of the published run", "publish of the published run"],
)
async def test_a_killed_ingest_changes_nothing_and_the_next_one_succeeds(
    database: str, baseline: Baseline, undisturbed: dict[str, Snapshot], run_key: str, point: str
) -> None:
    before = await snapshot(database)
    async with held_up_at(database, POINTS[point]) as arrived:
        process = start(*command(baseline, run_key), database_url=database)
        await arrived()
        during = await snapshot(database)
        process.kill()
        process.communicate()
    for served in ("signals", "assignments", "events", "marts", "contributions"):
        assert during[served] == before[served]
    await fail_interrupted(database)
    after = await snapshot(database)
    if run_key == A:
        assert during == before
        assert after == before
    else:
        assert await state(database, B) == LEFT_BY_KILL[point]
        assert await state(database, A) == ("published", None)
    await ingest(database, baseline.runs[run_key], force=True)
    assert await snapshot(database) == undisturbed[run_key]


@pytest.mark.parametrize(
    ("run_key", "point", "left"),
    [
        (B, "load", ("failed", "the load was interrupted")),
        (B, "build", ("failed", "the build was interrupted")),
        (A, "build", ("published", "the rebuild was interrupted\nThe run is kept as it was before")),
    ],
    ids=["load", "build", "rebuild"],
)
async def test_ctrl_c_ends_with_one_line_and_changes_nothing(
    database: str,
    baseline: Baseline,
    run_key: str,
    point: str,
    left: tuple[str, str | None],
) -> None:
    before = await snapshot(database)
    async with held_up_at(database, POINTS[point]) as arrived:
        process = start(*command(baseline, run_key), database_url=database)
        await arrived()
        process.send_signal(signal.SIGINT)
        # Still held up: it is the server that lets go.
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines() == ["interrupted; nothing is left half done, see `compass runs list`"]
    assert await state(database, run_key) == left
    after = await snapshot(database)
    assert {**after, "runs": []} == {**before, "runs": []}
    assert await state(database, A) == (("published", None) if run_key == B else left)


async def test_of_two_ingests_of_one_run_the_second_waits(
    database: str, baseline: Baseline, undisturbed: dict[str, Snapshot]
) -> None:
    path = str(baseline.b.path)
    async with held_up_at(database, POINTS["build"]) as arrived:
        first = start("ingest", path, "--skip-preflight", database_url=database)
        await arrived()
        refused = compass("ingest", path, "--no-wait", database_url=database, check=False)
        second = start("ingest", path, "--skip-preflight", database_url=database)
        assert second.stderr is not None
        said = await asyncio.to_thread(second.stderr.readline)
        assert said == f"another command is working on {B}; waiting for it to finish\n"
        assert second.poll() is None
    assert refused.code == 4
    assert f"another command is working on {B}" in refused.stderr
    first_out, _ = first.communicate(timeout=30)
    second_out, _ = second.communicate(timeout=30)
    assert (first.returncode, second.returncode) == (0, 0)
    assert "signals" in first_out
    assert second_out == f"{B} is unchanged and published; nothing to do\n"
    assert await snapshot(database) == undisturbed[B]


async def test_ingests_of_different_runs_at_once_both_succeed(
    database: str, baseline: Baseline, undisturbed: dict[str, Snapshot]
) -> None:
    both = [start(*command(baseline, run_key), database_url=database) for run_key in (A, B)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    # Whichever came last is served.
    after = await snapshot(database)
    states = dict(after["runs"])
    assert sorted(states.values()) == ["published", "superseded"]
    served = next(run_key for run_key, each in states.items() if each == "published")
    for marts in ("marts", "contributions"):
        assert after[marts] == undisturbed[served][marts]
    assert after["assignments"] == undisturbed[served]["assignments"]
