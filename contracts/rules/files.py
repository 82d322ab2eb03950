"""QC1xx: files and layout of a run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from contracts.findings import Finding, Severity
from contracts.json_values import number_at, objects_at
from contracts.names import is_legacy
from contracts.rules.rule import Rule
from contracts.run_data import RunData

MISSING_DOCUMENT = Rule(
    "QC101",
    "missing-document",
    Severity.ERROR,
    "A document that every run has is missing",
    "Nodes, edges and metrics are read from these documents",
    "Copy the whole run directory, or run the engine's export again",
)
MISSING_SHARD = Rule(
    "QC102",
    "missing-node-shard",
    Severity.ERROR,
    "The results index names a node file that does not exist",
    "Every entity of the node would be missing from the dashboard",
    "Copy the missing file into the run, or compute the node again",
)
UNLISTED_SHARD = Rule(
    "QC103",
    "unlisted-node-shard",
    Severity.WARNING,
    "A node file exists that the results index does not name",
    "The file is not loaded",
    "Remove the file, or add the node to results/index.json",
)
MISSING_CLASSIFICATIONS = Rule(
    "QC104",
    "missing-classifications",
    Severity.ERROR,
    "The run was classified, but classifications.jsonl is missing",
    "Without classifications the run has no signals",
    "Copy analysis/classification/classifications.jsonl into the run",
)
MISSING_CONTRIBUTIONS = Rule(
    "QC105",
    "missing-contribution-rows",
    Severity.ERROR,
    "The contribution index names a file that does not exist",
    "Contributions of the parent node would be missing",
    "Copy the missing file into analysis/contribution/",
)
PATH_ESCAPES_RUN = Rule(
    "QC106",
    "path-escapes-run",
    Severity.ERROR,
    "A path or link leaves the run directory",
    "Following it could read any file of the host",
    "Use paths relative to the run, and no links out of it",
)

FILE_NAME = Rule(
    "QC107",
    "file-name-not-utf8",
    Severity.WARNING,
    "A file name is not UTF-8",
    "The file is not read, and other machines may not be able to copy it",
    "Rename the file",
)

COUNT_DIFFERS = Rule(
    "QC108",
    "node-or-edge-count-differs",
    Severity.ERROR,
    "Manifest, graph, results index and YAML definitions do not have as many nodes or edges",
    "A node or an edge is missing from one of them, or left over from another export",
    "Copy all documents of the run from one export",
)

MISSING_ANALYSIS_DOCUMENT = Rule(
    "QC109",
    "missing-analysis-document",
    Severity.ERROR,
    "The index, manifest or summary of an analysis is missing, though the run has the analysis",
    "What they add up to is all that tells whether rows are missing",
    "Copy the whole folder of the analysis from one export",
)

RULES = (
    MISSING_DOCUMENT,
    MISSING_SHARD,
    UNLISTED_SHARD,
    MISSING_CLASSIFICATIONS,
    MISSING_CONTRIBUTIONS,
    PATH_ESCAPES_RUN,
    FILE_NAME,
    COUNT_DIFFERS,
    MISSING_ANALYSIS_DOCUMENT,
)

MANIFEST = "run_manifest.json"
GRAPH = "graph.json"
RESULTS_INDEX = "results/index.json"
_DEFINITION = re.compile(r"(nodes|edges)/[^/]+/base/[^/]+/[^/]+\.yaml")


def check_counts(data: RunData) -> Iterator[Finding]:
    """Nodes and edges of every document that counts or lists them; what most say is expected."""
    manifest, graph = data.document(MANIFEST), data.document(GRAPH)
    definitions = _definitions(data)
    index = data.auxiliary["index_nodes"]
    counts: dict[str, dict[tuple[str, str], int | float | None]] = {
        "nodes": {
            (GRAPH, "/nodes"): len(objects_at(graph, "nodes")) if graph else None,
            (MANIFEST, "/node_count"): number_at(manifest, "node_count"),
            (RESULTS_INDEX, "/nodes"): index.height if index.height else None,
            ("nodes/", ""): definitions["nodes"],
        },
        "edges": {
            (GRAPH, "/edges"): len(objects_at(graph, "edges")) if graph else None,
            (MANIFEST, "/edge_count"): number_at(manifest, "edge_count"),
            ("edges/", ""): definitions["edges"],
        },
    }
    for kind, places in counts.items():
        known = {place: count for place, count in places.items() if count is not None}
        if len(set(known.values())) <= 1:
            continue
        usual = Counter(known.values()).most_common(1)[0][0]
        for (file, path), count in known.items():
            if count != usual:
                yield COUNT_DIFFERS.finding(
                    f"{count:g} {kind} where the other documents have {usual:g}",
                    file=file,
                    json_path=path or None,
                    expected=f"{usual:g}",
                    actual=f"{count:g}",
                )


def _definitions(data: RunData) -> dict[str, int | None]:
    """YAML files of nodes and of edges; None where there are none, and legacy documents may stand alone."""
    found = Counter(match.group(1) for match in map(_DEFINITION.fullmatch, data.files) if match is not None)
    node_files = data.auxiliary["node_headers"]["source_file"]
    legacy = bool(node_files.len()) and all(map(is_legacy, node_files))
    return {kind: found[kind] or (None if legacy else 0) for kind in ("nodes", "edges")}


CHECKS = (check_counts,)
