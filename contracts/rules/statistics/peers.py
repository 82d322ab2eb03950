"""Location and spread of peer groups, computed again: facets of aggregate nodes, months of others.

One value that was changed moves the statistics of all its peers. The z-scores written next to
the values tell which value that was: they lie on a line over the values, but for that one. Where
the line's own value restores the mean and spread that the line implies, the peers are judged by
that value, and only the entity that strays is at fault.
"""

from __future__ import annotations

import polars as pl

from contracts.derived import derived, entities, of_method, points
from contracts.run_data import RunData

MAD_TO_STD = 1.4826
"""Makes the median absolute deviation comparable to a standard deviation, as the engine does."""
LEAST_POINTS = 5
"""A line through fewer points tells nothing about one of them."""
GREATEST_SHARE = 1 / 3
"""Where more of a group strays from the line, its statistics are wrong rather than its values."""
LINE_TOLERANCE = 1e-7
"""Relative to value and spread: a line fitted to doubles is far closer, a changed value is not."""

FACET = ("canonical_node_id", "entity_dimensions_hash")
MONTH = ("canonical_node_id", "period")


@derived
def values(data: RunData) -> pl.DataFrame:
    """Values of complete aggregate nodes; ``sound`` is what the peers' statistics were made of."""
    scores = of_method(data, "simple_zscore").filter(~pl.col("suppressed"))
    frame = (
        entities(data)
        .filter(~pl.col("temporal") & pl.col("complete"))
        .select(*FACET, "entity_key", value="metric_value")
        .join(
            scores.select("entity_key", score="simple_zscore").unique("entity_key"),
            on="entity_key",
            how="left",
            maintain_order="left",
        )
        .join(_floors(data, "simple_zscore", FACET), on=FACET, how="left", maintain_order="left")
    )
    return _sound(frame, FACET)


@derived
def facets(data: RunData) -> pl.DataFrame:
    """Mean, population standard deviation, median and scaled MAD of each facet of aggregate nodes."""
    return peer_statistics(values(data), FACET)


@derived
def monthly(data: RunData) -> pl.DataFrame:
    """``points`` of complete nodes with ``sound``, the values that peers' statistics were made of."""
    complete = entities(data).filter(pl.col("complete"))["canonical_node_id"].unique()
    floors = _floors(data, "trending_simple_zscore", FACET[:1])
    frame = (
        points(data)
        .filter(pl.col("canonical_node_id").is_in(complete.implode()))
        .join(floors, on="canonical_node_id", how="left", maintain_order="left")
        .with_columns(score="simple")
    )
    return _sound(frame, MONTH)


@derived
def months(data: RunData) -> pl.DataFrame:
    """As ``facets``, of each month of temporal nodes: peers are all entities of the node."""
    return peer_statistics(monthly(data), MONTH)


def peer_statistics(frame: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """Count, mean, std (ddof 0), median and scaled MAD of ``sound`` in each group ``by``."""
    known = frame.filter(pl.col("sound").is_not_null())
    first = known.group_by(by).agg(
        pl.len().alias("n"),
        pl.col("sound").mean().alias("mean"),
        pl.col("sound").std(ddof=0).alias("std"),
        pl.col("sound").median().alias("median"),
    )
    spread = (
        known.join(first.select(*by, "median"), on=by)
        .group_by(by)
        .agg(mad=MAD_TO_STD * (pl.col("sound") - pl.col("median")).abs().median())
    )
    return first.join(spread, on=by)


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
    frame = frame.with_columns(sound="value").with_row_index("row")
    moved = frame.join(_plain(frame, by), on=by).filter(_strays())
    if moved.is_empty():
        return frame
    repaired = [
        group.select("row", implied=implied)
        for _, group in frame.join(moved.select(by).unique(), on=by, how="semi").group_by(by)
        if (implied := _implied(group)) is not None
    ]
    if not repaired:
        return frame
    implied = frame.join(pl.concat(repaired), on="row", how="left", maintain_order="left")
    concerned = pl.col("row").is_in(pl.concat(repaired)["row"].implode())
    return implied.with_columns(sound=pl.when(concerned).then("implied").otherwise("value")).drop("implied")


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
    assert isinstance(mean, float) and isinstance(std, float)
    explained = abs(mean - location) <= tolerance and min(
        abs(std - spread), abs(max(std, floor) - spread)
    ) <= tolerance
    return implied.alias("implied") if explained else None
