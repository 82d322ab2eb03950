"""Modeling artifacts: run summary, experiments and the SHAP summaries they point at."""

from __future__ import annotations

import csv
import math
from typing import Any

import msgspec
import polars as pl
from msgspec import Raw, Struct

from contracts.rules.files import PATH_ESCAPES_RUN
from contracts.rules.parsing import INVALID_CSV
from contracts.tables.analysis import MODEL_DRIVERS, MODELING_EXPERIMENTS, MODELING_RUNS
from transforms.run import Run
from transforms.stage.frames import FrameBuilder
from transforms.stage.reader import Source
from transforms.stage.structs import EMPTY, json_text

RUN_SUMMARY = "modeling/run_summary.json"
EXPERIMENTS = "modeling/experiments.json"
CONTAINER_RUNS_ROOT = "/data/runs/"


class ModelingRun(Struct):
    """One item of run_summary.json."""

    config_path: str | None = None
    status: str | None = None
    run_dir: str | None = None
    groups: list[str] = []
    duration_seconds: float | None = None


class Metrics(Struct):
    """Scores of an experiment."""

    mae: float | None = None
    rmse: float | None = None
    r2: float | None = None
    mae_original: float | None = None
    rmse_original: float | None = None
    r2_original: float | None = None


class Interpretability(Struct):
    """SHAP files of an experiment."""

    global_summary: str | None = None
    facility: str | None = None
    encounter: str | None = None


class Artifacts(Struct):
    """Files of an experiment."""

    interpretability: Interpretability | None = None


class Experiment(Struct):
    """One item of experiments.json."""

    estimator: str
    config_path: str | None = None
    dataset_path: str | None = None
    groupby_label: str | None = None
    group_value: str | None = None
    scoring: str | None = None
    n_iter: int | None = None
    random_state: int | None = None
    tuning_random_state: int | None = None
    rows: int | None = None
    duration_seconds: float | None = None
    metrics: Raw = EMPTY
    artifacts: Raw = EMPTY


def relative_path(run: Run, path: str | None) -> str | None:
    """``path`` relative to the runs root; None where there is none or it lies elsewhere.

    Engines write absolute paths of their own host: the part from ``<graph>/<run_id>/`` on, or
    after the container's runs root, is what holds anywhere.
    """
    if not path:
        return None
    marker = f"/{run.run_id}/"
    if path.startswith(CONTAINER_RUNS_ROOT):
        path = path.removeprefix(CONTAINER_RUNS_ROOT)
    elif path.startswith("/") and marker in path:
        path = f"{run.run_key}/{path.split(marker, 1)[1]}"
    if path.startswith("/") or ".." in path.split("/"):
        return None
    return path


def _path_in_run(run: Run, path: str | None) -> str | None:
    """The run-relative form of a path relative to the runs root."""
    if path is None:
        return None
    marker = f"{run.run_id}/"
    return path.split(marker, 1)[1] if marker in path else path


def stage_modeling_runs(source: Source) -> pl.DataFrame:
    """Items of run_summary.json; empty where nothing was modelled."""
    builder = FrameBuilder(
        MODELING_RUNS, ("run_index", "config_path", "status", "run_dir", "groups", "duration_seconds")
    )
    for index, item in enumerate(_items(source, RUN_SUMMARY, ModelingRun)):
        builder.add(
            (
                index,
                relative_path(source.run, item.config_path),
                item.status,
                relative_path(source.run, item.run_dir),
                msgspec.json.encode(item.groups).decode(),
                item.duration_seconds,
            )
        )
    builder.flush(run_key=source.run.run_key, run_id=source.run.run_id, source_file=RUN_SUMMARY)
    return builder.frame()


def stage_experiments(source: Source) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Items of experiments.json, and the features of their global SHAP summaries."""
    run = source.run
    columns = tuple(
        name for name in MODELING_EXPERIMENTS.column_names if name not in ("run_key", "run_id", "source_file", "line_number")
    )
    experiments = FrameBuilder(MODELING_EXPERIMENTS, columns)
    drivers = FrameBuilder(
        MODEL_DRIVERS,
        ("feature", "mean_abs_shap", "mean_shap", "sample_count", "line_number"),
    )
    for index, item in enumerate(_items(source, EXPERIMENTS, Experiment)):
        shap = _interpretability(item)
        global_path = relative_path(run, shap.global_summary)
        if shap.global_summary and global_path is None:
            source.findings.append(
                PATH_ESCAPES_RUN.finding(
                    f"SHAP summary {shap.global_summary!r} is not a path below the runs root",
                    file=EXPERIMENTS,
                    json_path=f"/{index}/artifacts/interpretability/global_summary",
                )
            )
        experiments.add(_experiment_row(run, index, item, shap, global_path))
        shap_file = _path_in_run(run, global_path)
        if shap_file is not None:
            _stage_drivers(source, drivers, shap_file)
            drivers.flush(
                run_key=run.run_key,
                run_id=run.run_id,
                experiment_index=index,
                estimator=item.estimator,
                source_file=shap_file,
            )
    experiments.flush(run_key=run.run_key, run_id=run.run_id, source_file=EXPERIMENTS)
    return experiments.frame(), drivers.frame()


def _interpretability(item: Experiment) -> Interpretability:
    text = json_text(item.artifacts)
    artifacts = msgspec.json.decode(text, type=Artifacts) if text else Artifacts()
    return artifacts.interpretability or Interpretability()


def _experiment_row(
    run: Run, index: int, item: Experiment, shap: Interpretability, global_path: str | None
) -> tuple[Any, ...]:
    text = json_text(item.metrics)
    metrics = msgspec.json.decode(text, type=Metrics) if text else Metrics()
    return (
        index,
        relative_path(run, item.config_path),
        relative_path(run, item.dataset_path),
        item.groupby_label,
        item.group_value,
        item.estimator,
        item.scoring,
        item.n_iter,
        item.random_state,
        item.tuning_random_state,
        item.rows,
        item.duration_seconds,
        *msgspec.structs.astuple(metrics),
        text,
        json_text(item.artifacts),
        global_path,
        relative_path(run, shap.facility),
        relative_path(run, shap.encounter),
    )


def _items(source: Source, relative: str, type_: Any) -> list[Any]:
    """Items of a document that holds one object or a list of them."""
    if source.open(relative) is None:
        return []
    found = source.document(relative, type_ | list[type_])
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def _stage_drivers(source: Source, drivers: FrameBuilder, relative: str) -> None:
    """Add the rows of a SHAP summary; a missing file or column means no drivers."""
    if source.open(relative) is None:
        return
    text = source.text(relative)
    if text is None:
        return
    reader = csv.DictReader(text.splitlines())
    missing = {"feature", "mean_abs_shap", "mean_shap"} - set(reader.fieldnames or ())
    if missing:
        source.findings.append(
            INVALID_CSV.finding(f"column {', '.join(sorted(missing))} is missing", file=relative, line=1)
        )
        return
    for row in reader:
        values = (_number(row["mean_abs_shap"]), _number(row["mean_shap"]))
        if not row["feature"] or None in values:
            source.findings.append(
                INVALID_CSV.finding(
                    "the row lacks a feature or a finite SHAP value",
                    file=relative,
                    line=reader.line_num,
                    actual=",".join(cell or "" for cell in row.values() if isinstance(cell, str)),
                )
            )
            continue
        count = _number(row.get("count"))
        drivers.add((row["feature"], *values, None if count is None else int(count), reader.line_num))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
