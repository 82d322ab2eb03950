"""Frames that several rules need and that are computed once a run: nodes, methods, timelines.

A node is ``complete`` when every entity its file announces was read: only then can statistics
over all peers be computed again. A line that repeats an entity counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps

import polars as pl

from contracts.names import by_entity_file, of_legacy
from contracts.run_data import RunData

AGGREGATE_GRAIN = "aggregate_time_period"

SCORES = (
    "simple_zscore",
    "robust_zscore",
    "mean_simple_zscore",
    "latest_simple_zscore",
    "mean_robust_zscore",
    "latest_robust_zscore",
    "slope",
    "slope_percentile",
    "percentile_rank",
)
"""Numbers of a method that are withheld where it is suppressed."""

ZSCORES = ("simple", "robust")

PART_ROWS = 2**17
"""Rows that are worked on at a time where a frame can be made node by node."""

_USUAL_POINTS = 12
"""Of a timeline: a year of months."""

Get = Callable[[RunData], pl.DataFrame]
Make = Callable[[RunData], pl.DataFrame | Iterator[pl.DataFrame]]

_POINTS = pl.List(pl.Struct({"period": pl.String, "value": pl.Float64}))
_NUMBERS = pl.List(pl.Float64)
_ENTITY = ("entity_key", "canonical_node_id", "facility_id", "entity_dimensions", "entity_dimensions_hash")
_NODE = ("temporal", "faceted", "complete", "legacy")


def derived(make: Make) -> Get:
    """Keep the frame that ``make`` computes with the run it was computed from.

    A generator gives the frame in parts, so that no more than one of them has to be in memory.
    """
    name = f"{make.__module__}.{make.__qualname__}"

    def gathered(data: RunData) -> pl.DataFrame:
        made = make(data)
        parts = [made] if isinstance(made, pl.DataFrame) else made
        return pl.concat([_put_away(data, part) for part in parts], rechunk=False)

    @wraps(make)
    def kept(data: RunData) -> pl.DataFrame:
        return data.derive(name, lambda: gathered(data))

    return kept


def _put_away(data: RunData, part: pl.DataFrame) -> pl.DataFrame:
    kept = data.keep(part)
    data.release()
    return kept


def by_nodes(
    frame: pl.DataFrame, *, each: int = 1, column: str = "canonical_node_id"
) -> Iterator[pl.DataFrame]:
    """The rows in parts of whole nodes; all at once where they are few, or those of a node lie apart.

    A part has about as many rows as make PART_ROWS where ``each`` becomes that many, or those of one node.
    Another ``column`` than the nodes' may name what a part has all rows of.
    """
    size = PART_ROWS // each
    groups = frame[column].rle().struct.unnest()
    if frame.height <= size or groups["value"].n_unique() < groups.height:
        yield frame
        return
    start = rows = 0
    for length in groups["len"]:
        if rows and rows + length > size:
            yield frame.slice(start, rows)
            start, rows = start + rows, 0
        rows += length
    yield frame.slice(start, rows)


def of_nodes(frame: pl.DataFrame, part: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``frame`` that belong to nodes ``part`` has rows of."""
    if frame.height <= PART_ROWS:
        return frame
    nodes = part["canonical_node_id"].unique().implode()
    return frame.filter(pl.col("canonical_node_id").is_in(nodes, nulls_equal=True))


@derived
def nodes(data: RunData) -> pl.DataFrame:
    """One row a node with entities: time grain, window, and whether all entities are there."""
    entities = data.frames["raw_entity_results"]
    found = entities.group_by("canonical_node_id", maintain_order=True).agg(
        pl.col("source_file").first(),
        pl.col("entity_key").n_unique().alias("entity_count"),
        pl.col("metric_id").first(),
        faceted=(pl.col("entity_dimensions") != "{}").any(),
    )
    headers = by_entity_file(data.auxiliary["node_headers"]).select(
        "source_file", announced=pl.coalesce("entity_results_count", "entity_lines")
    )
    defined = data.frames["raw_node_results"].select(
        "canonical_node_id", "time_grain", "start_period", "end_period", "period_count"
    )
    # The file's name, not the header's: a header that names another node changes no values.
    suffix = pl.col("source_file").str.extract(r"__([^/]+)\.jsonl?$").str.split("__").list.last()
    broken = sorted(data.broken_files)
    return (
        found.join(headers, on="source_file", how="left")
        .join(defined, on="canonical_node_id", how="left")
        .with_columns(
            temporal=pl.coalesce(suffix, "time_grain") != AGGREGATE_GRAIN,
            complete=~pl.col("source_file").is_in(broken)
            & (pl.col("announced").fill_null(pl.col("entity_count")) == pl.col("entity_count")),
            legacy=of_legacy(),
        )
    )


@derived
def entities(data: RunData) -> Iterator[pl.DataFrame]:
    """raw_entity_results without repetitions, with what ``nodes`` says of each node.

    The months of the metadata, most of the table, are left out: nothing is compared with them.
    """
    described = nodes(data).select(
        "canonical_node_id", *_NODE, "start_period", "end_period", window="period_count"
    )
    for part in by_nodes(data.frames["raw_entity_results"].drop("metadata_per_period")):
        once = part.unique("entity_key", keep="first", maintain_order=True)
        yield once.join(described, on="canonical_node_id", how="left", maintain_order="left")


@derived
def methods(data: RunData) -> Iterator[pl.DataFrame]:
    """raw_statistical_methods with its entity, its node and ``position`` among the entity's methods.

    ``live`` rows hold a score or should: one that is suppressed and has a score is among them.
    ``valueless`` tells entities that have nothing to compute a score from, and ``ranked`` whether
    every entity of the node has the method. Rows of a line that repeats an entity are left out.
    """
    value = pl.when("temporal").then("timeline_length").otherwise("metric_value")
    own = entities(data).select(*_ENTITY, "line_number", "metric_value", *_NODE, valueless=value.is_null())
    number = pl.int_range(pl.len())
    begins = pl.struct("entity_key", "line_number").rle_id().diff().fill_null(1) != 0
    position = number - pl.when(begins).then(number).forward_fill()
    scored = pl.any_horizontal([pl.col(name).is_not_null() for name in SCORES])
    for part in by_nodes(data.frames["raw_statistical_methods"]):
        rows = (
            part.with_columns(position=position)
            .drop("run_key", "run_id", "canonical_node_id", "runtime", "runtime_status")
            .join(
                of_nodes(own, part), on=["entity_key", "line_number"], nulls_equal=True, maintain_order="left"
            )
            .with_columns(scored=scored, live=~pl.col("suppressed") | scored)
        )
        yield rows.with_columns(_ranked(rows, nodes(data)))


def _ranked(rows: pl.DataFrame, nodes: pl.DataFrame) -> pl.Series:
    """Whether every entity of a row's node has the row's method."""
    of_node = ("canonical_node_id", "method_name")
    everyone = (
        rows.group_by(of_node)
        .agg(pl.len())
        .join(nodes.select("canonical_node_id", "entity_count", "complete"), on="canonical_node_id")
        .select(*of_node, ranked=pl.col("complete") & (pl.col("len") == pl.col("entity_count")))
    )
    # Joining the keys alone spares a copy of all other columns.
    found = rows.select(of_node).join(everyone, on=of_node, how="left", maintain_order="left")
    return found["ranked"]


def of_method(data: RunData, *names: str) -> pl.LazyFrame:
    """Rows of ``methods`` that are computed by one of the methods ``names``.

    Lazy, so that of some fifty columns only those are copied that are looked at.
    """
    return methods(data).lazy().filter(pl.col("method_name").is_in(names))


@derived
def trends(data: RunData) -> Iterator[pl.DataFrame]:
    """One row a temporal entity: its timeline and per-period z-scores as lists of equal length.

    ``entity`` numbers the rows. ``simple`` and ``robust`` are null where the array is suppressed,
    missing, or as long as neither the months nor the months that have a value; ``gaps`` tells
    timelines that lack months of the node's window or values. Of a timeline that is ``disordered``,
    ``outside`` the window, ``lacking`` months that are said to be observed, or ``misaligned`` with
    its scores, nobody knows which value belongs to which month.
    """
    described = (
        entities(data)
        .lazy()
        .select(
            *_ENTITY,
            *_NODE,
            "metric_id",
            "start_period",
            "end_period",
            "window",
            "timeline_length",
            "observed_count",
            "missing_count",
            "coverage_ratio",
            "source_file",
            "line_number",
            "timeline",
        )
        .filter(pl.col("timeline").is_not_null())
        .with_row_index("entity")
        .collect()
    )
    scores = {
        name: of_method(data, f"trending_{name}_zscore")
        .filter("live")
        .select("canonical_node_id", "entity_key", pl.col(f"per_period_{name}_zscores").alias("written"))
        .unique("entity_key", keep="first")
        .collect()
        for name in ZSCORES
    }
    for part in by_nodes(described, each=_USUAL_POINTS):
        timelines = _decoded(part)
        for name in ZSCORES:
            own = of_nodes(scores[name], part).select(
                "entity_key",
                pl.col("written").str.json_decode(_NUMBERS).alias(name),
                pl.col("written").is_not_null().alias(f"{name}_written"),
            )
            timelines = _aligned(
                timelines.join(own, on="entity_key", how="left", maintain_order="left"), name
            )
        yield timelines.with_columns(_disordered(timelines)).with_columns(**_faults())


def _decoded(timelines: pl.DataFrame) -> pl.DataFrame:
    """Timelines as lists of months and of values."""
    point = pl.element().struct
    return (
        timelines.with_columns(points=pl.col("timeline").str.json_decode(_POINTS))
        .with_columns(
            values=pl.col("points").list.eval(point.field("value")),
            periods=pl.col("points").list.eval(point.field("period").str.replace("-", "", literal=True)),
        )
        .drop("points", "timeline")
        .with_columns(observed=pl.col("values").list.drop_nulls().list.len())
    )


def _disordered(timelines: pl.DataFrame) -> pl.Series:
    """Whether the months of each timeline do not ascend; all months in one column are fastest."""
    months = timelines.select("entity", "periods").explode("periods")
    same = pl.col("entity") == pl.col("entity").shift(1)
    late = months.filter(same & (pl.col("periods") <= pl.col("periods").shift(1)))
    return timelines["entity"].is_in(late["entity"].unique().implode()).alias("disordered")


def _faults() -> dict[str, pl.Expr]:
    """What a timeline lacks, and what else is wrong with it."""
    short = pl.col("timeline_length") < pl.col("window").fill_null(pl.col("timeline_length"))
    first, last = pl.col("periods").list.first(), pl.col("periods").list.last()
    outside = ~pl.col("disordered") & (
        (first < pl.col("start_period")) | (last > pl.col("end_period"))
    ).fill_null(False)
    observed = pl.col("observed_count") == pl.col("window")
    misfits = [pl.col(f"{name}_written").fill_null(False) & pl.col(name).is_null() for name in ZSCORES]
    fits = [pl.col(name).is_not_null() for name in ZSCORES]
    return {
        "gaps": short | (pl.col("observed") < pl.col("timeline_length")),
        "outside": outside,
        "lacking": (observed & short & ~outside).fill_null(False),
        "misaligned": pl.any_horizontal(misfits) & ~pl.any_horizontal(fits),
    }


def _aligned(timelines: pl.DataFrame, name: str) -> pl.DataFrame:
    """Scores by month: an array may hold one element a month, or one a month that has a value."""
    length = pl.col(name).list.len()
    fits = length == pl.col("timeline_length")
    compact = ~fits & (length == pl.col("observed"))
    known = pl.element().is_not_null()
    if timelines.select(compact.any()).item():
        places = pl.col("values").list.eval(pl.when(known).then(known.cum_sum() - 1))
        spread = pl.col(name).list.gather(places, null_on_oob=True)
        return timelines.with_columns(pl.when(fits).then(name).when(compact).then(spread).alias(name))
    return timelines.with_columns(pl.when(fits).then(name).alias(name))


@derived
def points(data: RunData) -> Iterator[pl.DataFrame]:
    """One row a point of a timeline: entity number, node, month, value and both z-scores.

    ``simple_listed`` and ``robust_listed`` tell whether the entity has scores at all.
    """
    nothing = pl.col("values").list.eval(pl.lit(None, dtype=pl.Float64))
    for part in by_nodes(trends(data), each=_USUAL_POINTS):
        yield (
            part.filter(pl.col("timeline_length") > 0)
            .select(
                "entity",
                "canonical_node_id",
                "entity_dimensions_hash",
                "timeline_length",
                "faceted",
                "gaps",
                "periods",
                "values",
                *(pl.col(name).is_not_null().alias(f"{name}_listed") for name in ZSCORES),
                pl.col("simple").fill_null(nothing),
                pl.col("robust").fill_null(nothing),
                index=pl.int_ranges(0, pl.col("timeline_length")),
            )
            .explode("periods", "values", "simple", "robust", "index")
            .rename({"periods": "period", "values": "value"})
        )
