"""Peer statistics, as the engine computes them. Missing values are NaN throughout.

Sums are exactly rounded (math.fsum), so results depend on neither order nor platform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from transforms.synth.streams import BoolArray, FloatArray, IntArray

MAD_TO_STD = 1.4826
"""Makes the median absolute deviation a consistent estimator of a normal standard deviation."""


@dataclass(frozen=True, slots=True)
class PeerStatistics:
    """Location and spread of each peer group; NaN for a group without values."""

    count: IntArray
    mean: FloatArray
    std: FloatArray
    median: FloatArray
    mad: FloatArray


def peer_statistics(values: FloatArray, group: IntArray, groups: int) -> PeerStatistics:
    """Statistics of ``values`` in each of ``groups`` peer groups.

    Mean: arithmetic. Std: population standard deviation (ddof 0). Mad: median absolute
    deviation from the median, scaled by 1.4826 (Rousseeuw and Croux 1993).
    """
    count = np.zeros(groups, dtype=np.int64)
    columns = np.full((4, groups), np.nan)
    for index, members in enumerate(_split(values, group, groups)):
        known = members[~np.isnan(members)]
        count[index] = known.size
        if known.size:
            mean = _mean(known)
            deviation = known - mean
            median = _median(known)
            columns[:, index] = (
                mean,
                math.sqrt(_mean(deviation * deviation)),
                median,
                MAD_TO_STD * _median(np.abs(known - median)),
            )
    return PeerStatistics(count, columns[0], columns[1], columns[2], columns[3])


def _split(values: FloatArray, group: IntArray, groups: int) -> list[FloatArray]:
    """``values`` of each group, in their order."""
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(groups + 1))
    ordered = values[order]
    return [ordered[bounds[index] : bounds[index + 1]] for index in range(groups)]


def percentile_rank(values: FloatArray) -> FloatArray:
    """Midpoint percentile rank: 100 (below + equal / 2) / n, self included (mean rank for ties)."""
    known = np.sort(values[~np.isnan(values)])
    below = np.searchsorted(known, values, side="left")
    through = np.searchsorted(known, values, side="right")
    ranks = 100.0 * ((below + through) * 0.5) / max(known.size, 1)
    return np.where(np.isnan(values), np.nan, ranks)


def grouped_percentile_rank(values: FloatArray, group: IntArray, groups: int) -> FloatArray:
    """Midpoint percentile rank of each value within its group."""
    ranks = np.full(values.shape, np.nan)
    for index in range(groups):
        members = group == index
        ranks[members] = percentile_rank(values[members])
    return ranks


def row_mean(values: FloatArray) -> FloatArray:
    """Mean of the known values of each row; NaN for a row without any."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = _row_sum(np.where(known, values, 0.0))
    return _divide(total, count.astype(np.float64))


def row_std(values: FloatArray) -> FloatArray:
    """Population standard deviation (ddof 0) of the known values of each row."""
    deviation = values - row_mean(values)[:, None]
    return np.sqrt(row_mean(deviation * deviation))


def row_slope(values: FloatArray) -> FloatArray:
    """Ordinary least-squares slope of each row's known values on their column number."""
    known = ~np.isnan(values)
    x = np.where(known, np.arange(values.shape[1], dtype=np.float64), np.nan)
    dx = x - row_mean(x)[:, None]
    dy = values - row_mean(values)[:, None]
    covariance = _row_sum(np.where(known, dx * dy, 0.0))
    variance = _row_sum(np.where(known, dx * dx, 0.0))
    return _divide(covariance, variance)


def left_aligned(values: FloatArray, keep: BoolArray) -> FloatArray:
    """Each row's kept values moved to the left, in order; NaN after them."""
    order = np.argsort(~keep, axis=1, kind="stable")
    moved = np.take_along_axis(np.where(keep, values, np.nan), order, axis=1)
    return moved.astype(np.float64)


def _row_sum(values: FloatArray) -> FloatArray:
    """Sum of each row, column after column: the order of additions is fixed."""
    total = np.zeros(values.shape[0])
    for column in range(values.shape[1]):
        total = total + values[:, column]
    return total


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    quotient = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def _mean(values: FloatArray) -> float:
    return math.fsum(values.tolist()) / values.size


def _median(values: FloatArray) -> float:
    ordered = np.sort(values)
    middle = ordered.size // 2
    if ordered.size % 2:
        return float(ordered[middle])
    return float((ordered[middle - 1] + ordered[middle]) / 2)
