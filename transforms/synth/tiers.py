"""The optional tiers that classifications carry beside the signal type."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

_MAGNITUDES = ("excellent", "favorable", "expected", "marginal", "elevated", "severe", "critical")
_TRAJECTORIES = (
    "rapidly_improving", "improving", "stable", "deteriorating", "rapidly_deteriorating",
)  # fmt: skip
_TRAJECTORY_BOUNDS = (10, 30, 70, 90)
_PERSISTENT_BELOW, _TRANSIENT_ABOVE = 0.9, 1.1
_PERSISTENT_PERIODS, _TRANSIENT_PERIODS = 6, 3


def magnitude_tier(percentile_rank: float | None) -> str | None:
    """Tier of an aggregate percentile rank."""
    if percentile_rank is None:
        return None
    return _MAGNITUDES[
        bisect_right((10, 25), percentile_rank) + bisect_right((75, 85, 95, 99), percentile_rank)
    ]


def trajectory_tier(slope_percentile: float | None) -> str | None:
    """Tier of a slope percentile."""
    if slope_percentile is None:
        return None
    return _TRAJECTORIES[bisect_right(_TRAJECTORY_BOUNDS, slope_percentile)]


def consistency_tier(zscore_std: float | None, periods: int) -> str | None:
    """Tier of the spread of per-period z-scores over ``periods`` months."""
    if zscore_std is None:
        return None
    if periods < _TRANSIENT_PERIODS:
        return "transient"
    step = bisect_right((_PERSISTENT_BELOW,), zscore_std) + bisect_left((_TRANSIENT_ABOVE,), zscore_std)
    tier = ("persistent", "variable", "transient")[step]
    return "variable" if tier == "persistent" and periods < _PERSISTENT_PERIODS else tier
