"""/api/modeling over runs made by hand: which run, which experiment, in which order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from contracts.ddl import postgres_ddl
from contracts.tables.analysis import MODELING_RUNS
from tests.api.marts import add_run

_EXPERIMENTS = (
    "run_key text, run_id text, experiment_index bigint, estimator text, groupby_label text,"
    " group_value text, row_count bigint, experiment_rank bigint, duration_seconds double precision,"
    " mae double precision, rmse double precision, r2 double precision, mae_original double precision,"
    " rmse_original double precision, r2_original double precision, global_shap_path text,"
    " facility_shap_path text, encounter_shap_path text"
)
_DRIVERS = (
    "run_key text, experiment_index bigint, feature_name text, direction text, driver_rank bigint,"
    " sample_count bigint, mean_abs_shap double precision, mean_shap double precision"
)
OLD, NEW = "20260101000000", "20260201000000"
NAN, INFINITE = float("nan"), float("inf")


@pytest.fixture
async def data(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The connection, with the tables of modeling empty."""
    for statement in postgres_ddl(MODELING_RUNS):
        await connection.execute(statement)
    await connection.execute(f"create table public_marts.fct_modeling_experiments ({_EXPERIMENTS})")
    await connection.execute(f"create table public_marts.fct_model_drivers ({_DRIVERS})")
    yield connection
    await connection.execute(
        "drop table public.raw_modeling_runs, public_marts.fct_modeling_experiments,"
        " public_marts.fct_model_drivers"
    )


async def _insert(connection: asyncpg.Connection, table: str, **values: Any) -> None:
    places = ", ".join(f"${position}" for position in range(1, len(values) + 1))
    await connection.execute(f"insert into {table} ({', '.join(values)}) values ({places})", *values.values())


async def _run(
    connection: asyncpg.Connection,
    run_id: str,
    *,
    graph: str = "g",
    state: str = "published",
    day: int = 1,
    summary: bool = True,
) -> str:
    run_key = await add_run(connection, run_id, [], graph_name=graph, state=state)
    await connection.execute(
        "update runs set published_at = $2 where run_key = $1", run_key, datetime(2026, 3, day, tzinfo=UTC)
    )
    if summary:
        for index, status in enumerate(("completed", "running")):
            await _insert(
                connection,
                "raw_modeling_runs",
                run_key=run_key,
                run_id=run_id,
                run_index=index,
                status=status,
                groups='["all", "north"]',
                duration_seconds=12.5,
                source_file="modeling/run_summary.json",
            )
    return run_key


async def _experiment(
    connection: asyncpg.Connection, run_key: str, index: int, estimator: str, r2: float | None, **values: Any
) -> None:
    await _insert(
        connection,
        "public_marts.fct_modeling_experiments",
        run_key=run_key,
        run_id=run_key.split("/")[1],
        experiment_index=index,
        estimator=estimator,
        r2=r2,
        **{"experiment_rank": 1, "global_shap_path": None, **values},
    )


async def _driver(
    connection: asyncpg.Connection, run_key: str, index: int, rank: int, feature: str, size: float
) -> None:
    await _insert(
        connection,
        "public_marts.fct_model_drivers",
        run_key=run_key,
        experiment_index=index,
        feature_name=feature,
        direction="negative" if feature.startswith("low") else "positive",
        driver_rank=rank,
        mean_abs_shap=size,
    )


async def _get(client: httpx.AsyncClient, path: str, **parameters: Any) -> dict[str, Any]:
    answer = await client.get(f"/api/modeling/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _keys(experiments: list[dict[str, Any]]) -> list[tuple[str, float | None]]:
    return [(each["estimator"], each["r2"]) for each in experiments]


async def test_the_best_experiment_has_the_highest_finite_r2(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    """Ranks are per estimator: the last first of one must not be taken for the best of all."""
    run = await _run(data, NEW)
    await _experiment(data, run, 0, "ridge", 0.2)
    await _experiment(data, run, 1, "lightgbm", 0.9)
    await _experiment(data, run, 2, "catboost", NAN)
    await _experiment(data, run, 3, "xgboost", INFINITE)
    await _experiment(data, run, 4, "lightgbm", 0.95, experiment_rank=2)
    body = await _get(client, "summary")
    assert (body["best_experiment"]["estimator"], body["best_experiment"]["r2"]) == ("lightgbm", 0.95)
    assert _keys(body["experiments"]) == [
        ("lightgbm", 0.9),
        ("ridge", 0.2),
        ("catboost", None),
        ("xgboost", None),
        ("lightgbm", 0.95),
    ]
    assert body["experiment_count"] == 5


async def test_ties_are_ordered_by_estimator_and_group(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    run = await _run(data, NEW)
    await _experiment(data, run, 0, "b", 0.5, group_value="y")
    await _experiment(data, run, 1, "b", 0.5, group_value="x")
    await _experiment(data, run, 2, "a", 0.5, group_value="z")
    await _experiment(data, run, 3, "a", None, group_value="a")
    found = (await _get(client, "experiments"))["experiments"]
    assert [(each["estimator"], each["group_value"]) for each in found] == [
        ("a", "z"),
        ("b", "x"),
        ("b", "y"),
        ("a", "a"),
    ]
    body = await _get(client, "summary")
    assert body["best_experiment"] == found[0]


async def test_the_summary_is_of_one_run(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    old = await _run(data, OLD, graph="a", day=1)
    new = await _run(data, NEW, graph="b", day=2)
    await _experiment(data, old, 0, "ridge", 0.99)
    await _experiment(data, new, 0, "ridge", 0.1)
    body = await _get(client, "summary")
    assert body["run"] == {
        "run_id": NEW,
        "status": "completed",
        "config_path": None,
        "groups": ["all", "north"],
        "duration_seconds": 12.5,
    }
    assert _keys(body["experiments"]) == [("ridge", 0.1)]
    assert _keys((await _get(client, "summary", run_id=OLD))["experiments"]) == [("ridge", 0.99)]
    assert (await _get(client, "experiments"))["count"] == 2
    # A filter left empty is no filter.
    assert await _get(client, "summary", run_id="") == body
    assert (await _get(client, "experiments", run_id="", estimator=""))["count"] == 2


@pytest.mark.parametrize(
    ("state", "count"),
    [("published", 1), ("built", 1), ("superseded", 1), ("loaded", 0), ("loading", 0), ("failed", 0)],
)
async def test_unpublished_runs_are_shown_when_named(
    client: httpx.AsyncClient, data: asyncpg.Connection, state: str, count: int
) -> None:
    run = await _run(data, OLD, state=state)
    await _experiment(data, run, 0, "ridge", 0.9, global_shap_path="g/x.csv")
    await _driver(data, run, 0, 1, "age", 0.5)
    body = await _get(client, "summary", run_id=OLD)
    assert (body["experiment_count"], body["run"] is not None) == (count, bool(count))
    assert (await _get(client, "experiments", run_id=OLD))["count"] == count
    assert len((await _get(client, "drivers", run_id=OLD))["drivers"]) == count
    if state != "published":
        assert (await _get(client, "summary"))["run"] is None
        assert (await _get(client, "experiments"))["count"] == 0


async def test_experiments_count_without_a_summary_of_their_run(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    run = await _run(data, NEW, summary=False)
    await _experiment(data, run, 0, "ridge", 0.9)
    await _run(data, OLD, graph="later", day=9, summary=False)
    body = await _get(client, "summary")
    assert body["run"] == {
        "run_id": NEW,
        "status": "unknown",
        "config_path": None,
        "groups": [],
        "duration_seconds": None,
    }
    assert _keys(body["experiments"]) == [("ridge", 0.9)]


async def test_drivers_are_of_the_first_experiment_that_has_some(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    run = await _run(data, NEW)
    await _experiment(data, run, 0, "ridge", 0.2, global_shap_path="g/ridge.csv")
    await _experiment(data, run, 1, "lightgbm", 0.9)
    await _experiment(data, run, 2, "xgboost", 0.8, global_shap_path="g/xgboost.csv")
    for index, first in ((0, "of ridge"), (2, "of xgboost")):
        for rank, feature in enumerate((first, "low one", "third"), start=1):
            await _driver(data, run, index, rank, feature, 1 / rank)
    body = await _get(client, "drivers", top_n=2)
    assert body == {
        "run_id": NEW,
        "estimator": "xgboost",
        "drivers": [
            {"feature_name": "of xgboost", "shap_value": 1.0, "direction": "positive", "rank": 1},
            {"feature_name": "low one", "shap_value": 0.5, "direction": "negative", "rank": 2},
        ],
        "top_n": 2,
    }
    named = await _get(client, "drivers", estimator="ridge")
    assert [each["feature_name"] for each in named["drivers"]] == ["of ridge", "low one", "third"]
    without = await _get(client, "drivers", estimator="lightgbm", run_id=NEW)
    assert without == {"run_id": NEW, "estimator": "lightgbm", "drivers": [], "top_n": 10}


async def test_a_summary_file_without_rows_is_no_drivers(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    run = await _run(data, NEW)
    await _experiment(data, run, 0, "ridge", 0.2, global_shap_path="g/ridge.csv")
    body = await _get(client, "drivers")
    assert (body["run_id"], body["estimator"], body["drivers"]) == (NEW, "ridge", [])
    assert (await _get(client, "drivers", run_id="nothing"))["run_id"] == "nothing"


@pytest.mark.parametrize("value", ["' or 1=1 --", "\N{SNOWMAN}", "%", "x" * 500])
async def test_filters_are_values_never_sql(
    client: httpx.AsyncClient, data: asyncpg.Connection, value: str
) -> None:
    run = await _run(data, NEW)
    await _experiment(data, run, 0, "ridge", 0.2, global_shap_path="g/ridge.csv")
    assert (await _get(client, "experiments", estimator=value))["count"] == 0
    assert (await _get(client, "experiments", run_id=value))["count"] == 0
    assert (await _get(client, "summary", run_id=value))["run"] is None
    assert (await _get(client, "drivers", estimator=value))["estimator"] == value


@pytest.mark.parametrize(
    "asked",
    [
        "experiments?limit=0",
        "experiments?limit=1001",
        "experiments?limit=many",
        "experiments?estimator=%00",
        "experiments?run_id=" + "x" * 501,
        "summary?run_id=%00",
        "drivers?top_n=0",
        "drivers?top_n=51",
        "drivers?run_id=%00",
    ],
)
async def test_malformed_parameters_are_422(client: httpx.AsyncClient, asked: str) -> None:
    answer = await client.get(f"/api/modeling/{asked}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
