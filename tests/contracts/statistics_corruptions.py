"""One defect for each rule over statistics of nodes (QC6xx)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.run_copies import RunCopy

Json = dict[str, Any]
Corruption = Callable[[RunCopy], None]

_NODE = "results/nodes/losIndex__medicareId"
AGGREGATE = f"{_NODE}__aggregate_time_period.jsonl"
MONTHLY = f"{_NODE}__dischargeMonth.jsonl"
FACETED = f"{_NODE}_vizientServiceLine__aggregate_time_period.jsonl"
DRIVEN = f"{_NODE}_dischargeStatus__aggregate_time_period.jsonl"
"""No contribution is made of this node's numbers."""
FACETED_MONTHLY = f"{_NODE}_dischargeStatus__dischargeMonth.jsonl"

HEADER, FIRST, ENTITY = 1, 2, 3
"""Lines that are changed: the header, the first and the second entity."""
SIMPLE, ROBUST, SLOPE = 0, 1, 2
"""Positions of the methods; aggregate nodes have no slopes."""
MONTH = 4
"""A month in the middle of a timeline: neither the first two nor the last two."""
SHIFT = 0.01
"""Far above every tolerance, far below what would look extreme."""


def _line(file: str, number: int, change: Callable[[Json], object]) -> Corruption:
    def apply(item: Json) -> None:
        change(item)

    return lambda run: run.edit_line(file, number, apply)


def _shift(numbers: Any, name: str | int, by: float = SHIFT) -> None:
    numbers[name] += by


def _facet(header: Json, method: int) -> Json:
    facet: Json = header["statistical_methods"][method]["summary"]["global_statistics"]["facets"][0]
    return facet


def _header_statistic(method: int, name: str) -> Corruption:
    return _line(AGGREGATE, HEADER, lambda header: _shift(_facet(header, method)["method_statistics"], name))


def _statistics(item: Json, method: int) -> Json:
    statistics: Json = item["statistical_methods"][method]["statistics"]
    return statistics


def _statistic(file: str, method: int, name: str, by: float = SHIFT) -> Corruption:
    return _line(file, ENTITY, lambda item: _shift(_statistics(item, method), name, by))


def _score(method: int, name: str) -> Corruption:
    return _line(MONTHLY, ENTITY, lambda item: _shift(_statistics(item, method)[name], MONTH))


def _trends(header: Json) -> Json:
    trends: Json = header["statistical_methods"][ROBUST]["summary"]["global_statistics"]["percentile_trends"]
    return trends


def _label(item: Json, method: int) -> Json:
    label: Json = item["statistical_methods"][method]["anomalies"][0]["methods"][0]
    return label


def _timeline(item: Json) -> list[Json]:
    points: list[Json] = item["metric"][0]["values"]["timeline"]
    return points


def _exchange(words: Json, name: str, one: str, other: str) -> None:
    words[name] = other if words[name] == one else one


def _swap_months(item: Json) -> None:
    for points in (_timeline(item), *item["metadata"]["per_period"].values()):
        points[MONTH], points[MONTH + 1] = points[MONTH + 1], points[MONTH]


def _swap_scores(item: Json) -> None:
    """Neither mean nor spread of the scores change, which classifications are made of."""
    scores = _statistics(item, SIMPLE)["per_period_simple_zscores"]
    scores[MONTH], scores[MONTH + 1] = scores[MONTH + 1], scores[MONTH]


def _drop_month(item: Json) -> None:
    _timeline(item).pop(MONTH)
    metadata = item["metadata"]
    for name, points in metadata["per_period"].items():
        points.pop(MONTH)
        metadata[name] = sum(point["value"] for point in points)


def _swap_percentiles(header: Json) -> None:
    trends = _trends(header)
    low, high = trends["p10"], trends["p90"]
    low[MONTH], high[MONTH] = high[MONTH], low[MONTH]


def _rename_facet(header: Json) -> None:
    values: Json = _facet(header, SIMPLE)["facet_values"]
    values.update(dict.fromkeys(values, "Nobody's"))


def _relabel(item: Json) -> None:
    label = _label(item, SIMPLE)
    label["anomaly"] = "normal" if label["anomaly"] == "extremely_high" else "extremely_high"


def _requote(item: Json) -> None:
    text = _label(item, SIMPLE)["interpretation"]
    text["rendered"] += " A year ago the z-score was 7.6543."


def _withhold(item: Json) -> None:
    _statistics(item, ROBUST).update(robust_zscore=None, suppressed=True)
    _label(item, ROBUST).update(anomaly="no_score", statistic_value=None)
    _label(item, ROBUST)["interpretation"]["rendered"] = "No robust z-score."


def _give_slope(run: RunCopy) -> None:
    """A slope for the first entity with fewer than 6 months."""

    def change(lines: list[bytes]) -> list[bytes]:
        number = next(
            number
            for number, line in enumerate(lines)
            if b'"slope":null' in line and b'"suppressed":true' in line
        )
        method, separator, rest = lines[number].rpartition(b'"slope":null')
        lines[number] = method + b'"slope":0.125' + rest.replace(b'"suppressed":true', b'"suppressed":false')
        assert separator
        return lines

    run.edit_lines(FACETED_MONTHLY, change)


CORRUPTIONS: dict[str, Corruption] = {
    "QC601": _header_statistic(SIMPLE, "global_metric_mean"),
    "QC602": _header_statistic(SIMPLE, "global_metric_std"),
    "QC603": _header_statistic(ROBUST, "global_metric_median"),
    "QC604": _header_statistic(ROBUST, "global_mad"),
    "QC605": _line(
        AGGREGATE,
        HEADER,
        lambda header: _facet(header, SIMPLE)["method_statistics"].update(std_floor_applied=True),
    ),
    "QC606": _line(
        AGGREGATE, HEADER, lambda header: _shift(_facet(header, SIMPLE)["facet_counts"], "entity_count", 1)
    ),
    "QC607": _line(FACETED, HEADER, _rename_facet),
    "QC610": _statistic(AGGREGATE, SIMPLE, "peer_mean"),
    "QC611": _statistic(AGGREGATE, SIMPLE, "peer_std"),
    "QC612": _statistic(AGGREGATE, SIMPLE, "simple_zscore"),
    "QC613": _statistic(AGGREGATE, ROBUST, "robust_zscore"),
    "QC614": _statistic(AGGREGATE, SIMPLE, "percentile_rank"),
    "QC615": _line(
        AGGREGATE,
        ENTITY,
        lambda item: _shift(
            item["statistical_methods"][SIMPLE]["runtime"]["anomaly_statistics"], "peer_count", 1
        ),
    ),
    "QC620": _line(MONTHLY, ENTITY, _swap_scores),
    "QC621": _score(ROBUST, "per_period_robust_zscores"),
    "QC622": _statistic(MONTHLY, SIMPLE, "mean_simple_zscore"),
    "QC623": _statistic(MONTHLY, SIMPLE, "latest_simple_zscore"),
    "QC624": _statistic(MONTHLY, SIMPLE, "percentile_rank"),
    "QC625": _statistic(MONTHLY, ROBUST, "peer_median"),
    "QC626": _statistic(MONTHLY, ROBUST, "peer_mad"),
    "QC627": _line(
        MONTHLY, ENTITY, lambda item: _statistics(item, SIMPLE)["per_period_simple_zscores"].pop(MONTH)
    ),
    "QC630": _statistic(MONTHLY, SLOPE, "slope"),
    "QC631": _statistic(MONTHLY, SLOPE, "slope_weighted"),
    "QC632": _statistic(MONTHLY, SLOPE, "acceleration"),
    "QC633": _statistic(MONTHLY, SLOPE, "end_start_delta"),
    "QC634": _statistic(MONTHLY, SLOPE, "slope_percentile"),
    "QC635": _line(
        MONTHLY,
        ENTITY,
        lambda item: _exchange(_statistics(item, SLOPE), "trend_direction", "increasing", "decreasing"),
    ),
    "QC636": _line(
        MONTHLY, ENTITY, lambda item: _exchange(_statistics(item, SLOPE), "momentum", "gaining", "slowing")
    ),
    "QC640": _line(MONTHLY, HEADER, lambda header: _shift(_trends(header)["p50"], MONTH, SHIFT / 100)),
    "QC641": _line(MONTHLY, HEADER, _swap_percentiles),
    "QC642": _line(MONTHLY, HEADER, lambda header: _trends(header)["p10"].pop()),
    "QC645": _line(MONTHLY, ENTITY, _swap_months),
    "QC646": _line(MONTHLY, ENTITY, _drop_month),
    "QC647": _line(
        MONTHLY, ENTITY, lambda item: _shift(item["metric"][0]["temporal_runtime"], "observed_count", -1)
    ),
    "QC648": _statistic(MONTHLY, SIMPLE, "observations", -1),
    "QC650": _line(AGGREGATE, ENTITY, lambda item: _shift(_label(item, SIMPLE), "statistic_value")),
    "QC651": _line(AGGREGATE, ENTITY, _relabel),
    "QC652": _line(
        AGGREGATE,
        ENTITY,
        lambda item: _label(item, SIMPLE)["interpretation"].update(rendered="{facility} lies high."),
    ),
    "QC653": _line(AGGREGATE, ENTITY, _requote),
    "QC660": _line(AGGREGATE, ENTITY, lambda item: _statistics(item, ROBUST).update(suppressed=True)),
    "QC661": _give_slope,
    "QC662": _line(DRIVEN, FIRST, _withhold),
    "QC663": _line(DRIVEN, FIRST, lambda item: item["metric"][0].update(values=None)),
}
"""The defect of each rule, by its code, for runs of at least 16 facilities and exactly 12 months."""
