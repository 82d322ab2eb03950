"""Ways to change statistics in node files by little, shared by the defects of QC6xx."""

from __future__ import annotations

from typing import Any

from transforms.synth.corruptions.artifacts import ENTITY, FACILITY_AGGREGATE, FACILITY_MONTHLY, HEADER
from transforms.synth.corruptions.edit import Apply, Json, NothingToCorrupt, in_line

SIMPLE, ROBUST, SLOPE = 0, 1, 2
"""Positions of the methods; aggregate nodes have no slopes."""
MONTH = 4
"""A month in the middle of a timeline: neither the first two nor the last two."""
SHIFT = 0.01
"""Far above every tolerance, far below what would look extreme."""

SIMPLE_PATH, ROBUST_PATH = (f"/statistical_methods/{method}" for method in (SIMPLE, ROBUST))
SLOPE_PATH = f"/statistical_methods/{SLOPE}/statistics"
FACET_PATH = "summary/global_statistics/facets/0"
TRENDS_PATH = "/statistical_methods/*/summary/global_statistics/percentile_trends"
LABEL_PATH = "/statistical_methods/0/anomalies/*/methods/*"


def shift(numbers: Any, name: str | int, by: float = SHIFT) -> None:
    """Add to a number of an object or a list; there must be one."""
    if numbers[name] is None:
        raise NothingToCorrupt("the entity", str(name))
    numbers[name] += by


def facet(header: Json, method: int) -> Json:
    """What a header says of its first facet."""
    found: Json = header["statistical_methods"][method]["summary"]["global_statistics"]["facets"][0]
    return found


def trends(header: Json) -> Json:
    """Percentiles by month in the header of a monthly node."""
    found: Json = header["statistical_methods"][ROBUST]["summary"]["global_statistics"]["percentile_trends"]
    return found


def statistics(item: Json, method: int) -> Json:
    """Statistics of a method of an entity."""
    found: Json = item["statistical_methods"][method]["statistics"]
    return found


def label(item: Json, method: int) -> Json:
    """The first anomaly label of a method."""
    found: Json = item["statistical_methods"][method]["anomalies"][0]["methods"][0]
    return found


def timeline(item: Json) -> list[Json]:
    """Points of a monthly entity."""
    points: list[Json] = item["metric"][0]["values"]["timeline"]
    return points


def header_statistic(method: int, name: str) -> Apply:
    """A statistic of the first facet, in the header of the facilities' aggregates."""
    return in_line(
        FACILITY_AGGREGATE,
        HEADER,
        lambda header: shift(facet(header, method)["method_statistics"], name),
        f"/statistical_methods/{method}/{FACET_PATH}/method_statistics/{name}",
    )


def aggregate_statistic(method: int, name: str) -> Apply:
    """A statistic of a facility's aggregate."""
    return _statistic(FACILITY_AGGREGATE, method, name)


def monthly_statistic(method: int, name: str, by: float = SHIFT) -> Apply:
    """A statistic of a facility's timeline."""
    return _statistic(FACILITY_MONTHLY, method, name, by)


def _statistic(file: str, method: int, name: str, by: float = SHIFT) -> Apply:
    return in_line(
        file,
        ENTITY,
        lambda item: shift(statistics(item, method), name, by),
        f"/statistical_methods/{method}/statistics/{name}",
    )


def score(method: int, name: str) -> Apply:
    """A z-score of one month."""
    return in_line(
        FACILITY_MONTHLY,
        ENTITY,
        lambda item: shift(statistics(item, method)[name], MONTH),
        f"/statistical_methods/{method}/statistics/{name}/{MONTH}",
    )


def exchange(words: Json, name: str, one: str, other: str) -> None:
    """Write ``other``, or ``one`` where that is what is written; there must be a word."""
    if words[name] is None:
        raise NothingToCorrupt("the entity", name)
    words[name] = other if words[name] == one else one
