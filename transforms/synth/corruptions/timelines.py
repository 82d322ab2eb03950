"""One defect for each rule over statistics of timelines (QC62x-QC64x)."""

from __future__ import annotations

from transforms.synth.corruptions.artifacts import ENTITY, FACILITY_MONTHLY, HEADER
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import Json, Place, RunEditor, in_line
from transforms.synth.corruptions.statistics_edits import (
    MONTH,
    ROBUST,
    SHIFT,
    SIMPLE,
    SIMPLE_PATH,
    SLOPE,
    SLOPE_PATH,
    TRENDS_PATH,
    exchange,
    monthly_statistic,
    score,
    shift,
    statistics,
    timeline,
    trends,
)


def _swap_scores(item: Json) -> None:
    """Neither mean nor spread of the scores change, which classifications are made of."""
    scores = statistics(item, SIMPLE)["per_period_simple_zscores"]
    scores[MONTH], scores[MONTH + 1] = scores[MONTH + 1], scores[MONTH]


def _swap_months(item: Json) -> None:
    for points in (timeline(item), *item["metadata"]["per_period"].values()):
        points[MONTH], points[MONTH + 1] = points[MONTH + 1], points[MONTH]


def _drop_month(item: Json) -> None:
    timeline(item).pop(MONTH)
    metadata = item["metadata"]
    for name, points in metadata["per_period"].items():
        points.pop(MONTH)
        metadata[name] = sum(point["value"] for point in points)


def _swap_percentiles(header: Json) -> None:
    low, high = trends(header)["p10"], trends(header)["p90"]
    low[MONTH], high[MONTH] = high[MONTH], low[MONTH]


def _shorten_percentiles(run: RunEditor) -> Place:
    lengths: list[int] = []

    def change(header: Json) -> None:
        trends(header)["p10"].pop()
        lengths.append(len(trends(header)["p10"]))

    run.edit_line(FACILITY_MONTHLY, HEADER, change)
    return Place(FACILITY_MONTHLY, HEADER, f"{TRENDS_PATH}/p10/{lengths[0]}")


CORRUPTIONS = (
    Corruption(
        "QC620",
        "The z-scores of two months of a facility changed places",
        in_line(
            FACILITY_MONTHLY,
            ENTITY,
            _swap_scores,
            f"{SIMPLE_PATH}/statistics/per_period_simple_zscores/{MONTH}",
        ),
    ),
    Corruption(
        "QC621",
        "The robust z-score of a month is 0.01 too high",
        score(ROBUST, "per_period_robust_zscores"),
    ),
    Corruption(
        "QC622",
        "The mean z-score of a facility is 0.01 too high",
        monthly_statistic(SIMPLE, "mean_simple_zscore"),
    ),
    Corruption(
        "QC623",
        "The latest z-score of a facility is 0.01 too high",
        monthly_statistic(SIMPLE, "latest_simple_zscore"),
    ),
    Corruption(
        "QC624",
        "The percentile rank of a facility's mean z-score is 0.01 too high",
        monthly_statistic(SIMPLE, "percentile_rank"),
    ),
    Corruption(
        "QC625",
        "The median of a facility's peers in the last month is 0.01 too high",
        monthly_statistic(ROBUST, "peer_median"),
    ),
    Corruption(
        "QC626",
        "The median absolute deviation of the peers in the last month is 0.01 too high",
        monthly_statistic(ROBUST, "peer_mad"),
    ),
    Corruption(
        "QC627",
        "A facility has one z-score fewer than months",
        in_line(
            FACILITY_MONTHLY,
            ENTITY,
            lambda item: statistics(item, SIMPLE)["per_period_simple_zscores"].pop(MONTH),
            f"{SIMPLE_PATH}/statistics/per_period_simple_zscores",
        ),
    ),
    Corruption("QC630", "The slope of a timeline is 0.01 too steep", monthly_statistic(SLOPE, "slope")),
    Corruption(
        "QC631",
        "slope_weighted of a timeline is 0.01 more than slope",
        monthly_statistic(SLOPE, "slope_weighted"),
    ),
    Corruption(
        "QC632",
        "The acceleration of a timeline is 0.01 too high",
        monthly_statistic(SLOPE, "acceleration"),
    ),
    Corruption(
        "QC633",
        "The difference of the last and the first two months is 0.01 too high",
        monthly_statistic(SLOPE, "end_start_delta"),
    ),
    Corruption(
        "QC634",
        "The rank of a slope among its peers is 0.01 too high",
        monthly_statistic(SLOPE, "slope_percentile"),
    ),
    Corruption(
        "QC635",
        "A rising timeline is called falling, or the other way round",
        in_line(
            FACILITY_MONTHLY,
            ENTITY,
            lambda item: exchange(statistics(item, SLOPE), "trend_direction", "increasing", "decreasing"),
            f"{SLOPE_PATH}/trend_direction",
        ),
    ),
    Corruption(
        "QC636",
        "A timeline that gains speed is said to be slowing, or the other way round",
        in_line(
            FACILITY_MONTHLY,
            ENTITY,
            lambda item: exchange(statistics(item, SLOPE), "momentum", "gaining", "slowing"),
            f"{SLOPE_PATH}/momentum",
        ),
    ),
    Corruption(
        "QC640",
        "The median of all facilities in a month is a little too high",
        in_line(
            FACILITY_MONTHLY,
            HEADER,
            lambda header: shift(trends(header)["p50"], MONTH, SHIFT / 100),
            f"{TRENDS_PATH}/p50/{MONTH}",
        ),
    ),
    Corruption(
        "QC641",
        "The lowest and the highest percentile of a month changed places",
        in_line(FACILITY_MONTHLY, HEADER, _swap_percentiles, f"{TRENDS_PATH}/p10/{MONTH}"),
    ),
    Corruption("QC642", "A percentile has a value fewer than months", _shorten_percentiles),
    Corruption(
        "QC645",
        "Two months of a timeline changed places",
        in_line(
            FACILITY_MONTHLY,
            ENTITY,
            _swap_months,
            f"/metric/0/values/timeline/{MONTH + 1}/period",
        ),
    ),
    Corruption(
        "QC646",
        "A timeline lacks a month although all are said to be observed",
        in_line(FACILITY_MONTHLY, ENTITY, _drop_month, "/metric/0/values/timeline"),
    ),
    Corruption(
        "QC647",
        "One month fewer is said to be observed than the timeline has",
        in_line(
            FACILITY_MONTHLY,
            ENTITY,
            lambda item: shift(item["metric"][0]["temporal_runtime"], "observed_count", -1),
            "/metric/0/temporal_runtime/observed_count",
        ),
    ),
    Corruption(
        "QC648",
        "A method counts one month fewer than the timeline has",
        monthly_statistic(SIMPLE, "observations", -1),
    ),
)
