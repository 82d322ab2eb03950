"""One defect for each rule over files and layout (QC1xx)."""

from __future__ import annotations

import os
from pathlib import Path

from transforms.synth.corruptions.artifacts import (
    CLASSIFICATIONS,
    CONTRIBUTION_INDEX,
    CONTRIBUTIONS,
    FACILITY_AGGREGATE,
    GRAPH,
    MANIFEST,
    RESULTS_INDEX,
    SUMMARY,
)
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import Edit, RunEditor, at, in_document, remove, whole

_UNNAMED = "results/nodes/other__medicareId__aggregate_time_period.jsonl"
_NOT_UTF8 = "notes/\udcff.txt"


def beside(run: RunEditor) -> Path:
    """Where an artifact is moved that the run only links to."""
    return run.path.with_name(f"{run.path.name}-elsewhere")


def link_out(relative: str) -> Edit:
    """Move a file or folder beside the run and leave a link to it."""

    def apply(run: RunEditor) -> None:
        outside = beside(run)
        run.file(relative).rename(outside)
        # Relative, so that the folder can be moved as a whole.
        run.file(relative).symlink_to(os.path.relpath(outside, run.file(relative).parent))

    return apply


def _copy_under_other_name(run: RunEditor) -> None:
    run.write(_UNNAMED, run.read(FACILITY_AGGREGATE).replace(b"losIndex", b"other"))


def _one_node_more(document: dict[str, int]) -> None:
    document["node_count"] += 1


CORRUPTIONS = (
    Corruption("QC101", "graph.json is deleted", at(remove(GRAPH), GRAPH)),
    Corruption(
        "QC102",
        "A node file is deleted that the results index names",
        at(remove(FACILITY_AGGREGATE), RESULTS_INDEX, None, "/nodes/0/result_path"),
    ),
    Corruption(
        "QC103",
        "A node file is added that the results index does not name",
        at(_copy_under_other_name, _UNNAMED),
        also=("QC536",),
        because="the graph has no such node, and so none of its edges",
    ),
    Corruption(
        "QC104",
        "classifications.jsonl is deleted; its summary stays",
        at(remove(CLASSIFICATIONS), CLASSIFICATIONS),
    ),
    Corruption(
        "QC105",
        "A file of contributions is deleted that their index names",
        at(remove(CONTRIBUTIONS), CONTRIBUTION_INDEX, None, "/parents/0/metric_artifacts/0/artifact_path"),
    ),
    Corruption(
        "QC106",
        "A node file is a link to a file beside the run",
        at(link_out(FACILITY_AGGREGATE), FACILITY_AGGREGATE),
    ),
    Corruption(
        "QC107",
        "A file is added whose name is not UTF-8",
        at(whole(_NOT_UTF8, b""), "notes/\\xff.txt"),
    ),
    Corruption(
        "QC108",
        "The run manifest counts one node more than there are",
        in_document(MANIFEST, _one_node_more, "/node_count"),
    ),
    Corruption("QC109", "The summary of the classification is deleted", at(remove(SUMMARY), SUMMARY)),
)
