"""QC501-QC508: a run says the same of itself wherever it does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePath

import polars as pl

from contracts.findings import Finding, Severity
from contracts.json_values import JsonObject, text_at
from contracts.rules.gather import limited
from contracts.rules.rule import Rule
from contracts.run_data import RunData

RUN_ID_DIFFERS = Rule(
    "QC501",
    "run-id-differs",
    Severity.ERROR,
    "Two artifacts of a run name different run ids",
    "Files of two runs may have been mixed; rows are stored under one id",
    "Copy all files of the run from one export",
)
RUN_NAME_DIFFERS = Rule(
    "QC502",
    "run-name-differs",
    Severity.ERROR,
    "run_label and graph_name are not the same",
    "The graph name is part of every signal's id",
    "Write the graph's name into both manifests",
)
FOLDER_NAME_DIFFERS = Rule(
    "QC503",
    "folder-name-differs",
    Severity.WARNING,
    "The folders are not named <graph>/<run_id>",
    "The run keeps the identity of its manifests, people who look for it by path may not find it",
    "Put the run into <graph>/<run_id>",
)
INSTANT_DIFFERS = Rule(
    "QC504",
    "created-at-differs",
    Severity.WARNING,
    "The results index was not created when the run started",
    "The index may belong to another export",
    "Copy manifest and results index from one export",
)
FOLDER_FIELD_DIFFERS = Rule(
    "QC505",
    "folder-field-differs",
    Severity.WARNING,
    "A folder named in a manifest is not the run's own",
    "The document may belong to another run",
    "Copy all documents of the run from one export",
)
TAXONOMY_DIFFERS = Rule(
    "QC506",
    "taxonomy-hash-differs",
    Severity.ERROR,
    "The taxonomy hash is not 16 hex digits, or differs between bundle and semantic manifest",
    "Display names and domains would come from another taxonomy than the results",
    "Export the metadata bundle again with the taxonomy of the run",
)
BUNDLE_VERSION_DIFFERS = Rule(
    "QC507",
    "bundle-version-differs",
    Severity.ERROR,
    "The semantic manifest names another version of the metadata bundle than the bundle does",
    "The bundle may lack fields the manifest promises",
    "Export the metadata bundle again",
)
RUN_ID_NOT_A_TIME = Rule(
    "QC508",
    "run-id-not-a-time",
    Severity.ERROR,
    "The run id is not a time of the form YYYYMMDDHHMMSS",
    "Runs are ordered by their ids: the newest is served",
    "Name the run after its start time",
)

RULES = (
    RUN_ID_DIFFERS,
    RUN_NAME_DIFFERS,
    FOLDER_NAME_DIFFERS,
    INSTANT_DIFFERS,
    FOLDER_FIELD_DIFFERS,
    TAXONOMY_DIFFERS,
    BUNDLE_VERSION_DIFFERS,
    RUN_ID_NOT_A_TIME,
)

MANIFEST = "run_manifest.json"
SEMANTIC_MANIFEST = "run_manifest.semantic.json"
RESULTS_INDEX = "results/index.json"
METADATA_BUNDLE = "metadata_bundle.json"
CLASSIFICATION_INDEX = "analysis/classification/index.json"
CLASSIFICATION_MANIFEST = "analysis/classification/manifest.json"
CONTRIBUTION_INDEX = "analysis/contribution/index.json"
CLASSIFICATIONS = "analysis/classification/classifications.jsonl"
CLASSIFICATION_SUMMARY = "analysis/classification/classification_summary.csv"

_WITH_RUN_ID = (
    MANIFEST,
    SEMANTIC_MANIFEST,
    RESULTS_INDEX,
    CLASSIFICATION_INDEX,
    CLASSIFICATION_MANIFEST,
    CONTRIBUTION_INDEX,
)
_ALWAYS = (MANIFEST, SEMANTIC_MANIFEST)
"""Documents of which no version without run_id is known."""
_FOLDERS: tuple[tuple[str, str, str], ...] = (
    (MANIFEST, "output_directory", ""),
    (MANIFEST, "nodes_directory", "/nodes"),
    (MANIFEST, "edges_directory", "/edges"),
    (CLASSIFICATION_MANIFEST, "run_dir", ""),
    (CLASSIFICATION_MANIFEST, "output_dir", "/analysis/classification"),
    (CONTRIBUTION_INDEX, "artifacts_root", "/analysis/contribution"),
)
"""Document, field and what the field adds to ``run_root_directory``."""
_RUN_ID = re.compile(r"\d{14}")
_TAXONOMY_HASH = re.compile(r"[0-9a-f]{16}")


def check_identity(data: RunData) -> list[Finding]:
    """Run ids, names, folders and versions that documents repeat."""
    return limited(
        (
            *_run_ids(data),
            *_names(data),
            *_folders(data),
            *_taxonomy(data),
        )
    )


def _run_ids(data: RunData) -> Iterator[Finding]:
    written = {relative: text_at(data.document(relative), "run_id") for relative in _WITH_RUN_ID}
    folder = PurePath(data.path).name
    votes = [run_id for run_id in written.values() if run_id is not None]
    if is_run_id(folder):
        votes.append(folder)
    if not votes:
        return
    run_id = Counter(votes).most_common(1)[0][0]
    if not is_run_id(run_id):
        yield RUN_ID_NOT_A_TIME.finding(f"{run_id!r} is not a time", file=MANIFEST, json_path="/run_id")
    for relative, found in written.items():
        if found != run_id and (found is not None or (relative in _ALWAYS and data.document(relative))):
            yield RUN_ID_DIFFERS.finding(
                "run_id is missing" if found is None else "the document belongs to another run",
                file=relative,
                json_path="/run_id",
                expected=run_id,
                actual=found,
            )
    if is_run_id(folder) and folder != run_id:
        yield RUN_ID_DIFFERS.finding("the folder is named after another run", expected=run_id, actual=folder)
    summary = data.auxiliary["classification_summary"]
    foreign = summary.filter(pl.col("written_run_id") != run_id)
    if foreign.height:
        first = foreign.row(0, named=True)
        yield RUN_ID_DIFFERS.finding(
            "the row belongs to another run",
            file=first["source_file"],
            line=first["line_number"],
            json_path="/run_id",
            expected=run_id,
            actual=first["written_run_id"],
            count=foreign.height,
        )
    for row in data.auxiliary["row_run_ids"].filter(pl.col("written_run_id") != run_id).to_dicts():
        yield RUN_ID_DIFFERS.finding(
            "the line belongs to another run",
            file=row["source_file"],
            line=row["line_number"],
            json_path="/run_id",
            expected=run_id,
            actual=row["written_run_id"],
            count=row["rows"],
            # That classifications name the run is documented; of contributions only that they name one.
            severity=None if row["source_file"] == CLASSIFICATIONS else Severity.WARNING,
        )


def is_run_id(text: str) -> bool:
    """Whether ``text`` is 14 digits that are a wall clock time."""
    if not _RUN_ID.fullmatch(text):
        return False
    try:
        datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        return False
    return True


def _names(data: RunData) -> Iterator[Finding]:
    manifest, semantic = data.document(MANIFEST), data.document(SEMANTIC_MANIFEST)
    label, graph = manifest.get("run_label"), semantic.get("graph_name")
    if manifest and semantic and label != graph:
        yield RUN_NAME_DIFFERS.finding(
            "graph_name is not the run_label of run_manifest.json",
            file=SEMANTIC_MANIFEST,
            json_path="/graph_name",
            expected=str(label),
            actual=str(graph),
        )
    folder = PurePath(data.path)
    if folder.name != data.run_id and not is_run_id(folder.name):
        yield FOLDER_NAME_DIFFERS.finding(
            f"the folder {folder.name!r} is not named after the run",
            expected=data.run_id,
            actual=folder.name,
        )
    elif folder.parent.name != data.graph_name:
        yield FOLDER_NAME_DIFFERS.finding(
            f"the folder above the run, {folder.parent.name!r}, is not named after the graph",
            expected=data.graph_name,
            actual=folder.parent.name,
        )


def _folders(data: RunData) -> Iterator[Finding]:
    manifest, index = data.document(MANIFEST), data.document(RESULTS_INDEX)
    started, created = text_at(manifest, "started_at"), text_at(index, "created_at")
    if started and created and started != created:
        yield INSTANT_DIFFERS.finding(
            "created_at is not started_at of run_manifest.json",
            file=RESULTS_INDEX,
            json_path="/created_at",
            expected=started,
            actual=created,
        )
    root = text_at(manifest, "run_root_directory")
    if root is None:
        return
    for relative, field, suffix in _FOLDERS:
        written = text_at(data.document(relative), field)
        if written is not None and written != root + suffix:
            yield FOLDER_FIELD_DIFFERS.finding(
                f"{field} is not below run_root_directory of run_manifest.json",
                file=relative,
                json_path=f"/{field}",
                expected=root + suffix,
                actual=written,
            )


def _taxonomy(data: RunData) -> Iterator[Finding]:
    bundle, semantic = data.document(METADATA_BUNDLE), data.document(SEMANTIC_MANIFEST)
    for relative, document in ((METADATA_BUNDLE, bundle), (SEMANTIC_MANIFEST, semantic)):
        if document and not _TAXONOMY_HASH.fullmatch(str(document.get("taxonomy_hash"))):
            yield TAXONOMY_DIFFERS.finding(
                "the hash is not 16 hex digits",
                file=relative,
                json_path="/taxonomy_hash",
                actual=str(document.get("taxonomy_hash")),
            )
            return
    if not bundle or not semantic:
        return
    yield from _differs(TAXONOMY_DIFFERS, bundle, semantic, "taxonomy_hash", "taxonomy_hash")
    yield from _differs(BUNDLE_VERSION_DIFFERS, bundle, semantic, "version", "metadata_bundle_version")


def _differs(
    rule: Rule, bundle: JsonObject, semantic: JsonObject, field: str, repeated: str
) -> Iterator[Finding]:
    if bundle.get(field) != semantic.get(repeated):
        yield rule.finding(
            f"{repeated} is not {field} of {METADATA_BUNDLE}",
            file=SEMANTIC_MANIFEST,
            json_path=f"/{repeated}",
            expected=str(bundle.get(field)),
            actual=str(semantic.get(repeated)),
        )
