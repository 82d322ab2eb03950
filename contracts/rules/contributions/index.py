"""QC801-QC806: the contribution index against the graph, the results index and the files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath

import polars as pl

from contracts.findings import Finding, Severity
from contracts.json_values import text_at, texts_at
from contracts.rules.documents.timestamps import parse_instant
from contracts.rules.folding import Row
from contracts.rules.gather import limited
from contracts.rules.rule import Rule
from contracts.run_data import RunData

PARENTS = Rule(
    "QC801",
    "contribution-parents-differ",
    Severity.ERROR,
    "Parents of the contribution index are not the nodes of the run",
    "The index may belong to another run, and contributions of a node would be missing",
    "Write the contribution index again: every node of the results index, in order",
)
ARTIFACTS = Rule(
    "QC802",
    "contribution-artifacts-differ",
    Severity.ERROR,
    "Files of a parent are not those of its segments: one a child for the metric and each z-score",
    "Contributions of a segment would be missing, or belong to another node",
    "Compute the contributions again with the current graph",
)
SUMS = Rule(
    "QC803",
    "contribution-sums-differ",
    Severity.ERROR,
    "child_rows or metrics of a parent do not follow from its artifacts",
    "The index may belong to another export",
    "Write the contribution index again",
)
ROW_COUNT = Rule(
    "QC804",
    "contribution-rows-differ",
    Severity.ERROR,
    "A contribution file does not have as many rows as the index announces",
    "Rows are missing, or there twice",
    "Copy the file again, or compute the contributions again",
)
UNLISTED = Rule(
    "QC805",
    "unlisted-contribution-file",
    Severity.WARNING,
    "A contribution file exists that the index does not name",
    "Its rows are loaded though nothing says they belong to this run",
    "Remove the file, or add it to the index",
)
ARGUMENTS = Rule(
    "QC806",
    "contribution-arguments-differ",
    Severity.WARNING,
    "Arguments of the contribution command do not fit the index",
    "They may belong to another export",
    "Copy index and arguments from one export",
)

RULES = (PARENTS, ARTIFACTS, SUMS, ROW_COUNT, UNLISTED, ARGUMENTS)

INDEX = "analysis/contribution/index.json"
RUN_ARGUMENTS = "analysis/contribution/manifests/cli/run_args.json"
PSEUDO_METRICS = ("robust_zscore", "simple_zscore")
"""Statistics that are decomposed as if they were metrics."""
SEGMENTS_INTO = "segments_into"


def check_index(data: RunData) -> list[Finding]:
    """Parents, files, sums and counts of the contribution index."""
    if not data.document(INDEX):
        return []
    parents = list(_parents(data))
    arguments = [] if parents else _arguments(data)
    return limited((*parents, *_artifacts(data), *_row_counts(data), *arguments))


def _parents(data: RunData) -> Iterator[Finding]:
    listed = data.auxiliary["contribution_parents"]["parent_node_id"].to_list()
    nodes = [data.auxiliary[name]["canonical_node_id"].to_list() for name in ("index_nodes", "graph_nodes")]
    known = [names for names in nodes if names]
    if not known or any(sorted(listed) == sorted(names) for names in known):
        if known and listed != known[0] and sorted(listed) == sorted(known[0]):
            first = next(place for place, name in enumerate(listed) if name != known[0][place])
            yield PARENTS.finding(
                "parents are not in the order of the results index",
                file=INDEX,
                json_path=f"/parents/{first}/parent_node_id",
                expected=known[0][first],
                actual=listed[first],
                severity=Severity.WARNING,
            )
        return
    for place, name in enumerate(listed):
        if name not in known[0] or name in listed[:place]:
            yield PARENTS.finding(
                "the parent is listed twice" if name in known[0] else "the run has no such node",
                file=INDEX,
                json_path=f"/parents/{place}/parent_node_id",
                actual=name,
            )
    if len(listed) < len(known[0]):
        missing = [name for name in known[0] if name not in listed]
        yield PARENTS.finding(
            "nodes of the run are missing",
            file=INDEX,
            json_path="/parents",
            expected=", ".join(missing),
            count=len(missing),
        )


def _segments(frame: pl.DataFrame) -> set[tuple[str, str]]:
    rows = frame.filter(pl.col("edge_type") == SEGMENTS_INTO)
    return set(zip(rows["source_node_id"], rows["target_node_id"], strict=True))


def _artifacts(data: RunData) -> Iterator[Finding]:
    drawn, defined = (
        _segments(frame) for frame in (data.frames["raw_node_edges"], data.auxiliary["edge_definitions"])
    )
    metrics = dict(data.auxiliary["graph_nodes"].select("canonical_node_id", "metric_id").iter_rows())
    if not metrics:
        return
    artifacts = data.auxiliary["contribution_artifacts"].to_dicts()
    expected: set[str] = set()
    for row in data.auxiliary["contribution_parents"].to_dicts():
        parent, own = (
            row["parent_node_id"],
            [item for item in artifacts if item["parent_position"] == row["position"]],
        )
        # An edge whose type differs between graph and definition is reported there.
        allowed, required = (
            {
                _name(child, metric)
                for source, child in edges
                if source == parent
                for metric in (metrics.get(child), *PSEUDO_METRICS)
            }
            for edges in (drawn | defined, drawn & defined if defined else drawn)
        )
        expected |= required
        if parent not in metrics:
            continue
        found = list(_files_of(row, own, allowed, required))
        yield from found or _sums(data, row, own)
    listed = {item["artifact_file"] for item in artifacts}
    for file in data.auxiliary["contribution_files"]["source_file"]:
        if file not in listed and PurePosixPath(file).name not in expected:
            yield UNLISTED.finding("the index does not name the file", file=file)


def _name(child: str, metric: str | None) -> str:
    return f"{child}.{metric}.jsonl"


def _files_of(parent: Row, own: list[Row], allowed: set[str], required: set[str]) -> Iterator[Finding]:
    path = f"/parents/{parent['position']}/metric_artifacts"
    names = [PurePosixPath(item["artifact_file"]).name for item in own]
    for item, name in zip(own, names, strict=True):
        place = f"{path}/{item['position']}"
        if name not in allowed:
            yield ARTIFACTS.finding(
                "the file is not named after a segment of the parent and a metric",
                file=INDEX,
                json_path=f"{place}/artifact_path",
                entity=parent["parent_node_id"],
                actual=item["artifact_path"],
            )
        elif item["metric_id"] is not None and not name.endswith(f".{item['metric_id']}.jsonl"):
            yield ARTIFACTS.finding(
                "metric_id is not the metric in the file's name",
                file=INDEX,
                json_path=f"{place}/metric_id",
                entity=parent["parent_node_id"],
                expected=name.split(".")[-2],
                actual=item["metric_id"],
            )
    missing = sorted(required - set(names))
    if missing and len(names) < len(required):
        yield ARTIFACTS.finding(
            "files of the parent's segments are missing",
            file=INDEX,
            json_path=path,
            entity=parent["parent_node_id"],
            expected=", ".join(missing),
            count=len(missing),
        )


def _sums(data: RunData, parent: Row, own: list[Row]) -> Iterator[Finding]:
    """Either the announced or the counted rows may be what child_rows is the sum of."""
    lines = dict(data.auxiliary["contribution_files"].select("source_file", "lines").iter_rows())
    announced = [item["row_count"] for item in own]
    counted = [lines.get(item["artifact_file"], item["row_count"]) for item in own]
    sums = [sum(counts) for counts in (announced, counted) if None not in counts]
    path = f"/parents/{parent['position']}"
    if parent["child_rows"] is not None and sums and parent["child_rows"] not in sums:
        yield SUMS.finding(
            "child_rows is not the sum of the artifacts' rows",
            file=INDEX,
            json_path=f"{path}/child_rows",
            entity=parent["parent_node_id"],
            expected=str(sums[0]),
            actual=str(parent["child_rows"]),
        )
    metrics = json.loads(parent["metrics"])
    last = {item["metric_id"]: item["artifact_path"] for item in own}
    if metrics != last:
        first = next(name for name in {**last, **metrics} if metrics.get(name) != last.get(name))
        yield SUMS.finding(
            f"metrics does not name the last artifact of {first}",
            file=INDEX,
            json_path=f"{path}/metrics/{first}",
            entity=parent["parent_node_id"],
            expected=last.get(first),
            actual=metrics.get(first),
        )


def _row_counts(data: RunData) -> Iterator[Finding]:
    for row in short_files(data).to_dicts():
        yield ROW_COUNT.finding(
            f"the file has {row['lines']} rows",
            file=INDEX,
            json_path=f"/parents/{row['parent_position']}/metric_artifacts/{row['position']}/row_count",
            entity=row["artifact_file"],
            expected=str(row["row_count"]),
            actual=str(row["lines"]),
        )


def short_files(data: RunData) -> pl.DataFrame:
    """Artifacts whose file has more or fewer rows than announced; repeated rows are told elsewhere."""
    rows = data.frames["raw_contributions"]
    key = ("parent_node_id", "child_node_id", "parent_entity", "child_entity", "metric_id")
    repeated = rows.group_by("source_file").agg(repeated=pl.len() - pl.struct(key).n_unique())
    files = data.auxiliary["contribution_files"].join(repeated, on="source_file", how="left")
    return (
        data.auxiliary["contribution_artifacts"]
        .drop("source_file", "line_number")
        .join(files, left_on="artifact_file", right_on="source_file")
        .filter(
            (pl.col("lines") != pl.col("row_count"))
            & (pl.col("lines") - pl.col("repeated").fill_null(0) != pl.col("row_count"))
        )
    )


def _arguments(data: RunData) -> Iterator[Finding]:
    arguments = data.document(RUN_ARGUMENTS)
    listed = data.auxiliary["contribution_parents"]["parent_node_id"].to_list()
    asked = texts_at(arguments, "parent_node_ids")
    if asked and asked != listed:
        yield ARGUMENTS.finding(
            "parent_node_ids are not the parents of the index",
            file=RUN_ARGUMENTS,
            json_path="/parent_node_ids",
            expected=f"{len(listed)} parents",
            actual=f"{len(asked)} parents",
        )
    own, usual = (text_at(document, "generated_at") for document in (arguments, data.document(INDEX)))
    instants = [parse_instant(text) for text in (own, usual) if text is not None]
    if None not in instants and len(set(instants)) > 1:
        yield ARGUMENTS.finding(
            "generated_at is not that of the index",
            file=RUN_ARGUMENTS,
            json_path="/generated_at",
            expected=usual,
            actual=own,
        )


CHECKS = (check_index,)
