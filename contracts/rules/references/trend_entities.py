"""QC542: the entities of an aggregate node are those of the temporal node it trends to."""

from __future__ import annotations

import polars as pl

from contracts.findings import Finding, Severity
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.run_data import RunData

ENTITIES_DIFFER = Rule(
    "QC542",
    "trend-entities-differ",
    Severity.WARNING,
    "An aggregate node and its temporal node do not have the same entities and facility names",
    "Signals of the entities that are missing have no timeline",
    "Compute both nodes from the same source",
)

RULES = (ENTITIES_DIFFER,)


def check_trend_entities(data: RunData) -> list[Finding]:
    """Entities of aggregate nodes against those of the temporal nodes they trend to."""
    entities = data.frames["raw_entity_results"].select(
        "canonical_node_id",
        "facility_id",
        "entity_dimensions",
        "entity_dimensions_hash",
        "facility_name",
        "source_file",
        "line_number",
    )
    staged = entities["canonical_node_id"].unique().to_list()
    edges = (
        data.frames["raw_node_edges"]
        .filter(
            (pl.col("edge_type") == "trends_to")
            & pl.col("source_node_id").is_in(staged)
            & pl.col("target_node_id").is_in(staged)
        )
        .select("source_node_id", "target_node_id")
    )
    nodes = data.auxiliary["graph_nodes"]
    dimensions = dict(zip(nodes["canonical_node_id"], nodes["dimensions"], strict=True))
    broken = data.broken_files
    keys = ["facility_id", "entity_dimensions_hash"]
    found: list[Finding] = []
    for source, target in edges.iter_rows():
        if dimensions.get(source) != dimensions.get(target):
            continue
        left = entities.filter(pl.col("canonical_node_id") == source)
        right = entities.filter(pl.col("canonical_node_id") == target)
        if broken & {left["source_file"][0], right["source_file"][0]}:
            continue
        for rows, others, node in ((left, right, target), (right, left, source)):
            missing = rows.join(others, on=keys, how="anti")
            found += fold(ENTITIES_DIFFER, missing, f"{node} does not have the entity")
        both = left.join(right, on=keys, suffix="_there").filter(
            pl.col("facility_name") != pl.col("facility_name_there")
        )
        found += fold(
            ENTITIES_DIFFER,
            both,
            f"the facility has another name in {target}",
            json_path="/metadata/facility",
            expected=lambda row: row["facility_name_there"],
            actual=lambda row: row["facility_name"],
        )
    return found


CHECKS = (check_trend_entities,)
