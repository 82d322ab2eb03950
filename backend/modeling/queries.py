"""Statements over modeling runs, experiments and drivers of runs that are published, or named."""

from __future__ import annotations

import sys
from typing import Any

from sqlalchemy import (
    BigInteger,
    Double,
    FromClause,
    Select,
    Text,
    UnaryExpression,
    case,
    column,
    or_,
    select,
    table,
)

from backend.db.models import Run
from backend.enums import WHOLE_MARTS, RunState

Rows = Select[*tuple[Any, ...]]

_RUNS = table(
    "raw_modeling_runs",
    *(column(name, Text) for name in ("run_key", "run_id", "config_path", "status", "groups")),
    column("run_index", BigInteger),
    column("duration_seconds", Double),
    schema="public",
)

EXPERIMENT_NUMBERS = ("mae", "rmse", "r2", "mae_original", "rmse_original", "r2_original")

_EXPERIMENTS = table(
    "fct_modeling_experiments",
    *(
        column(name, Text)
        for name in (
            "run_key", "run_id", "estimator", "groupby_label", "group_value",
            "global_shap_path", "facility_shap_path", "encounter_shap_path",
        )
    ),
    *(column(name, BigInteger) for name in ("experiment_index", "row_count", "experiment_rank")),
    *(column(name, Double) for name in ("duration_seconds", *EXPERIMENT_NUMBERS)),
    schema="public_marts",
)  # fmt: skip

_DRIVERS = table(
    "fct_model_drivers",
    *(column(name, Text) for name in ("run_key", "feature_name", "direction")),
    *(column(name, BigInteger) for name in ("experiment_index", "driver_rank", "sample_count")),
    *(column(name, Double) for name in ("mean_abs_shap", "mean_shap")),
    schema="public_marts",
)

_SHOWN = tuple(each for each in _EXPERIMENTS.c if each.name not in {"run_key", "experiment_index"})
_SHOWN_OF_RUN = ("status", "config_path", "groups", "duration_seconds")


def modeling_run(run_id: str | None) -> Rows:
    """The modeling run of ``run_id``, by default of the run that was published last.

    A run with experiments and no summary of its own is one too.
    """
    experiments_there = select(_EXPERIMENTS.c.run_key).where(_EXPERIMENTS.c.run_key == Run.run_key).exists()
    return (
        select(Run.run_key, Run.run_id, *(_RUNS.c[name] for name in _SHOWN_OF_RUN))
        .join(_RUNS, _RUNS.c.run_key == Run.run_key, isouter=True)
        .where(_chosen(run_id), or_(_RUNS.c.run_key.is_not(None), experiments_there))
        .order_by(Run.published_at.desc().nulls_last(), Run.run_key, _RUNS.c.run_index)
        .limit(1)
    )


def experiments_of(run_key: str) -> Rows:
    """Experiments of one run, best first."""
    return select(*_SHOWN).where(_EXPERIMENTS.c.run_key == run_key).order_by(*_best_first(_EXPERIMENTS))


def experiments(run_id: str | None, estimator: str | None, limit: int) -> Rows:
    """Experiments of the published runs, or of ``run_id``, best first."""
    return _filtered(select(*_SHOWN), run_id, estimator).limit(limit)


def drivers(run_id: str | None, estimator: str | None, top_n: int) -> Rows:
    """Drivers of the best experiment that has a global SHAP summary, strongest first.

    Without drivers the experiment is one row whose ``feature_name`` is null.
    """
    best = (
        _filtered(
            select(
                _EXPERIMENTS.c.run_key,
                _EXPERIMENTS.c.run_id,
                _EXPERIMENTS.c.estimator,
                _EXPERIMENTS.c.experiment_index,
            ),
            run_id,
            estimator,
        )
        .where(_EXPERIMENTS.c.global_shap_path.is_not(None))
        .limit(1)
        .subquery("best")
    )
    return (
        select(
            best.c.run_id,
            best.c.estimator,
            _DRIVERS.c.feature_name,
            _DRIVERS.c.mean_abs_shap,
            _DRIVERS.c.mean_shap,
            _DRIVERS.c.direction,
            _DRIVERS.c.driver_rank,
        )
        .select_from(
            best.outerjoin(
                _DRIVERS,
                (_DRIVERS.c.run_key == best.c.run_key)
                & (_DRIVERS.c.experiment_index == best.c.experiment_index),
            )
        )
        .order_by(_DRIVERS.c.driver_rank)
        .limit(top_n)
    )


def _filtered(rows: Rows, run_id: str | None, estimator: str | None) -> Rows:
    rows = rows.join(Run, Run.run_key == _EXPERIMENTS.c.run_key).where(_chosen(run_id))
    if estimator:
        rows = rows.where(_EXPERIMENTS.c.estimator == estimator)
    return rows.order_by(*_best_first(_EXPERIMENTS))


def _chosen(run_id: str | None) -> Any:
    if not run_id:
        return Run.state == RunState.PUBLISHED
    return (Run.run_id == run_id) & Run.state.in_(WHOLE_MARTS)


def _best_first(rows: FromClause) -> tuple[UnaryExpression[Any] | Any, ...]:
    # PostgreSQL takes NaN for the greatest number; here it is none.
    finite = case((rows.c.r2.between(-sys.float_info.max, sys.float_info.max), rows.c.r2))
    return (
        rows.c.experiment_rank.asc().nulls_last(),
        finite.desc().nulls_last(),
        rows.c.estimator,
        rows.c.group_value,
        rows.c.experiment_index,
    )
