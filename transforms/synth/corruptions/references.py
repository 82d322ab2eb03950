"""One defect for each rule over what documents, headers and entities say of each other (QC50x-QC54x)."""

from __future__ import annotations

from typing import Any

from transforms.synth.corruptions.artifacts import (
    BUNDLE,
    ENTITY,
    FACETED_AGGREGATE,
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
    HEADER,
    MANIFEST,
    RESULTS_INDEX,
    SEMANTIC_MANIFEST,
)
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import Apply, Edit, Json, Place, RunEditor, at, in_line

OTHER_RUN = "20250101000000"
IMPOSSIBLE_RUN = "20261301070000"
"""There is no 13th month."""
GONE = object()


def set_field(relative: str, path: str, value: object) -> Edit:
    """Set the member at a JSON pointer of a document; GONE removes it."""

    def change(document: Any) -> None:
        *steps, last = path.strip("/").split("/")
        for step in steps:
            document = document[int(step) if isinstance(document, list) else step]
        if value is GONE:
            del document[last]
        else:
            document[last] = value

    return lambda run: run.edit(relative, change)


def _field(relative: str, path: str, value: object) -> Apply:
    return at(set_field(relative, path, value), relative, None, path)


def first_method(item: Json) -> Json:
    """The first method of an entity."""
    method: Json = item["statistical_methods"][0]
    return method


def rename_folder(run: RunEditor, name: str) -> None:
    """Give the run's folder another name."""
    target = run.path.with_name(name)
    run.path.rename(target)
    run.path = target


def _copy_elsewhere(run: RunEditor) -> Place:
    rename_folder(run, "copy-of-run")
    return Place()


def _impossible_time(run: RunEditor) -> Place:
    """Every document names the same run id, and so does the folder."""
    run_id = run.path.name.encode()
    for path in run.path.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".jsonl", ".csv"):
            path.write_bytes(path.read_bytes().replace(run_id, IMPOSSIBLE_RUN.encode()))
    rename_folder(run, IMPOSSIBLE_RUN)
    return Place(MANIFEST, None, "/run_id")


def _postpone_last_but_one(run: RunEditor) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        return [*lines[:3], lines[4], lines[3], *lines[5:]]

    run.edit_lines(FACILITY_AGGREGATE, change)


CORRUPTIONS = (
    Corruption("QC501", "The run manifest names another run id", _field(MANIFEST, "/run_id", OTHER_RUN)),
    Corruption(
        "QC502",
        "The semantic manifest names another graph",
        _field(SEMANTIC_MANIFEST, "/graph_name", "other"),
    ),
    Corruption("QC503", "The folder of the run is called copy-of-run", _copy_elsewhere),
    Corruption(
        "QC504",
        "The results index was created a minute after the run started",
        _field(RESULTS_INDEX, "/created_at", "2026-03-01T07:00:59+00:00"),
    ),
    Corruption(
        "QC505",
        "The run manifest names a folder of another run",
        _field(MANIFEST, "/nodes_directory", "/data/runs/x/nodes"),
    ),
    Corruption(
        "QC506",
        "The metadata bundle has another taxonomy hash than the semantic manifest",
        at(
            set_field(BUNDLE, "/taxonomy_hash", "0123456789abcdef"), SEMANTIC_MANIFEST, None, "/taxonomy_hash"
        ),
    ),
    Corruption(
        "QC507",
        "The metadata bundle has another version than the semantic manifest says",
        at(set_field(BUNDLE, "/version", "2.0.0"), SEMANTIC_MANIFEST, None, "/metadata_bundle_version"),
    ),
    Corruption("QC508", f"The run id is {IMPOSSIBLE_RUN}, which is no time", _impossible_time),
    Corruption(
        "QC531",
        "An entry of the results index has another node id than its file",
        _field(RESULTS_INDEX, "/nodes/1/node_id", "x"),
    ),
    Corruption(
        "QC532",
        "A monthly node has one month fewer than lie between its first and last",
        _field(RESULTS_INDEX, "/nodes/1/summary/temporal_context/period_count", 11),
        also=("QC534",),
        because="the header of the node's file repeats the context",
    ),
    Corruption(
        "QC533",
        "An entity lists its methods in another order",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: item["statistical_methods"].reverse(),
            "/statistical_methods",
        ),
    ),
    Corruption(
        "QC534",
        "The header of a node file names another dataset",
        in_line(
            FACILITY_AGGREGATE,
            HEADER,
            lambda item: item.update(dataset_path="/data/other.csv"),
            "/dataset_path",
        ),
    ),
    Corruption(
        "QC535",
        "The last line of a node file is missing",
        at(
            lambda run: run.edit_lines(FACILITY_AGGREGATE, lambda lines: lines[:-1]),
            FACILITY_AGGREGATE,
            HEADER,
            "/entity_results_count",
        ),
        also=("QC542",),
        because="the monthly node still has the entity",
    ),
    Corruption(
        "QC536",
        "The header of a monthly node names no parent",
        in_line(
            FACILITY_MONTHLY,
            HEADER,
            lambda item: item["canonical_parent_node_ids"].clear(),
            "/canonical_parent_node_ids",
        ),
    ),
    Corruption(
        "QC537",
        "An entity lists its dimensions in another order",
        in_line(FACETED_AGGREGATE, ENTITY, lambda item: item["entity"].reverse(), "/entity"),
    ),
    Corruption(
        "QC538",
        "Two entities of a node file changed places",
        at(_postpone_last_but_one, FACILITY_AGGREGATE, 5, "/entity"),
    ),
    Corruption(
        "QC539",
        "An entity holds another metric than its node",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: item["metric"][0]["metadata"].update(metric_id="encounters"),
            "/metric/0/metadata/metric_id",
        ),
    ),
    Corruption(
        "QC540",
        "An entity was labelled by another anomaly rule than its node's",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: first_method(item)["anomalies"][0]["methods"][0].update(
                anomaly_method="anomaly_method__other"
            ),
            "/statistical_methods",
        ),
    ),
    Corruption(
        "QC541",
        "The engine warns of a method that it did not suppress",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: first_method(item)["runtime"].update(status="warning"),
            "/statistical_methods",
        ),
    ),
    Corruption(
        "QC542",
        "A facility has another name in its aggregate node than in the monthly one",
        in_line(
            FACILITY_AGGREGATE,
            ENTITY,
            lambda item: item["metadata"].update(facility="OTHER"),
            "/metadata/facility",
        ),
    ),
)
