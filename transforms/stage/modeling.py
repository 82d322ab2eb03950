"""Modeling artifacts: run summary, experiments and the SHAP summaries they point at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import polars as pl
from msgspec import Raw, Struct

from contracts.findings import Severity
from contracts.rules.files import PATH_ESCAPES_RUN
from contracts.rules.parsing import INVALID_CSV
from contracts.tables.analysis import MODEL_DRIVERS, MODELING_EXPERIMENTS, MODELING_RUNS
from transforms.run import Run
from transforms.stage.frames import FrameBuilder
from transforms.stage.reader import DecodingError, Source, decode_member
from transforms.stage.structs import EMPTY, Count, json_text
from transforms.stage.tabular import finite, read_rows

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
    n_iter: Count | None = None
    random_state: Count | None = None
    tuning_random_state: Count | None = None
    rows: Count | None = None
    duration_seconds: float | None = None
    metrics: Raw = EMPTY
    artifacts: Raw = EMPTY


_decode_run = msgspec.json.Decoder(ModelingRun).decode
_decode_experiment = msgspec.json.Decoder(Experiment).decode
_decode_metrics = msgspec.json.Decoder(Metrics | None).decode
_decode_artifacts = msgspec.json.Decoder(Artifacts | None).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode


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
        MODELING_RUNS,
        ("run_index", "config_path", "status", "run_dir", "groups", "duration_seconds"),
        source.findings.append,
    )

    def add(index: int, item: bytes) -> None:
        found = _decode_run(item)
        builder.add(
            (
                index,
                relative_path(source.run, found.config_path),
                found.status,
                relative_path(source.run, found.run_dir),
                msgspec.json.encode(found.groups).decode(),
                found.duration_seconds,
            )
        )

    _each_item(source, RUN_SUMMARY, add)
    builder.flush(run_key=source.run.run_key, run_id=source.run.run_id, source_file=RUN_SUMMARY)
    return builder.frame()


def stage_experiments(source: Source) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Items of experiments.json, and the features of their global SHAP summaries."""
    run = source.run
    fixed = ("run_key", "run_id", "source_file", "line_number")
    columns = tuple(name for name in MODELING_EXPERIMENTS.column_names if name not in fixed)
    experiments = FrameBuilder(MODELING_EXPERIMENTS, columns, source.findings.append)
    drivers = FrameBuilder(
        MODEL_DRIVERS,
        ("feature", "mean_abs_shap", "mean_shap", "sample_count", "line_number"),
        source.findings.append,
    )

    def add(index: int, raw: bytes) -> None:
        item = _decode_experiment(raw)
        metrics = decode_member(_decode_metrics, item.metrics, "/metrics") if item.metrics else None
        artifacts = decode_member(_decode_artifacts, item.artifacts, "/artifacts") if item.artifacts else None
        shap = (artifacts or Artifacts()).interpretability or Interpretability()
        global_path = relative_path(run, shap.global_summary)
        if shap.global_summary and global_path is None:
            source.findings.append(
                PATH_ESCAPES_RUN.finding(
                    "the SHAP summary is not a path below the runs root",
                    file=EXPERIMENTS,
                    json_path=_item(source, EXPERIMENTS, index)
                    + "/artifacts/interpretability/global_summary",
                    actual=shap.global_summary,
                )
            )
        experiments.add(_experiment_row(run, index, item, metrics or Metrics(), shap, global_path))
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

    _each_item(source, EXPERIMENTS, add)
    experiments.flush(run_key=run.run_key, run_id=run.run_id, source_file=EXPERIMENTS)
    return experiments.frame(), drivers.frame()


def _experiment_row(
    run: Run,
    index: int,
    item: Experiment,
    metrics: Metrics,
    shap: Interpretability,
    global_path: str | None,
) -> tuple[Any, ...]:
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
        json_text(item.metrics),
        json_text(item.artifacts),
        global_path,
        relative_path(run, shap.facility),
        relative_path(run, shap.encounter),
    )


def _each_item(source: Source, relative: str, add: Callable[[int, bytes], None]) -> None:
    """Call ``add`` for the items of a document that holds one object or a list of them."""
    content = source.content(relative)
    if content is None:
        return
    try:
        if content.lstrip().startswith(b"["):
            items = _decode_list(content)
        else:
            items = [msgspec.Raw(content)]
            source.single.add(relative)
    except DecodingError as error:
        source.report(relative, None, content, error)
        return
    source.check_keys(relative, content)
    for index, item in enumerate(items):
        try:
            add(index, bytes(item))
        except DecodingError as error:
            source.report(relative, None, bytes(item), error, _item(source, relative, index))


def _item(source: Source, relative: str, index: int) -> str:
    """JSON pointer to an item of a document."""
    return "" if relative in source.single else f"/{index}"


def _stage_drivers(source: Source, drivers: FrameBuilder, relative: str) -> None:
    """Add the rows of a SHAP summary; a missing file or column means no drivers."""
    for line, row in read_rows(source, relative, ("feature", "mean_abs_shap", "mean_shap"), Severity.WARNING):
        values = (finite(row["mean_abs_shap"]), finite(row["mean_shap"]))
        if not row["feature"] or None in values:
            source.findings.append(
                INVALID_CSV.finding(
                    "the row lacks a feature or a finite SHAP value",
                    file=relative,
                    line=line,
                    actual=",".join(row.values()),
                )
            )
            continue
        drivers.add((row["feature"], *values, finite(row.get("count")), line))
