"""Whether a signal became worse or better: what the feed, and comparisons of runs, mean by it."""

from __future__ import annotations

from typing import Final

COMPARED: Final = (
    "metric_value",
    "benchmark",
    "percentile_rank",
    "simple_zscore",
    "robust_zscore",
    "slope_percentile",
    "simplified_signal_type",
    "simplified_severity",
    "domain",
)
"""Columns whose change is worth showing; run ids, places and timelines change every time."""

WORSE_BY: Final = 10
"""Points of severity that make a change news."""

# The type of suspect data says nothing about quality, so that it is neither better nor worse.
_FROM_BEST_TO_WORST: Final = (
    "sustained_excellence",
    "improving_leader",
    "baseline",
    "recovering",
    "emerging_risk",
    "volatility_alert",
    "chronic_underperformer",
    "critical_trajectory",
)


def direction(before: str, after: str) -> str:
    """SQL: 1 where a signal became worse, -1 where better, else 0 or null.

    ``before`` and ``after`` name relations with its type and severity. A severity that moved far
    decides, else the type.
    """
    severity = f"{after}.simplified_severity - {before}.simplified_severity"
    ranks = f"{_rank(f'{after}.simplified_signal_type')} - {_rank(f'{before}.simplified_signal_type')}"
    return f"case when abs({severity}) >= {WORSE_BY} then sign({severity}) else sign({ranks}) end"


def _rank(signal_type: str) -> str:
    """SQL: place of a signal type among all; null when it has none."""
    types = ", ".join(f"'{name}'" for name in _FROM_BEST_TO_WORST)
    return f"array_position(array[{types}], {signal_type})"
