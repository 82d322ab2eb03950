"""QC810-QC813: contribution rows stand in their file, and join a child entity to its parent."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from contracts.derived import by_nodes, derived, entities
from contracts.findings import Finding, Severity
from contracts.rules.classification.coverage import PLACED, unmatched, whole_nodes
from contracts.rules.contributions.index import short_files
from contracts.rules.demands import Demand, failures, report, rows_of, without
from contracts.rules.folding import Row, fold
from contracts.rules.rule import Rule
from contracts.run_data import RunData
from contracts.tables.analysis import CONTRIBUTIONS

MISPLACED = Rule(
    "QC810",
    "contribution-misplaced",
    Severity.ERROR,
    "A contribution row is not of the nodes and the metric that its file is named after",
    "The row would be shown under another segment or metric",
    "Compute the contributions again",
)
NESTING = Rule(
    "QC811",
    "contribution-nesting",
    Severity.ERROR,
    "The child entity is not its parent with exactly one more dimension",
    "Drill-down would lead to an entity that is no part of the parent",
    "Write the parent's facility and dimensions into the child, and one dimension more",
)
ENTITIES_DIFFER = Rule(
    "QC812",
    "contribution-entities-differ",
    Severity.ERROR,
    "Entities of a contribution file are not those of its nodes",
    "Drill-down would miss an entity, or lead to one without results",
    "Compute the contributions again from the run's results",
)
INCOMPLETE_ROW = Rule(
    "QC813",
    "contribution-without-nodes",
    Severity.ERROR,
    "Contribution rows lack parent_node_id or child_node_id",
    "Such rows cannot be joined to anything and are not loaded",
    "Write both node ids into every row",
)

RULES = (MISPLACED, NESTING, ENTITIES_DIFFER, INCOMPLETE_ROW)

_NOT_COMPARED = (
    "run_key",
    "run_id",
    "parent_statistics",
    "assumptions",
    "fallbacks",
    "missing_inputs",
    "computed_at",
)
_PAIR = r'"(?:[^"\\]|\\.)*": "(?:[^"\\]|\\.)*"'
"""A member of an entity in canonical form."""


@derived
def shares(data: RunData) -> Iterator[pl.DataFrame]:
    """Contribution rows numbered by ``row``; those the schemas refuse or that repeat are left out."""
    bounded = [
        pl.col(column.name).is_between(column.minimum, column.maximum or float("inf")).fill_null(True)
        for column in CONTRIBUTIONS.columns
        if column.minimum is not None
    ]
    key = pl.struct(name for name in CONTRIBUTIONS.key if name != "run_key")
    rows = data.frames["raw_contributions"].with_columns(
        kept=pl.all_horizontal(bounded) & key.is_first_distinct()
    )
    number = 0
    for part in by_nodes(rows.drop(_NOT_COMPARED), column="source_file"):
        kept = part.filter("kept").drop("kept").with_row_index("row", offset=number)
        number += kept.height
        yield kept.with_columns(
            pl.col("row").cast(pl.Int64),
            facility=pl.col("facility_id"),
            facility_id=pl.lit(None, dtype=pl.String),
            entity_dimensions=pl.coalesce("child_entity", "parent_entity"),
        )


_named = {name: pl.col(f"{name}_of_file") for name in ("parent_node_id", "child_node_id", "metric_id")}
_PLACES = tuple(
    Demand(MISPLACED, name, pl.col(name) != usual, f"{name} is not that of the file", usual)
    for name, usual in _named.items()
)
_parent, _child = (pl.col(name).str.extract_all(_PAIR) for name in ("parent_entity", "child_entity"))
_NESTING = (
    Demand(
        NESTING,
        "child_entity",
        (_child.list.set_intersection(_parent).list.len() != _parent.list.len())
        | (_child.list.len() != _parent.list.len() + 1),
        "the child is not the parent with one more dimension",
        pl.format("{} and one dimension more", "parent_entity"),
    ),
)


def _plainly_nested() -> pl.Expr:
    """Whether the child's text is that of the parent with one member before or after it.

    A quotation mark within a value is escaped, so that members are matched alone.
    """
    parent, child = pl.col("parent_entity"), pl.col("child_entity")
    members = parent.str.strip_prefix("{").str.strip_suffix("}")
    more = child.str.count_matches('": "', literal=True) - parent.str.count_matches('": "', literal=True)
    return child.str.contains(members, literal=True) & (more == 1)


@derived
def wrong_places(data: RunData) -> pl.DataFrame:
    """Rows that stand in another file."""
    parents = (
        data.auxiliary["contribution_artifacts"]
        .join(
            data.auxiliary["graph_nodes"], left_on="parent_node_id", right_on="canonical_node_id", how="semi"
        )
        .select(source_file="artifact_file", parent_node_id_of_file="parent_node_id")
        .unique("source_file", keep="none")
    )
    name = pl.col("source_file").str.extract_groups(r"([^/]+)\.([^./]+)\.jsonl$").struct
    files = (
        data.auxiliary["contribution_files"]
        .select("source_file")
        .with_columns(child_node_id_of_file=name.field("1"), metric_id_of_file=name.field("2"))
        .join(parents, on="source_file", how="left")
    )
    frame = shares(data).join(files, on="source_file", how="left", maintain_order="left")
    return failures(frame, _PLACES)


@derived
def wrong_nesting(data: RunData) -> pl.DataFrame:
    """Rows that join entities that do not belong together."""
    return failures(shares(data).filter(~_plainly_nested()), _NESTING)


def strayed(data: RunData) -> pl.Series:
    """Numbers of the rows whose place or nesting is wrong."""
    return pl.concat([rows_of(wrong_places(data)), rows_of(wrong_nesting(data))])


@derived
def unknown_entities(data: RunData) -> pl.DataFrame:
    """Rows whose parent or child entity is not among the entities of its node, if all of them were read."""
    whole = whole_nodes(data)["canonical_node_id"]
    frame = without(shares(data), strayed(data)).lazy()
    found = []
    for side in ("parent", "child"):
        key = _key(side)
        rows = frame.filter(
            pl.col(f"{side}_node_id").is_in(whole.implode()) & pl.col(f"{side}_entity").is_not_null()
        )
        known = pl.concat([entities(data).select(PLACED), unmatched(data).select(PLACED)]).lazy()
        unknown = rows.select("row", *key).join(known, left_on=key, right_on=PLACED, how="anti").collect()
        reported = frame.filter(pl.col("row").is_in(unknown["row"].implode()))
        found.append(reported.with_columns(side=pl.lit(side)).collect())
    return pl.concat(found)


def _key(side: str) -> tuple[str, ...]:
    """Columns of ``shares`` that tell the parent or the child entity, in the order of ``PLACED``."""
    return f"{side}_node_id", "facility", f"{side}_dimensions_hash"


@derived
def ignored_rows(data: RunData) -> pl.DataFrame:
    """Files with lines that staging read and could not use, and how many."""
    staged = data.frames["raw_contributions"].group_by("source_file").agg(staged=pl.len())
    return (
        data.auxiliary["contribution_files"]
        .filter(~pl.col("source_file").is_in(sorted(data.broken_files)))
        .join(staged, on="source_file", how="left")
        .with_columns(ignored=pl.col("lines") - pl.col("staged").fill_null(0))
        .filter(pl.col("ignored") > 0)
    )


@derived
def doubtful_files(data: RunData) -> pl.DataFrame:
    """Files whose rows are not what they should be: what they add up to means nothing."""
    names = [
        wrong_places(data)["source_file"],
        wrong_nesting(data)["source_file"],
        unknown_entities(data)["source_file"],
        ignored_rows(data)["source_file"],
        short_files(data)["artifact_file"],
        pl.Series(sorted(data.broken_files), dtype=pl.String),
    ]
    return pl.DataFrame({"source_file": pl.concat(names).unique()})


@derived
def missing_entities(data: RunData) -> pl.DataFrame:
    """Child entities without a row in a file of their node."""
    files = (
        shares(data)
        .select("source_file", "child_node_id")
        .unique()
        .join(doubtful_files(data), on="source_file", how="anti")
    )
    wanted = (
        entities(data)
        .select(*PLACED, "entity_dimensions")
        .join(whole_nodes(data), on="canonical_node_id", how="semi")
        .join(unmatched(data), on=PLACED, how="anti")
        .join(files, left_on="canonical_node_id", right_on="child_node_id")
    )
    return wanted.join(
        shares(data),
        left_on=["source_file", *PLACED],
        right_on=["source_file", *_key("child")],
        how="anti",
    ).with_columns(line_number=pl.lit(None, dtype=pl.Int64))


def check_rows(data: RunData) -> list[Finding]:
    """Place, nesting and entities of every contribution row."""
    found = report(wrong_places(data), _PLACES, _path) + report(wrong_nesting(data), _NESTING, _path)
    for side in ("parent", "child"):
        found += fold(
            ENTITIES_DIFFER,
            unknown_entities(data).filter(pl.col("side") == side),
            f"the {side} node has no such entity",
            json_path=f"/{side}_entity",
            actual=lambda row, side=side: row[f"{side}_entity"],  # type: ignore[misc]
        )
    found += fold(ENTITIES_DIFFER, missing_entities(data), "an entity of the child node has no row")
    for row in ignored_rows(data).to_dicts():
        found.append(
            INCOMPLETE_ROW.finding(
                "rows have no parent or child node", file=row["source_file"], count=row["ignored"]
            )
        )
    return found


def _path(row: Row) -> str:
    return f"/{row['column']}"


CHECKS = (check_rows,)
