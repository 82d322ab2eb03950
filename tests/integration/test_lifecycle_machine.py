"""Whatever is done to runs and signals, in whatever order: a small model says what must be there."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from backend.errors import RunNotBuilt, RunUnknown
from tests.support.lifecycle import GRAPH, assert_consistent, clone, ingest, orphaned
from tests.support.manifests import connected
from tests.support.run_copies import RunCopy, copy_run
from transforms.engines.errors import BuildFailed
from transforms.lifecycle.prune import prune
from transforms.lifecycle.publish import publish_named
from transforms.lifecycle.rollback import NothingToRollBackTo, rollback
from transforms.progress import NoProgress
from transforms.schema import upgrade_schema
from transforms.synth import generate_run
from transforms.synth.corruptions.artifacts import CLASSIFICATIONS
from transforms.synth.corruptions.edit import Json

pytestmark = pytest.mark.slow

T = TypeVar("T")
QUIET = NoProgress()
RUNS = tuple(f"{GRAPH}/20260{month}01070000" for month in (3, 4, 5))
COMMANDS = (
    "bring_in",
    "bring_in_unpublished",
    "bring_in_again",
    "fail_to_bring_in",
    "publish",
    "roll_back",
    "prune",
)
WORK = ("assignment", "description", "narrative")
STATUSES = ("new", "assigned", "in_progress", "resolved", "closed")
FROM_BEST = (
    "sustained_excellence",
    "improving_leader",
    "baseline",
    "recovering",
    "emerging_risk",
    "volatility_alert",
    "chronic_underperformer",
    "critical_trajectory",
)


@dataclass(frozen=True)
class World:
    """An empty database to clone, the runs, and broken copies of them."""

    url: str
    runs: dict[str, RunCopy]
    broken: dict[str, RunCopy]


@dataclass
class Known:
    """A signal as the model sees it."""

    active: bool
    severity: int
    kind: str
    description: str
    run_key: str


@pytest.fixture(scope="module")
def world(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> World:
    asyncio.run(upgrade_schema(database_url))
    folder = tmp_path_factory.mktemp("runs")
    runs, broken = {}, {}
    for number, run_key in enumerate(RUNS):
        path = generate_run(folder, run_id=run_key.split("/")[1], facilities=20, months=6)
        run = runs[run_key] = RunCopy(path)
        # Each lacks other signals; the first ones differ by a little, a lot, and in type.
        run.edit_line(CLASSIFICATIONS, 1, partial(_set, severity=(40, 49, 50)[number]))
        run.edit_line(CLASSIFICATIONS, 2, partial(_set, severity=(20, 95, 20)[number]))
        kind = ("baseline", "suspect_data", "emerging_risk")[number]
        run.edit_line(CLASSIFICATIONS, 3, partial(_set, severity=50, signal_type=kind))
        run.edit_lines(CLASSIFICATIONS, partial(_without, 4 + number))
        broken[run_key] = orphaned(copy_run(path, tmp_path_factory.mktemp("broken")))
    return World(database_url, runs, broken)


def _set(classification: Json, **values: Any) -> None:
    classification.update(values)


def _without(number: int, lines: list[bytes]) -> list[bytes]:
    return lines[: number - 1] + lines[number:]


def direction(old: Known, severity: int, kind: str) -> int:
    """1 for worse, -1 for better, 0 for no news."""
    if not old.active:
        return 1
    if abs(severity - old.severity) >= 10:
        return 1 if severity > old.severity else -1
    if kind not in FROM_BEST or old.kind not in FROM_BEST:
        return 0
    moved = FROM_BEST.index(kind) - FROM_BEST.index(old.kind)
    return (moved > 0) - (moved < 0)


class Lifecycle(RuleBasedStateMachine):
    """The commands and what people do, against the model."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.cloned = clone(world.url)
        self.url = self.cloned.__enter__()
        self.states: dict[str, str] = {}
        self.published_in_order: list[str] = []
        self.marts: dict[str, dict[UUID, tuple[int, str, str]]] = {}
        self.signals: dict[UUID, Known] = {}
        self.detected: dict[UUID, Any] = {}
        self.work: dict[UUID, tuple[str, str]] = {}
        self.texts: dict[str, dict[UUID, str]] = {"description": {}, "narrative": {}}
        self.events: Counter[tuple[UUID, str, str | None, str]] = Counter()

    def teardown(self) -> None:
        self.cloned.__exit__(None, None, None)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        async with connected(self.url) as connection:
            return list(await connection.fetch(query, *values))

    # What the model expects of the commands

    @property
    def served(self) -> str | None:
        """The run that is published."""
        return next((run_key for run_key, state in self.states.items() if state == "published"), None)

    def expect_built(self, run_key: str) -> None:
        rows = self.do(
            self.fetch(
                "select entity_key, simplified_severity, simplified_signal_type, description "
                "from public_marts.fct_signals where run_key = $1",
                run_key,
            )
        )
        self.marts[run_key] = {UUID(key): tuple(values) for key, *values in rows}
        self.states[run_key] = "built"

    def expect_published(self, run_key: str) -> None:
        before = self.served
        if before is not None and before != run_key:
            self.states[before] = "superseded"
        self.states[run_key] = "published"
        self.published_in_order = [each for each in self.published_in_order if each != run_key] + [run_key]
        known, rows = self.signals, self.marts[run_key]
        former = next((_id(signal.run_key) for signal in known.values() if signal.active), None)
        for key, (severity, kind, description) in rows.items():
            if key not in known:
                self.events[key, "new_signal", former, _id(run_key)] += 1
            else:
                moved = direction(known[key], severity, kind)
                if moved:
                    told = "regression" if moved > 0 else "improvement"
                    self.events[key, told, _id(known[key].run_key), _id(run_key)] += 1
            known[key] = Known(True, severity, kind, description, run_key)
        for key in known.keys() - rows.keys():
            if known[key].active:
                self.events[key, "improvement", _id(known[key].run_key), _id(run_key)] += 1
                known[key].active = False

    # Commands

    @initialize()
    def start(self) -> None:
        self.bring_in(RUNS[0])

    # One rule, so that no example goes without some of the commands.
    @rule(
        what=st.sampled_from((*COMMANDS, *WORK)),
        run_key=st.sampled_from(RUNS),
        number=st.integers(0, 200),
        text=st.sampled_from(STATUSES),
    )
    def step(self, what: str, run_key: str, number: int, text: str) -> None:
        if what in WORK:
            self.person(what, number, text)
        else:
            getattr(self, what)(run_key)

    def bring_in(self, run_key: str) -> None:
        before = self.states.get(run_key)
        done = self.do(ingest(self.url, self.world.runs[run_key]))
        assert done.unchanged == (before == "published")
        if before in (None, "failed"):
            self.expect_built(run_key)
        if not done.unchanged:
            self.expect_published(run_key)

    def bring_in_unpublished(self, run_key: str) -> None:
        done = self.do(ingest(self.url, self.world.runs[run_key], publish=False))
        if self.states.get(run_key) in (None, "failed"):
            assert done.build is not None
            self.expect_built(run_key)

    def bring_in_again(self, run_key: str) -> None:
        done = self.do(ingest(self.url, self.world.runs[run_key], force=True))
        assert done.build is not None
        self.expect_built(run_key)
        self.expect_published(run_key)

    def fail_to_bring_in(self, run_key: str) -> None:
        with pytest.raises(BuildFailed):
            self.do(ingest(self.url, self.world.broken[run_key]))
        if self.states.get(run_key) in (None, "failed"):
            self.states[run_key] = "failed"

    def publish(self, run_key: str) -> None:
        if self.states.get(run_key) in (None, "failed"):
            with pytest.raises((RunUnknown, RunNotBuilt)):
                self.do(publish_named(self.url, run_key, QUIET))
            return
        for _ in range(2):
            self.do(publish_named(self.url, run_key, QUIET))
        self.expect_published(run_key)

    def roll_back(self, _: str) -> None:
        earlier = [key for key in self.published_in_order if self.states.get(key) == "superseded"]
        if not earlier:
            with pytest.raises(NothingToRollBackTo):
                self.do(rollback(self.url, GRAPH, QUIET))
            return
        run_key, _hydration = self.do(rollback(self.url, GRAPH, QUIET))
        assert run_key == earlier[-1]
        self.expect_published(run_key)

    def prune(self, run_key: str) -> None:
        keep = RUNS.index(run_key)
        others = sorted((key for key, state in self.states.items() if state != "published"), reverse=True)
        result = self.do(prune(self.url, keep))
        assert sorted(result.pruned) == sorted(others[keep:])
        for each in result.pruned:
            del self.states[each]

    # What people do

    def person(self, what: str, number: int, text: str) -> None:
        # The first ones are gone, or changed last.
        order = sorted(self.signals, key=lambda key: (self.signals[key].active, key))
        key = order[number % len(order)]
        if what == "assignment":
            query = (
                "insert into public.assignments (signal_id, status, notes) values ($1, $2, $2) "
                "on conflict (signal_id) do update set status = $2"
            )
            self.work[key] = (text, self.work.get(key, (text, text))[1])
        else:
            values = {
                "description": "description = $2, description_edited = true",
                "narrative": "why_matters_narrative = $2",
            }
            query = f"update public.signals set {values[what]} where id = $1"
            self.texts[what][key] = text
        self.do(self.fetch(query, key, text))

    # What must hold after each step

    @invariant()
    def registry_is_as_expected(self) -> None:
        rows = self.do(self.fetch("select run_key, state from public.runs"))
        assert {row["run_key"]: row["state"] for row in rows} == self.states
        self.do(assert_consistent(self.url))

    @invariant()
    def no_row_of_a_pruned_run_is_left(self) -> None:
        rows = self.do(
            self.fetch(
                "select run_key from public.raw_classifications union "
                "select run_key from public_marts.fct_signals"
            )
        )
        assert {row["run_key"] for row in rows} <= set(self.states)

    @invariant()
    def signals_are_as_expected(self) -> None:
        rows = self.do(self.fetch("select * from public.signals"))
        assert {row["id"]: row["active"] for row in rows} == {
            key: signal.active for key, signal in self.signals.items()
        }
        for row in rows:
            signal = self.signals[row["id"]]
            assert (row["simplified_severity"], row["simplified_signal_type"], row["run_key"]) == (
                signal.severity,
                signal.kind,
                signal.run_key,
            )
            assert self.detected.setdefault(row["id"], row["detected_at"]) == row["detected_at"]
            description = self.texts["description"].get(row["id"])
            assert row["description_edited"] == (description is not None)
            assert row["description"] == (description or signal.description)
            assert row["why_matters_narrative"] == self.texts["narrative"].get(row["id"])

    @invariant()
    def work_is_as_people_left_it(self) -> None:
        rows = self.do(self.fetch("select signal_id, status, notes from public.assignments"))
        assert {row["signal_id"]: (row["status"], row["notes"]) for row in rows} == self.work

    @invariant()
    def each_change_was_told_once(self) -> None:
        rows = self.do(self.fetch("select signal_id, event_type, payload from public.activity_events"))
        told: Counter[tuple[UUID, str, str | None, str]] = Counter()
        for row in rows:
            payload = json.loads(row["payload"])
            runs = (payload["previous_run_id"], payload["current_run_id"])
            told[row["signal_id"], row["event_type"], *runs] += 1
        assert told == self.events


def _id(run_key: str) -> str:
    return run_key.split("/")[1]


def test_invariants_hold_in_every_order(world: World) -> None:
    run_state_machine_as_test(
        partial(Lifecycle, world),
        settings=settings(
            max_examples=7,
            stateful_step_count=12,
            derandomize=True,
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
