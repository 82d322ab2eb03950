"""Location and spread of peer groups, computed again: facets of aggregate nodes, months of others.

One value that was changed moves the statistics of all its peers. The z-scores written next to
the values tell which value that was: they lie on a line over the values, but for that one. Where
the line's own value restores the mean and spread that the line implies, the peers are judged by
that value, and only the entity that strays is at fault.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from contracts.derived import by_nodes, derived, entities, methods, of_method, points, trends
from contracts.run_data import RunData

MAD_TO_STD = 1.4826
"""Makes the median absolute deviation comparable to a standard deviation, as the engine does."""
LEAST_POINTS = 5
"""A line through fewer points tells nothing about one of them."""
GREATEST_SHARE = 1 / 3
"""Where more of a group strays from the line, its statistics are wrong rather than its values."""
LINE_TOLERANCE = 1e-7
"""Relative to value and spread: a line fitted to doubles is far closer, a changed value is not."""

MIN_PEERS = 15
"""Facets with fewer entities are suppressed, unless the header says otherwise."""

NODE = ("canonical_node_id",)
FACET = ("canonical_node_id", "entity_dimensions_hash")
MONTH = ("canonical_node_id", "period")


@derived
def values(data: RunData) -> pl.DataFrame:
    """Values of complete aggregate nodes; ``sound`` is what the peers' statistics were made of."""
    scores = of_method(data, "simple_zscore").filter("live")
    frame = (
        entities(data)
        .filter(~pl.col("temporal") & pl.col("complete"))
        .select(*FACET, "entity_key", value="metric_value")
        .join(
            scores.select("entity_key", score="simple_zscore").unique("entity_key").collect(),
            on="entity_key",
            how="left",
            maintain_order="left",
        )
        .join(_floors(data, "simple_zscore", FACET), on=FACET, how="left", maintain_order="left")
    )
    return _sound(frame, FACET)


@derived
def facet_sizes(data: RunData) -> pl.DataFrame:
    """Entities (``size``) and known values of each facet of complete aggregate nodes.

    ``counted`` tells facets that hold as many entities as the header says: an entity with the
    dimension values of another facet disturbs the statistics of both.
    """
    headers = data.frames["raw_global_statistics"].rename({"facet_dimensions_hash": FACET[1]})
    announced = headers.group_by(FACET).agg(
        pl.col("entity_count").drop_nulls().unique(), pl.col("min_peer_count").drop_nulls().first()
    )
    headless = ~pl.col("canonical_node_id").is_in(headers["canonical_node_id"].unique().implode())
    fits = (pl.col("entity_count").list.len() == 0) | pl.col("entity_count").list.contains(pl.col("size"))
    return (
        entities(data)
        .filter(~pl.col("temporal") & pl.col("complete"))
        .group_by(FACET)
        .agg(size=pl.len().cast(pl.Int64), known=pl.col("metric_value").count())
        .join(announced, on=FACET, how="left")
        .select(
            *FACET,
            "size",
            "known",
            pl.col("min_peer_count").fill_null(MIN_PEERS),
            counted=fits.fill_null(headless),
        )
    )


@derived
def facets(data: RunData) -> pl.DataFrame:
    """Mean, population standard deviation, median and scaled MAD of each facet of aggregate nodes."""
    return peer_statistics(values(data), FACET)


@derived
def monthly(data: RunData) -> Iterator[pl.DataFrame]:
    """``points`` of complete nodes with ``sound``, the values that peers' statistics were made of.

    A node with a timeline at fault is left out, or one that lost a timeline: its months lack a
    value, or have one too many.
    """
    fault = pl.any_horizontal("disordered", "outside", "lacking", "misaligned") | ~pl.col("complete")
    lost = (
        methods(data)
        .select("canonical_node_id", lost=pl.col("temporal") & pl.col("valueless") & pl.col("scored"))
        .filter("lost")
    )
    doubtful = pl.concat(
        [trends(data).filter(fault)["canonical_node_id"], lost["canonical_node_id"]]
    ).unique()
    floors = _floors(data, "trending_simple_zscore", NODE)
    for part in by_nodes(points(data)):
        frame = (
            part.filter(~pl.col("canonical_node_id").is_in(doubtful.implode()))
            .join(floors, on="canonical_node_id", how="left", maintain_order="left")
            .with_columns(score="simple")
        )
        yield _sound(frame, MONTH)


@derived
def months(data: RunData) -> pl.DataFrame:
    """As ``facets``, of each month of temporal nodes: peers are all entities of the node.

    A month that one point has left or joined, going by the header's sample size, is left out.
    """
    sizes = data.frames["raw_percentile_trends"].select(
        "canonical_node_id", pl.col("period").str.replace("-", "", literal=True), "sample_size"
    )
    sizes = sizes.unique(MONTH, keep="first")
    statistics = peer_statistics(monthly(data), MONTH).join(sizes, on=MONTH, how="left")
    moved = (pl.col("n").cast(pl.Int64) - pl.col("sample_size")).abs() == 1
    return statistics.filter(~moved.fill_null(False)).drop("sample_size")


def peer_statistics(frame: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """Count, mean, std (ddof 0), median and scaled MAD of ``sound`` in each group ``by`` of a node."""
    value = pl.col("sound")
    return pl.concat(
        part.filter(value.is_not_null())
        .group_by(by)
        .agg(
            n=pl.len(),
            mean=value.mean(),
            std=value.std(ddof=0),
            median=value.median(),
            mad=MAD_TO_STD * (value - value.median()).abs().median(),
        )
        for part in by_nodes(frame.select(*by, value))
    )


def midpoint_rank(column: str, by: tuple[str, ...]) -> pl.Expr:
    """100 (below + equal / 2) / n of ``methods`` within ``by``: the mean rank of ties, less a half."""
    rank = pl.col(column).rank("average").over(by)
    return pl.when("ranked").then(100.0 * (rank - 0.5) / pl.col(column).count().over(by))


def _floors(data: RunData, method: str, by: tuple[str, ...]) -> pl.DataFrame:
    """Least divisor that headers announce."""
    return (
        data.frames["raw_global_statistics"]
        .filter(pl.col("method_name") == method)
        .select(
            pl.col("facet_dimensions_hash").alias("entity_dimensions_hash"),
            "canonical_node_id",
            "std_floor",
        )
        .group_by(by)
        .agg(floor=pl.col("std_floor").first())
    )


def _sound(frame: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """Add ``sound``: the value, or in groups that one value has moved what its score says it was."""
    frame = frame.with_columns(sound="value")
    compared = frame.select(*by, "value", "score", "floor")
    moved = compared.join(_plain(compared, by), on=by).filter(_strays()).select(by).unique()
    if moved.is_empty():
        return frame
    frame = frame.with_row_index("row")
    found = [
        group.select("row", implied=implied)
        for _, group in frame.join(moved, on=by, how="semi").group_by(by)
        if (implied := _implied(group)) is not None
    ]
    if not found:
        return frame.drop("row")
    repaired = pl.concat(found)
    concerned = pl.col("row").is_in(repaired["row"].implode())
    return (
        frame.join(repaired, on="row", how="left", maintain_order="left")
        .with_columns(sound=pl.when(concerned).then("implied").otherwise("value"))
        .drop("row", "implied")
    )


def _plain(frame: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    return frame.group_by(by).agg(
        pl.col("value").mean().alias("mean"), pl.col("value").std(ddof=0).alias("std")
    )


def _strays() -> pl.Expr:
    """Whether a score is neither that of the plain spread nor that of the floor."""
    distance = pl.col("value") - pl.col("mean")
    expected = [
        pl.col("score") * divisor - distance
        for divisor in (pl.col("std"), pl.max_horizontal("std", pl.col("floor").fill_null(0.0)))
    ]
    scale = LINE_TOLERANCE * pl.max_horizontal(pl.col("std"), pl.col("mean").abs() * 1e-6)
    misses = pl.min_horizontal([item.abs() for item in expected]) > scale
    return misses | (pl.col("score").is_not_null() & pl.col("value").is_null())


def _implied(group: pl.DataFrame) -> pl.Series | None:
    """Values of ``group`` with those that stray put on the line; None where no line explains it."""
    known = group.select("value", "score").drop_nulls().sort("score")
    half = known.height // 2
    if known.height < LEAST_POINTS:
        return None
    rise = known["value"].shift(-half) - known["value"]
    slopes = (rise / (known["score"].shift(-half) - known["score"])).drop_nulls()
    spread = slopes.filter(slopes.is_finite()).median()
    if not isinstance(spread, float) or spread <= 0:
        return None
    location = (known["value"] - spread * known["score"]).median()
    assert isinstance(location, float)
    line = location + spread * group["score"]
    tolerance = LINE_TOLERANCE * max(spread, abs(location) * 1e-6)
    off = ((group["value"] - line).abs() > tolerance) | (group["value"].is_null() & line.is_not_null())
    off = off.fill_null(False)
    if not 0 < int(off.sum()) <= GREATEST_SHARE * group.height:
        return None
    implied = pl.select(pl.when(off).then(line).otherwise(group["value"])).to_series()
    mean, std, floor = implied.mean(), implied.std(ddof=0), group["floor"][0] or 0.0
    assert isinstance(mean, float)
    assert isinstance(std, float)
    explained = (
        abs(mean - location) <= tolerance
        and min(abs(std - spread), abs(max(std, floor) - spread)) <= tolerance
    )
    return implied.alias("implied") if explained else None
