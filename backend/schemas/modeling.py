"""Modeling as the API gives it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class ModelingRun(BaseModel):
    """A modeling run: which models were fitted, and how that went."""

    run_id: str
    status: str = Field(description="As the engine wrote it; `unknown` where it wrote nothing.")
    config_path: str | None
    groups: list[str] = Field(description="Groups that models were fitted for.")
    duration_seconds: float | None


class Experiment(BaseModel):
    """A fitted estimator. The first three metrics are on the transformed scale of the target."""

    run_id: str
    estimator: str = Field(examples=["lightgbm"])
    groupby_label: str | None
    group_value: str | None
    row_count: int | None
    experiment_rank: int | None = Field(description="By r2 among the experiments of the estimator, from 1.")
    duration_seconds: float | None
    mae: float | None
    rmse: float | None
    r2: float | None
    mae_original: float | None
    rmse_original: float | None
    r2_original: float | None
    global_shap_path: str | None = Field(description="Relative to the runs root.")
    facility_shap_path: str | None = Field(description="Relative to the runs root.")
    encounter_shap_path: str | None = Field(description="Relative to the runs root.")


class ModelingSummary(BaseModel):
    """A modeling run with its experiments."""

    run: ModelingRun | None
    experiments: list[Experiment] = Field(description="Best first.")
    experiment_count: int
    best_experiment: Experiment | None = Field(description="The one with the highest finite r2.")


class Experiments(BaseModel):
    """Experiments, best first."""

    experiments: list[Experiment]
    count: int = Field(description="Experiments in this answer.")


class Driver(BaseModel):
    """A feature, and how it moves predictions."""

    feature_name: str
    shap_value: float = Field(description="Mean absolute SHAP value.")
    direction: Literal["positive", "negative"] = Field(description="Sign of the mean SHAP value.")
    rank: int = Field(description="From 1, the strongest first.")


class Drivers(BaseModel):
    """The strongest features of an experiment."""

    run_id: str
    estimator: str
    drivers: list[Driver]
    top_n: int
