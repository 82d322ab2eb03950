"""Statistics of a node's entities against their peers, as node files and analyses need them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.synth.measures import MIN_PEERS_AGGREGATE, Measures
from transforms.synth.population import Entities
from transforms.synth.statistics import (
    PeerStatistics,
    grouped_percentile_rank,
    left_aligned,
    peer_statistics,
    percentile_rank,
    row_mean,
    row_slope,
    row_std,
)
from transforms.synth.streams import BoolArray, FloatArray, IntArray

MIN_PEERS_TREND = 10
MIN_SLOPE_PERIODS = 6
ACCELERATION_PERIODS = 12
END_POINTS = 2
STD_FLOOR_AGGREGATE, STD_FLOOR_TREND, MAD_FLOOR = 0.01, 0.05, 0.01
PERCENTILES: tuple[int, ...] = (10, 25, 50, 75, 90)


@dataclass(frozen=True, slots=True)
class AggregatePeers:
    """Statistics of an aggregate node: peers are the entities of the same facet.

    Arrays hold one element an entity (NaN where ``suppressed``), ``facets`` one a facet.
    """

    facets: PeerStatistics
    suppressed_facets: BoolArray
    suppressed: BoolArray
    simple: FloatArray
    robust: FloatArray
    rank: FloatArray


@dataclass(frozen=True, slots=True)
class TrendPeers:
    """Statistics of a monthly node: peers are all entities of the node in the same month.

    ``simple`` and ``robust`` are entities x months as in the timelines; other arrays hold one
    element an entity. ``months`` has one element a month, ``facets`` one a facet (all months).
    """

    months: PeerStatistics
    facets: PeerStatistics
    percentiles: FloatArray
    suppressed: bool
    simple: FloatArray
    robust: FloatArray
    mean_simple: FloatArray
    mean_robust: FloatArray
    rank_simple: FloatArray
    rank_robust: FloatArray
    observations: IntArray
    slope_suppressed: BoolArray
    slope: FloatArray
    acceleration: FloatArray
    end_start_delta: FloatArray
    slope_percentile: FloatArray
    zscore_std: FloatArray
    max_abs_zscore: FloatArray


def compare_aggregates(entities: Entities, measures: Measures) -> AggregatePeers:
    """z-score, robust z-score and midpoint percentile rank of each value within its facet."""
    groups = len(entities.facets)
    peers = peer_statistics(measures.aggregate, entities.facet, groups)
    suppressed_facets = peers.count < MIN_PEERS_AGGREGATE
    suppressed = suppressed_facets[entities.facet] | np.isnan(measures.aggregate)
    value = np.where(suppressed, np.nan, measures.aggregate)
    of_facet = entities.facet
    return AggregatePeers(
        facets=peers,
        suppressed_facets=suppressed_facets,
        suppressed=suppressed,
        simple=(value - peers.mean[of_facet]) / np.maximum(peers.std, STD_FLOOR_AGGREGATE)[of_facet],
        robust=(value - peers.median[of_facet]) / np.maximum(peers.mad, MAD_FLOOR)[of_facet],
        rank=grouped_percentile_rank(value, of_facet, groups),
    )


def compare_trends(entities: Entities, measures: Measures, months: int) -> TrendPeers:
    """Per-month z-scores, their means and ranks, and the slope family of each timeline."""
    values = measures.monthly
    month = entities.timeline
    peers = peer_statistics(values.ravel(), month.ravel(), months)
    suppressed = len(entities) < MIN_PEERS_TREND
    scored = np.full(values.shape, np.nan) if suppressed else values
    simple = (scored - peers.mean[month]) / np.maximum(peers.std, STD_FLOOR_TREND)[month]
    robust = (scored - peers.median[month]) / np.maximum(peers.mad, MAD_FLOOR)[month]
    mean_simple, mean_robust = row_mean(simple), row_mean(robust)
    slope_suppressed = entities.lengths < MIN_SLOPE_PERIODS
    slope = np.where(slope_suppressed, np.nan, row_slope(values))
    return TrendPeers(
        months=peers,
        facets=peer_statistics(values.ravel(), np.repeat(entities.facet, months), len(entities.facets)),
        percentiles=_percentiles(values, month, months),
        suppressed=suppressed,
        simple=simple,
        robust=robust,
        mean_simple=mean_simple,
        mean_robust=mean_robust,
        rank_simple=percentile_rank(mean_simple),
        rank_robust=percentile_rank(mean_robust),
        observations=(~np.isnan(values)).sum(axis=1).astype(np.int64),
        slope_suppressed=slope_suppressed,
        slope=slope,
        acceleration=_acceleration(values, entities.lengths),
        end_start_delta=np.where(slope_suppressed, np.nan, _end_start_delta(values)),
        slope_percentile=percentile_rank(slope),
        zscore_std=row_std(simple),
        max_abs_zscore=_row_max(np.abs(simple)),
    )


def latest(scores: FloatArray, lengths: IntArray) -> FloatArray:
    """Last element of each timeline's scores."""
    return scores[np.arange(lengths.size), lengths - 1]


def _acceleration(values: FloatArray, lengths: IntArray) -> FloatArray:
    """Slope of months 7 to 12 less slope of months 1 to 6, of twelve complete points only."""
    result = np.full(lengths.size, np.nan)
    complete = (lengths == ACCELERATION_PERIODS) & ((~np.isnan(values)).sum(axis=1) == ACCELERATION_PERIODS)
    half = ACCELERATION_PERIODS // 2
    if complete.any():
        chosen = values[complete]
        result[complete] = row_slope(chosen[:, half:ACCELERATION_PERIODS]) - row_slope(chosen[:, :half])
    return result


def _end_start_delta(values: FloatArray) -> FloatArray:
    """Mean of the last two known points less mean of the first two."""
    known = ~np.isnan(values)
    forward = left_aligned(values, known)[:, :END_POINTS]
    backward = left_aligned(values[:, ::-1], known[:, ::-1])[:, :END_POINTS]
    return row_mean(backward) - row_mean(forward)


def _percentiles(values: FloatArray, month: IntArray, months: int) -> FloatArray:
    """Linearly interpolated percentiles (Hyndman and Fan type 7): percentiles x months."""
    result = np.full((len(PERCENTILES), months), np.nan)
    for number in range(months):
        known = values[(month == number) & ~np.isnan(values)]
        if known.size:
            result[:, number] = np.percentile(known, PERCENTILES)
    return result


def _row_max(values: FloatArray) -> FloatArray:
    filled = np.where(np.isnan(values), -1.0, values).max(axis=1)
    return np.where(filled < 0, np.nan, filled)
