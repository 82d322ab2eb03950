"""QC901-QC904: scores of experiments and the drivers behind them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from contracts.findings import Finding, Severity
from contracts.rules.folding import fold
from contracts.rules.gather import limited
from contracts.rules.rule import Rule
from contracts.run_data import RunData

ERROR_ORDER = Rule(
    "QC901",
    "mae-exceeds-rmse",
    Severity.ERROR,
    "The mean absolute error of a model is greater than its root mean squared error",
    "No residuals can have these two scores: one belongs to another model",
    "Score the model again",
)
FRACTION_RANGE = Rule(
    "QC902",
    "fraction-out-of-range",
    Severity.ERROR,
    "A fraction is not between 0 and 1",
    "The number cannot be what its name says",
    "Compute the value again",
)
SHAP_ORDER = Rule(
    "QC903",
    "shap-mean-exceeds-mean-abs",
    Severity.ERROR,
    "The mean SHAP value of a feature is greater than its mean absolute SHAP value",
    "No set of values has these two means: drivers are ranked and signed by them",
    "Summarise the SHAP values again",
)
SHAP_FILE_MISSING = Rule(
    "QC904",
    "shap-summary-missing",
    Severity.NOTE,
    "An experiment names a SHAP summary that the run does not hold",
    "The experiment shows no drivers",
    "Copy the summary into the run, if drivers are wanted",
)

RULES = (ERROR_ORDER, FRACTION_RANGE, SHAP_ORDER, SHAP_FILE_MISSING)

ROUNDING = 1e-9
"""Relative: both means are sums over the same rows, rounded in another order."""
EXPERIMENTS = "modeling/experiments.json"
_FRACTION = "capped_pred_original_fraction"


def check_modeling(data: RunData) -> list[Finding]:
    """Scores, fractions and SHAP means."""
    return limited((*_scores(data), *_drivers(data)))


def _scores(data: RunData) -> Iterator[Finding]:
    experiments = data.frames["raw_modeling_experiments"].to_dicts()
    single = EXPERIMENTS in data.single
    summarised = set(data.frames["raw_model_drivers"]["experiment_index"].to_list())
    for row in experiments:
        index = row["experiment_index"]
        path = "/metrics" if single else f"/{index}/metrics"
        who = " ".join(str(row[name]) for name in ("estimator", "group_value") if row[name])
        for scale in ("", "_original"):
            mae, rmse = row[f"mae{scale}"], row[f"rmse{scale}"]
            if mae is not None and rmse is not None and mae > rmse * (1 + ROUNDING):
                yield ERROR_ORDER.finding(
                    f"mae{scale} is greater than rmse{scale}",
                    file=EXPERIMENTS,
                    json_path=f"{path}/mae{scale}",
                    entity=who,
                    expected=f"at most {rmse!r}",
                    actual=repr(mae),
                )
        fraction = _fraction(row["metrics"])
        if fraction is not None and not 0 <= fraction <= 1:
            yield FRACTION_RANGE.finding(
                f"{_FRACTION} is not between 0 and 1",
                file=EXPERIMENTS,
                json_path=f"{path}/{_FRACTION}",
                entity=who,
                actual=repr(fraction),
            )
        if row["global_shap_path"] is not None and index not in summarised:
            named = str(row["global_shap_path"]).rsplit("/", 1)[-1]
            if not any(name.endswith(f"/{named}") for name in data.files):
                yield SHAP_FILE_MISSING.finding(
                    "the run does not hold the SHAP summary",
                    file=EXPERIMENTS,
                    entity=who,
                    actual=row["global_shap_path"],
                )


def _fraction(metrics: str | None) -> float | None:
    if metrics is None:
        return None
    texts = pl.Series([metrics]).to_frame("text").select(pl.col("text").str.json_path_match(f"$.{_FRACTION}"))
    value = texts.to_series().cast(pl.Float64, strict=False).item()
    return None if value is None else float(value)


def _drivers(data: RunData) -> list[Finding]:
    drivers = data.frames["raw_model_drivers"]
    beyond = pl.col("mean_shap").abs() > pl.col("mean_abs_shap") * (1 + ROUNDING)
    return fold(
        SHAP_ORDER,
        drivers.filter(beyond),
        lambda row: f"|mean_shap| of {row['feature']} is greater than its mean_abs_shap",
        json_path="/mean_shap",
        expected=lambda row: f"at most {row['mean_abs_shap']!r}",
        actual=lambda row: repr(row["mean_shap"]),
    )
