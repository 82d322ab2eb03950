"""Hydrating: what becomes of a signal from run to run."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.services.signal_hydrator import (
    HydrationResult,
)
from tests.api.hydrating import documents_by_id, events, hydrate_run, publish_run, signals_by_id
from tests.api.marts import (
    FACILITY_NODE,
    SERVICE_LINE_NODE,
    SUB_SERVICE_LINE_NODE,
    add_run,
    edge,
    signal_id,
    signal_row,
)


async def test_first_publish_creates_signals(engine: AsyncEngine, connection: asyncpg.Connection) -> None:
    rows = [signal_row("F1"), signal_row("F2", simplified_severity=None)]
    run_key = await add_run(connection, "1", rows)
    assert await publish_run(engine, run_key) == HydrationResult(processed=2, created=2)
    signals = await signals_by_id(connection)
    assert set(signals) == {signal_id(row) for row in rows}
    signal = signals[signal_id(rows[0])]
    assert signal["run_key"] == run_key
    assert signal["active"]
    assert (signal["metric_value"], signal["peer_mean"], signal["peer_std"]) == (1.25, 1.0, 0.2)
    assert json.loads(signal["entity_dimensions"]) == {}
    assert signal["metadata"] is None, "documents stay in the mart"
    documents = (await documents_by_id(connection))[signal_id(rows[0])]
    assert documents["metadata"] == rows[0]["metadata"]
    details = json.loads(documents["technical_details"])
    assert details["peer_mean"] == 1.1, "the peers' own mean stays beside the benchmark"
    assert details["monthly_z_scores"] == "[1.5, null]"
    assert details["simplified_severity_range"] == [40, 69]


async def test_every_new_signal_is_announced(engine: AsyncEngine, connection: asyncpg.Connection) -> None:
    row = signal_row("F1", metric_value=1.5, benchmark=1.2)
    await publish_run(engine, await add_run(connection, "1", [row]))
    assert await events(connection, "new_signal") == [
        (
            signal_id(row),
            {
                "signal_type": "emerging_risk",
                "severity": 50,
                "domain": "Efficiency",
                "service_line": "Facility-wide",
                "description": "emerging_risk (severity: 50)",
                "variance_percent": 25.0,
                "previous_run_id": None,
                "current_run_id": "1",
            },
        )
    ]


async def test_the_same_again_writes_nothing(engine: AsyncEngine, connection: asyncpg.Connection) -> None:
    run_key = await add_run(connection, "1", [signal_row("F1"), signal_row("F2")])
    await publish_run(engine, run_key)
    before = await connection.fetch("select xmin, * from public.signals order by id")
    assert await publish_run(engine, run_key) == HydrationResult(processed=2, unchanged=2)
    assert await hydrate_run(engine, run_key) == HydrationResult(processed=2, unchanged=2)
    assert await connection.fetch("select xmin, * from public.signals order by id") == before
    assert len(await events(connection, "new_signal")) == 2


async def test_what_people_did_survives_a_new_run(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    row = signal_row("F1")
    await publish_run(engine, await add_run(connection, "1", [row]))
    before = (await signals_by_id(connection))[signal_id(row)]
    user = await connection.fetchval(
        "insert into users (email, name, hashed_password) values ('a@b', 'A', 'x') returning id"
    )
    await connection.execute(
        "insert into assignments (signal_id, assignee_id, status) values ($1, $2, 'assigned')",
        before["id"],
        user,
    )
    await connection.execute(
        "update signals set description = 'Mine', description_edited = true, why_matters_narrative = 'So'"
    )
    changed = {**row, "metric_value": 9.0, "domain": "Safety", "facility": "New Name", "description": "Other"}
    result = await publish_run(engine, await add_run(connection, "2", [changed]))
    assert result == HydrationResult(processed=1, updated=1)
    after = (await signals_by_id(connection))[signal_id(row)]
    for column in ("id", "created_at", "detected_at"):
        assert after[column] == before[column]
    assert (after["description"], after["why_matters_narrative"]) == ("Mine", "So")
    assert (after["metric_value"], after["domain"], after["facility"]) == (9.0, "Safety", "New Name")
    assert after["run_id"] == "2"
    assert await connection.fetchval("select assignee_id from assignments") == user
    assert len(await events(connection, "new_signal")) == 1


async def test_an_unedited_description_follows_the_run(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    row = signal_row("F1")
    run_key = await add_run(connection, "1", [row])
    await publish_run(engine, run_key)
    await add_run(connection, "1", [{**row, "description": "Another text"}])
    assert (await hydrate_run(engine, run_key)).updated == 1
    assert (await signals_by_id(connection))[signal_id(row)]["description"] == "Another text"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("metric_value", 1.2500000000000002),
        ("benchmark", None),
        ("service_line", "Cardiology"),
        ("simplified_signal_type", "baseline"),
        ("entity_dimensions", '{"a": "b"}'),
        ("system_name", None),
    ],
)
async def test_any_changed_value_is_taken_over(
    engine: AsyncEngine, connection: asyncpg.Connection, column: str, value: Any
) -> None:
    rows = [signal_row("F1"), signal_row("F2")]
    run_key = await add_run(connection, "1", rows)
    await publish_run(engine, run_key)
    await add_run(connection, "1", [{**rows[0], column: value}, rows[1]])
    assert await hydrate_run(engine, run_key) == HydrationResult(processed=2, updated=1, unchanged=1)


async def test_changed_documents_are_shown_though_no_signal_is_written(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    row = signal_row("F1")
    run_key = await add_run(connection, "1", [row])
    await publish_run(engine, run_key)
    await add_run(connection, "1", [{**row, "metric_trend_timeline": "[]", "slope_percentile": 3.5}])
    version = "select version from public.data_versions where scope = 'signals'"
    before = await connection.fetchval(version)
    assert await hydrate_run(engine, run_key) == HydrationResult(processed=1, unchanged=1)
    assert await connection.fetchval(version) > before, "answers that are kept show the old ones"
    documents = (await documents_by_id(connection))[signal_id(row)]
    assert documents["metric_trend_timeline"] == "[]"
    assert json.loads(documents["technical_details"])["slope_percentile"] == 3.5


async def test_a_signal_that_leaves_takes_its_documents_along(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    stays, leaves = signal_row("F1"), signal_row("F2")
    await publish_run(engine, await add_run(connection, "1", [stays, leaves]))
    shown = (await documents_by_id(connection))[signal_id(leaves)]
    await publish_run(engine, await add_run(connection, "2", [stays]))
    await connection.execute("delete from public_marts.fct_signals where run_key like '%/1'")
    assert (await documents_by_id(connection))[signal_id(leaves)] == shown

    back = {**leaves, "metric_trend_timeline": "[]"}
    await publish_run(engine, await add_run(connection, "3", [stays, back]))
    signal = (await signals_by_id(connection))[signal_id(leaves)]
    assert (signal["metadata"], signal["technical_details"]) == (None, None)
    assert (await documents_by_id(connection))[signal_id(leaves)]["metric_trend_timeline"] == "[]"


async def test_absent_signals_become_inactive_and_come_back(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    stays, leaves = signal_row("F1"), signal_row("F2")
    await publish_run(engine, await add_run(connection, "1", [stays, leaves]))
    before = (await signals_by_id(connection))[signal_id(leaves)]
    result = await publish_run(engine, await add_run(connection, "2", [stays]))
    assert result == HydrationResult(processed=1, updated=1, deactivated=1)
    gone = (await signals_by_id(connection))[signal_id(leaves)]
    assert not gone["active"]
    assert gone["run_id"] == "1", "an inactive signal shows what it was last"

    await publish_run(engine, await add_run(connection, "3", [stays, leaves]))
    back = (await signals_by_id(connection))[signal_id(leaves)]
    assert back["active"]
    assert (back["id"], back["detected_at"]) == (before["id"], before["detected_at"])
    ((about, payload),) = await events(connection, "regression")
    assert about == signal_id(leaves)
    assert payload["description"] == "LOS Index at Hospital F2 is back with severity 50"


async def test_a_moved_severity_is_news(engine: AsyncEngine, connection: asyncpg.Connection) -> None:
    worse, better, same = signal_row("F1"), signal_row("F2"), signal_row("F3")
    await publish_run(engine, await add_run(connection, "1", [worse, better, same]))
    await publish_run(
        engine,
        await add_run(
            connection,
            "2",
            [
                {**worse, "simplified_severity": 80, "metric_value": 2.5},
                {**better, "simplified_severity": 20, "metric_value": 1.0},
                {**same, "metric_value": 1.3},
            ],
        ),
    )
    ((about, payload),) = await events(connection, "regression")
    assert about == signal_id(worse)
    assert payload == {
        "description": "LOS Index at Hospital F1: severity rose from 50 to 80",
        "previous_value": 1.25,
        "current_value": 2.5,
        "percent_change": 100.0,
        "previous_severity": 50,
        "current_severity": 80,
        "previous_signal_type": "emerging_risk",
        "current_signal_type": "emerging_risk",
        "previous_run_id": "1",
        "current_run_id": "2",
    }
    ((about, payload),) = await events(connection, "improvement")
    assert about == signal_id(better)
    assert payload == {
        "description": "LOS Index at Hospital F2: severity fell from 50 to 20",
        "intervention_name": None,
        "before_value": 1.25,
        "after_value": 1.0,
        "percent_change": -20.0,
        "effectiveness_label": "severity fell from 50 to 20",
        "previous_severity": 50,
        "current_severity": 20,
        "previous_signal_type": "emerging_risk",
        "current_signal_type": "emerging_risk",
        "previous_run_id": "1",
        "current_run_id": "2",
    }


@pytest.mark.parametrize(
    ("severity", "signal_type", "kind", "how"),
    [
        (59, "emerging_risk", None, ""),
        (60, "emerging_risk", "regression", "severity rose from 50 to 60"),
        (41, "emerging_risk", None, ""),
        (40, "emerging_risk", "improvement", "severity fell from 50 to 40"),
        (None, "emerging_risk", None, ""),
        (50, "chronic_underperformer", "regression", "emerging_risk became chronic_underperformer"),
        (
            55,
            "volatility_alert",
            "regression",
            "severity rose from 50 to 55, emerging_risk became volatility_alert",
        ),
        (50, "recovering", "improvement", "emerging_risk became recovering"),
        # A severity that moved far decides.
        (
            39,
            "critical_trajectory",
            "improvement",
            "severity fell from 50 to 39, emerging_risk became critical_trajectory",
        ),
        # Suspect data is neither better nor worse.
        (50, "suspect_data", None, ""),
        (50, None, None, ""),
    ],
)
async def test_a_change_is_news_from_ten_points_of_severity_or_by_its_type(
    engine: AsyncEngine,
    connection: asyncpg.Connection,
    severity: int | None,
    signal_type: str | None,
    kind: str | None,
    how: str,
) -> None:
    row = signal_row("F1")
    await publish_run(engine, await add_run(connection, "1", [row]))
    changed = {**row, "simplified_severity": severity, "simplified_signal_type": signal_type}
    run_key = await add_run(connection, "2", [changed])
    for _ in range(3):
        await publish_run(engine, run_key)
    told = await connection.fetch(
        "select event_type, payload ->> 'description' from activity_events where event_type <> 'new_signal'"
    )
    assert [tuple(each) for each in told] == ([(kind, f"LOS Index at Hospital F1: {how}")] if kind else [])


async def test_that_a_signal_left_is_an_improvement_and_that_it_came_back_a_regression(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    stays, leaves = signal_row("F1"), signal_row("F2")
    await publish_run(engine, await add_run(connection, "1", [stays, leaves]))
    run_key = await add_run(connection, "2", [stays])
    for _ in range(3):
        await publish_run(engine, run_key)
    ((about, payload),) = await events(connection, "improvement")
    assert about == signal_id(leaves)
    assert payload == {
        "description": "LOS Index at Hospital F2 is no longer a signal",
        "intervention_name": None,
        "before_value": 1.25,
        "after_value": None,
        "percent_change": None,
        "effectiveness_label": "no longer a signal",
        "previous_severity": 50,
        "current_severity": None,
        "previous_signal_type": "emerging_risk",
        "current_signal_type": None,
        "previous_run_id": "1",
        "current_run_id": "2",
    }
    # Better than it left, but there.
    back = {**leaves, "simplified_severity": 20}
    run_key = await add_run(connection, "3", [stays, back])
    for _ in range(3):
        await publish_run(engine, run_key)
    ((about, payload),) = await events(connection, "regression")
    assert about == signal_id(leaves)
    assert payload["description"] == "LOS Index at Hospital F2 is back with severity 20"
    assert (payload["previous_run_id"], payload["current_run_id"]) == ("1", "3")
    assert len(await events(connection, "improvement")) == 1


async def test_a_signal_that_comes_later_names_the_run_before(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    await publish_run(engine, await add_run(connection, "1", [signal_row("F1")]))
    await publish_run(engine, await add_run(connection, "2", [signal_row("F1"), signal_row("F2")]))
    told = dict(await events(connection, "new_signal"))
    runs = {about: (payload["previous_run_id"], payload["current_run_id"]) for about, payload in told.items()}
    assert runs == {signal_id(signal_row("F1")): (None, "1"), signal_id(signal_row("F2")): ("1", "2")}


@pytest.mark.parametrize(("old", "new"), [(0.0, 1.0), (1e-300, 1e300), (-1e308, 1e308)])
async def test_changes_that_overflow_or_have_no_percentage_do_not_stop_apublish_run(
    engine: AsyncEngine, connection: asyncpg.Connection, old: float, new: float
) -> None:
    row = signal_row("F1", metric_value=old, benchmark=0.0)
    await publish_run(engine, await add_run(connection, "1", [row]))
    changed = {**row, "metric_value": new, "simplified_severity": 99}
    assert (await publish_run(engine, await add_run(connection, "2", [changed]))).updated == 1


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), float("-inf")])
async def test_rows_without_a_value_are_skipped_and_counted(
    engine: AsyncEngine, connection: asyncpg.Connection, value: float | None
) -> None:
    run_key = await add_run(connection, "1", [signal_row("F1"), signal_row("F2", metric_value=value)])
    assert await publish_run(engine, run_key) == HydrationResult(processed=2, created=1, skipped=1)
    assert len(await signals_by_id(connection)) == 1


async def test_numbers_that_json_cannot_hold_become_null(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    row = signal_row("F1", peer_std=float("nan"), simple_zscore=float("inf"), percentile_rank=float("-inf"))
    await publish_run(engine, await add_run(connection, "1", [row]))
    signal = (await signals_by_id(connection))[signal_id(row)]
    assert signal["peer_std"] is None
    assert signal["percentile_rank"] is None
    documents = (await documents_by_id(connection))[signal_id(row)]
    assert json.loads(documents["technical_details"])["simple_zscore"] is None


async def test_large_values_and_missing_ones_fit(engine: AsyncEngine, connection: asyncpg.Connection) -> None:
    row = signal_row(
        "F1", metric_value=123456789.125, simplified_inputs="null", metadata=None, domain="Other"
    )
    await publish_run(engine, await add_run(connection, "1", [row]))
    signal = (await signals_by_id(connection))[signal_id(row)]
    assert signal["metric_value"] == 123456789.125
    documents = (await documents_by_id(connection))[signal_id(row)]
    assert documents["metadata"] is None
    assert json.loads(documents["technical_details"])["simplified_inputs"] is None


async def test_a_run_without_signals_makes_all_inactive(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    await publish_run(engine, await add_run(connection, "1", [signal_row()]))
    run_key = await add_run(connection, "2", [], [edge("a", "b")])
    assert await publish_run(engine, run_key) == HydrationResult(deactivated=1)


async def test_hydrating_some_facilities_leaves_the_others_alone(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    rows = [signal_row("F1"), signal_row("F2"), signal_row("F3")]
    run_key = await add_run(connection, "1", rows)
    await publish_run(engine, run_key)
    await add_run(connection, "1", [{**rows[0], "metric_value": 2.0}, {**rows[1], "metric_value": 2.0}])
    result = await hydrate_run(engine, run_key, facility_ids=["F1"])
    assert result == HydrationResult(processed=1, updated=1)
    values = {
        s["facility_id"]: (s["metric_value"], s["active"]) for s in (await signals_by_id(connection)).values()
    }
    assert values == {"F1": (2.0, True), "F2": (1.25, True), "F3": (1.25, True)}
    assert (await hydrate_run(engine, run_key, facility_ids=["F3"])).deactivated == 1


async def test_a_limit_takes_the_most_severe_and_retires_none(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    rows = [signal_row(f"F{n}", simplified_severity=n) for n in range(4)]
    run_key = await add_run(connection, "1", rows, state="published")
    assert await hydrate_run(engine, run_key, limit=2) == HydrationResult(processed=2, created=2)
    assert {s["facility_id"] for s in (await signals_by_id(connection)).values()} == {"F3", "F2"}
    assert (await hydrate_run(engine, run_key)).created == 2
    assert await hydrate_run(engine, run_key, limit=1) == HydrationResult(processed=1, unchanged=1)
    assert all(s["active"] for s in (await signals_by_id(connection)).values())


def _hierarchy() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows = [
        signal_row("F1"),
        signal_row("F1", {"vizientServiceLine": "Cardio"}, canonical_node_id=SERVICE_LINE_NODE),
        signal_row("F1", {"vizientServiceLine": "Neuro"}, canonical_node_id=SERVICE_LINE_NODE),
        signal_row(
            "F1",
            {"vizientServiceLine": "Cardio", "vizientSubServiceLine": "Valve"},
            canonical_node_id=SUB_SERVICE_LINE_NODE,
        ),
        signal_row("F2", {"vizientServiceLine": "Cardio"}, canonical_node_id=SERVICE_LINE_NODE),
    ]
    edges = [
        edge(FACILITY_NODE, SERVICE_LINE_NODE),
        edge(SERVICE_LINE_NODE, SUB_SERVICE_LINE_NODE),
        edge(FACILITY_NODE, "temporal", "trends_to"),
    ]
    return rows, edges


async def test_relations_follow_the_edges_of_the_run(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    rows, edges = _hierarchy()
    await publish_run(engine, await add_run(connection, "1", rows, edges))
    signals = await signals_by_id(connection)
    flags = [(signals[signal_id(row)]["has_children"], signals[signal_id(row)]["has_parent"]) for row in rows]
    assert flags == [(True, False), (True, True), (False, True), (False, True), (False, False)]
    assert signals[signal_id(rows[0])]["edge_types"] == ["segments_into", "trends_to"]

    # The sub-service line goes, and the service line's edge to it.
    await publish_run(engine, await add_run(connection, "2", [*rows[:3], rows[4]], edges[:1]))
    signals = await signals_by_id(connection)
    flags = [(signals[signal_id(row)]["has_children"], signals[signal_id(row)]["has_parent"]) for row in rows]
    assert flags == [(True, False), (False, True), (False, True), (False, False), (False, False)]
    assert signals[signal_id(rows[0])]["edge_types"] == ["segments_into"]


async def test_related_signals_are_counted_across_graphs(
    engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    here = [signal_row("F1"), signal_row("F1", metric_id="averageLos"), signal_row("F2")]
    there = signal_row("F1", graph_name="other", metric_id="clabsiRate")
    await publish_run(engine, await add_run(connection, "1", here))
    counts = {
        key: signal["related_signal_count"] for key, signal in (await signals_by_id(connection)).items()
    }
    assert [counts[signal_id(row)] for row in here] == [1, 1, 0]
    await publish_run(engine, await add_run(connection, "1", [there], graph_name="other"))
    counts = {
        key: signal["related_signal_count"] for key, signal in (await signals_by_id(connection)).items()
    }
    assert [counts[signal_id(row)] for row in (*here, there)] == [2, 2, 0, 2]
