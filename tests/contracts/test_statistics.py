"""Statistics that do not follow from the values: found once, where they are written."""

from __future__ import annotations

import pytest

from contracts.rules import statistics
from tests.contracts.statistics_corruptions import (
    AGGREGATE,
    CORRUPTIONS,
    DRIVEN,
    ENTITY,
    FACETED,
    FACETED_MONTHLY,
    FIRST,
    HEADER,
    MONTH,
    MONTHLY,
)
from tests.support.run_copies import Case, RunCopy

_SIMPLE = "/statistical_methods/0"
_ROBUST = "/statistical_methods/1"
_SLOPE = "/statistical_methods/2/statistics"
_FACET = "summary/global_statistics/facets/0"
_TRENDS = "/statistical_methods/*/summary/global_statistics/percentile_trends"
_LABEL = "/statistical_methods/0/anomalies/*/methods/*"

_PLACES = {
    "QC601": (AGGREGATE, HEADER, f"{_SIMPLE}/{_FACET}/method_statistics/global_metric_mean"),
    "QC602": (AGGREGATE, HEADER, f"{_SIMPLE}/{_FACET}/method_statistics/global_metric_std"),
    "QC603": (AGGREGATE, HEADER, f"{_ROBUST}/{_FACET}/method_statistics/global_metric_median"),
    "QC604": (AGGREGATE, HEADER, f"{_ROBUST}/{_FACET}/method_statistics/global_mad"),
    "QC605": (AGGREGATE, HEADER, f"{_SIMPLE}/{_FACET}/method_statistics/std_floor_applied"),
    "QC606": (AGGREGATE, HEADER, f"{_SIMPLE}/{_FACET}/facet_counts/entity_count"),
    "QC607": (FACETED, HEADER, f"{_SIMPLE}/{_FACET}/facet_values"),
    "QC610": (AGGREGATE, ENTITY, f"{_SIMPLE}/statistics/peer_mean"),
    "QC611": (AGGREGATE, ENTITY, f"{_SIMPLE}/statistics/peer_std"),
    "QC612": (AGGREGATE, ENTITY, f"{_SIMPLE}/statistics/simple_zscore"),
    "QC613": (AGGREGATE, ENTITY, f"{_ROBUST}/statistics/robust_zscore"),
    "QC614": (AGGREGATE, ENTITY, f"{_SIMPLE}/statistics/percentile_rank"),
    "QC615": (AGGREGATE, ENTITY, f"{_SIMPLE}/runtime/anomaly_statistics/peer_count"),
    "QC620": (MONTHLY, ENTITY, f"{_SIMPLE}/statistics/per_period_simple_zscores/{MONTH}"),
    "QC621": (MONTHLY, ENTITY, f"{_ROBUST}/statistics/per_period_robust_zscores/{MONTH}"),
    "QC622": (MONTHLY, ENTITY, f"{_SIMPLE}/statistics/mean_simple_zscore"),
    "QC623": (MONTHLY, ENTITY, f"{_SIMPLE}/statistics/latest_simple_zscore"),
    "QC624": (MONTHLY, ENTITY, f"{_SIMPLE}/statistics/percentile_rank"),
    "QC625": (MONTHLY, ENTITY, f"{_ROBUST}/statistics/peer_median"),
    "QC626": (MONTHLY, ENTITY, f"{_ROBUST}/statistics/peer_mad"),
    "QC627": (MONTHLY, ENTITY, f"{_SIMPLE}/statistics/per_period_simple_zscores"),
    "QC630": (MONTHLY, ENTITY, f"{_SLOPE}/slope"),
    "QC631": (MONTHLY, ENTITY, f"{_SLOPE}/slope_weighted"),
    "QC632": (MONTHLY, ENTITY, f"{_SLOPE}/acceleration"),
    "QC633": (MONTHLY, ENTITY, f"{_SLOPE}/end_start_delta"),
    "QC634": (MONTHLY, ENTITY, f"{_SLOPE}/slope_percentile"),
    "QC635": (MONTHLY, ENTITY, f"{_SLOPE}/trend_direction"),
    "QC636": (MONTHLY, ENTITY, f"{_SLOPE}/momentum"),
    "QC640": (MONTHLY, HEADER, f"{_TRENDS}/p50/{MONTH}"),
    "QC641": (MONTHLY, HEADER, f"{_TRENDS}/p10/{MONTH}"),
    "QC642": (MONTHLY, HEADER, f"{_TRENDS}/p10/11"),
    "QC645": (MONTHLY, ENTITY, f"/metric/0/values/timeline/{MONTH + 1}/period"),
    "QC646": (MONTHLY, ENTITY, "/metric/0/values/timeline"),
    "QC647": (MONTHLY, ENTITY, "/metric/0/temporal_runtime/observed_count"),
    "QC648": (MONTHLY, ENTITY, f"{_SIMPLE}/statistics/observations"),
    "QC650": (AGGREGATE, ENTITY, f"{_LABEL}/statistic_value"),
    "QC651": (AGGREGATE, ENTITY, f"{_LABEL}/anomaly"),
    "QC652": (AGGREGATE, ENTITY, f"{_LABEL}/interpretation/rendered"),
    "QC653": (AGGREGATE, ENTITY, f"{_LABEL}/interpretation/rendered"),
    "QC660": (AGGREGATE, ENTITY, f"{_ROBUST}/statistics"),
    "QC661": (FACETED_MONTHLY, 7, f"{_SLOPE}/suppressed"),
    "QC662": (DRIVEN, FIRST, f"{_ROBUST}/statistics/suppressed"),
    "QC663": (DRIVEN, FIRST, f"{_SIMPLE}/statistics"),
}
CASES = tuple(Case(code, "corruption", CORRUPTIONS[code], *place) for code, place in _PLACES.items())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


def test_every_rule_has_a_defect() -> None:
    assert {rule.code for rule in statistics.RULES} == set(CORRUPTIONS) == set(_PLACES)
