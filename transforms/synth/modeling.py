"""modeling/: a run summary, three experiments and their global SHAP summaries."""

from __future__ import annotations

from transforms.synth.graph import DISCHARGE_STATUS, SERVICE_LINE
from transforms.synth.headers import Document
from transforms.synth.identity import Identity
from transforms.synth.labels import DISCHARGE_STATUSES, PAYER_SEGMENTS, SERVICE_LINES
from transforms.synth.streams import Stream
from transforms.synth.writer import RunWriter

RUN_SUMMARY = "modeling/run_summary.json"
EXPERIMENTS = "modeling/experiments.json"

ESTIMATORS: tuple[str, ...] = ("ridge", "xgboost", "lightgbm")
_GROUP_LABEL, _GROUP_VALUE = "_global_group", "all"
_SEED = 42

_FEATURES: tuple[str, ...] = (
    *(
        f"numeric__{name}"
        for name in (
            "age_years", "case_mix_weight", "comorbidity_count", "days_in_icu", "emergency_share",
            "night_admission_share", "occupancy_rate", "prior_stays", "staff_per_bed", "weekend_share",
        )
    ),
    *(f"categorical__{SERVICE_LINE}_{value}" for value in SERVICE_LINES[:6]),
    *(f"categorical__{DISCHARGE_STATUS}_{value}" for value in DISCHARGE_STATUSES[:4]),
    *(f"categorical__payerSegment_{value}" for value in PAYER_SEGMENTS),
)  # fmt: skip


def write_modeling(writer: RunWriter, identity: Identity, seed: int, rows: int) -> None:
    """Write every file; ``rows`` is the number of rows the models claim to have seen."""
    experiments: list[Document] = []
    durations = []
    for estimator in ESTIMATORS:
        stream = Stream(seed, "modeling", estimator)
        shap = f"modeling/{estimator}_global_shap.csv"
        writer.text(shap, _shap(stream, rows))
        duration = round(float(stream.uniform(1, 30.0, 900.0)[0]), 3)
        durations.append(duration)
        experiments.append(_experiment(identity, stream, estimator, rows, duration, shap))
    writer.json(EXPERIMENTS, experiments)
    writer.json(
        RUN_SUMMARY,
        [
            {
                "config_path": _config_path(identity),
                "status": "completed",
                "groups": [_GROUP_LABEL],
                "run_dir": f"{identity.root}/modeling",
                "duration_seconds": round(sum(durations), 3),
            }
        ],
    )


def _config_path(identity: Identity) -> str:
    return f"{identity.root}/modeling/config.yaml"


def _experiment(
    identity: Identity, stream: Stream, estimator: str, rows: int, duration: float, shap: str
) -> Document:
    error, spread, fit, scale, capped = stream.uniform(5).tolist()
    mae = 0.1 + 0.2 * error
    rmse = mae * (1.2 + 0.4 * spread)
    r2 = 0.35 + 0.4 * fit
    inverse = 1.8 + 0.6 * scale
    return {
        "config_path": _config_path(identity),
        "groupby_label": _GROUP_LABEL,
        "group_value": _GROUP_VALUE,
        "estimator": estimator,
        "scoring": "neg_mean_absolute_error",
        "n_iter": 30,
        "random_state": _SEED,
        "tuning_random_state": _SEED,
        "dataset_path": f"{identity.root}/modeling/dataset.parquet",
        "rows": rows,
        "duration_seconds": duration,
        "metrics": {
            "mae": mae,
            "rmse": rmse,
            "r2": r2,
            "mae_original": mae * inverse,
            "rmse_original": rmse * inverse * 1.1,
            "r2_original": r2 * 0.9,
            "inverse_cap": None,
            "capped_pred_original_count": float(int(capped * 10)),
            "capped_pred_original_fraction": int(capped * 10) / max(rows, 10),
        },
        "artifacts": {
            "metrics": None,
            "predictions": None,
            "eda_summary": None,
            "group_summary": None,
            "feature_descriptor": None,
            "hparam_trials": None,
            "interpretability": {
                "encounter": None,
                "facility": None,
                "global_summary": f"{identity.root}/{shap}",
                "transparency": None,
            },
        },
    }


def _shap(stream: Stream, rows: int) -> str:
    """Global SHAP summary: the mean lies within plus or minus the mean of absolute values."""
    draws = stream.uniform((len(_FEATURES), 2)).tolist()
    lines = ["feature,mean_abs_shap,mean_shap,count"]
    for feature, (size, direction) in zip(_FEATURES, draws, strict=True):
        magnitude = 0.001 + 0.3 * size * size * size
        quoted = '"' + feature.replace('"', '""') + '"' if {",", '"'} & set(feature) else feature
        lines.append(f"{quoted},{magnitude!r},{magnitude * (1.8 * direction - 0.9)!r},{rows}")
    return "\n".join(lines) + "\n"
