"""Other defects of statistics than one a rule, and what must not be found beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.run_copies import Case, RunCopy
from transforms.synth.corruptions.artifacts import ENTITY, HEADER
from transforms.synth.corruptions.artifacts import FACETED_AGGREGATE as FACETED
from transforms.synth.corruptions.artifacts import FACILITY_AGGREGATE as AGGREGATE
from transforms.synth.corruptions.artifacts import FACILITY_MONTHLY as MONTHLY
from transforms.synth.corruptions.edit import Edit, Json, cut_line, edit_line, put
from transforms.synth.corruptions.statistics_edits import (
    FACET_PATH,
    MONTH,
    ROBUST_PATH,
    SIMPLE_PATH,
    TRENDS_PATH,
    facet,
    label,
    shift,
    statistics,
    timeline,
    trends,
)


def shift_statistic(item: Json, method: int, column: str) -> None:
    shift(statistics(item, method), column)


def facet_counts(header: Json, method: int) -> Json:
    counts: Json = facet(header, method)["facet_counts"]
    return counts


def global_statistics(header: Json) -> Json:
    """What a header says of its first method."""
    found: Json = header["statistical_methods"][0]["summary"]["global_statistics"]
    return found


def postpone(item: Json) -> None:
    """The last month becomes one after the node's window, wherever it is written."""
    timeline(item)[-1]["period"] = "202601"
    for column in item["metadata"]["per_period"].values():
        column[-1]["period"] = "2026-01"


NO_PERCENTILES: Json = {name: [] for name in ("periods", "p10", "p25", "p50", "p75", "p90", "sample_sizes")}


def misspell_period(header: Json) -> None:
    """With a percentile that is wrong, but that nobody can compare with the values of any month."""
    trends(header)["periods"][MONTH] += "X"
    trends(header)["p10"][MONTH] = 0.001


def drop_statistic(item: Json, method: int, column: str) -> None:
    del statistics(item, method)[column]


def exchange_periods(header: Json) -> None:
    periods = trends(header)["periods"]
    periods[MONTH], periods[MONTH + 1] = periods[MONTH + 1], periods[MONTH]


def sample_spread(lines: list[bytes]) -> list[bytes]:
    """Every peer_std as if the number of peers were one less."""
    changed = []
    for content in lines:
        item = json.loads(content)
        if "entity" in item:
            statistics(item, 0)["peer_std"] *= math.sqrt(16 / 15)
        changed.append(json.dumps(item).encode() + b"\n")
    return changed


CASES = (
    Case(
        "QC612",
        "changed value",
        edit_line(AGGREGATE, ENTITY, lambda item: item["metric"][0].update(values=1.5)),
        AGGREGATE,
        ENTITY,
    ),
    Case(
        "QC612",
        "changed value of a facet",
        edit_line(FACETED, ENTITY, lambda item: item["metric"][0].update(values=1.5)),
        FACETED,
        ENTITY,
    ),
    Case(
        "QC620",
        "changed month",
        edit_line(MONTHLY, ENTITY, lambda item: timeline(item)[MONTH].update(value=1.5)),
        MONTHLY,
        ENTITY,
        f"{SIMPLE_PATH}/statistics/per_period_simple_zscores/{MONTH}",
    ),
    Case(
        "QC647",
        "month without its value",
        edit_line(MONTHLY, ENTITY, lambda item: timeline(item)[MONTH].update(value=None)),
        MONTHLY,
        ENTITY,
        "/metric/0/temporal_runtime/observed_count",
    ),
    Case(
        "QC611",
        "sample deviation everywhere",
        lambda run: run.edit_lines(AGGREGATE, sample_spread),
        AGGREGATE,
        2,
        says="also line 3, 4",
    ),
    Case(
        "QC606",
        "entities with statistics",
        edit_line(
            AGGREGATE,
            HEADER,
            lambda header: facet_counts(header, 1).update(entity_with_statistics_count=15),
        ),
        AGGREGATE,
        HEADER,
        f"{ROBUST_PATH}/{FACET_PATH}/facet_counts/entity_with_statistics_count",
    ),
    Case(
        "QC606",
        "records",
        edit_line(MONTHLY, HEADER, lambda header: facet_counts(header, 0).update(record_count=193)),
        MONTHLY,
        HEADER,
        f"{SIMPLE_PATH}/{FACET_PATH}/facet_counts/record_count",
    ),
    Case(
        "QC606",
        "no counts",
        edit_line(AGGREGATE, HEADER, lambda header: facet_counts(header, 1).clear()),
        AGGREGATE,
        HEADER,
        f"{ROBUST_PATH}/{FACET_PATH}/facet_counts",
        says="lacks record_count, entity_count, entity_with_statistics_count",
    ),
    *(
        Case(
            "QC606",
            f"global record count {name}",
            edit_line(MONTHLY, HEADER, lambda header, new=new: global_statistics(header).update(new)),  # type: ignore[misc]
            MONTHLY,
            HEADER,
            f"{SIMPLE_PATH}/summary/global_statistics/aggregate_statistics/global_record_count",
        )
        for name, new in (
            ("5", {"aggregate_statistics": {"global_record_count": 5}}),
            ("missing", {"aggregate_statistics": {}}),
        )
    ),
    Case(
        "QC607",
        "facet missing under one method",
        edit_line(FACETED, HEADER, lambda header: global_statistics(header)["facets"].pop()),
        FACETED,
        json_path="/entity",
        line=2,
    ),
    *(
        Case("QC608", name, edit_line(file, HEADER, change), file, HEADER, f"{SIMPLE_PATH}/summary")
        for name, file, change in (
            ("no summary", MONTHLY, lambda header: header["statistical_methods"][0].pop("summary")),
            ("no facets of many", FACETED, lambda header: global_statistics(header)["facets"].clear()),
        )
    ),
    Case(
        "QC654",
        "none",
        edit_line(MONTHLY, ENTITY, lambda item: label(item, 1).pop("applies_to")),
        MONTHLY,
        ENTITY,
        "/statistical_methods/1/anomalies/*/methods/*/applies_to",
        says="null",
    ),
    Case(
        "QC654",
        "unknown, and label and value wrong",
        edit_line(
            AGGREGATE,
            ENTITY,
            lambda item: label(item, 0).update(applies_to="foo", statistic_value=9.9, anomaly="very_low"),
        ),
        AGGREGATE,
        ENTITY,
        also=frozenset({"QC650", "QC651"}),
        says="foo",
    ),
    Case(
        "QC615",
        "months",
        edit_line(
            MONTHLY,
            ENTITY,
            lambda item: item["statistical_methods"][0]["runtime"].update(
                anomaly_statistics={"peer_count": 16}
            ),
        ),
        MONTHLY,
        ENTITY,
    ),
    *(
        Case(
            code,
            column,
            edit_line(MONTHLY, ENTITY, partial(shift_statistic, method=method, column=column)),
            MONTHLY,
            ENTITY,
            f"/statistical_methods/{method}/statistics/{column}",
        )
        for code, method, column in (
            ("QC622", 1, "mean_robust_zscore"),
            ("QC623", 1, "latest_robust_zscore"),
            ("QC624", 1, "percentile_rank"),
            ("QC634", 2, "percentile_rank"),
        )
    ),
    Case(
        "QC640",
        "sample size",
        edit_line(MONTHLY, HEADER, lambda header: trends(header)["sample_sizes"].__setitem__(MONTH, 12)),
        MONTHLY,
        HEADER,
        f"{TRENDS_PATH}/sample_sizes/{MONTH}",
    ),
    Case(
        "QC642",
        "order",
        edit_line(MONTHLY, HEADER, exchange_periods),
        MONTHLY,
        HEADER,
        f"{TRENDS_PATH}/periods/{MONTH + 1}",
    ),
    *(
        Case(
            "QC642",
            name,
            edit_line(MONTHLY, HEADER, change),
            MONTHLY,
            HEADER,
            f"{TRENDS_PATH}/{place}",
        )
        for name, change, place in (
            ("surplus", lambda header: trends(header)["p10"].append(0.1), "p10"),
            (
                "flags",
                lambda header: trends(header)["suppression_applied"].update(p25=[]),
                "suppression_applied/p25",
            ),
            ("no month", misspell_period, f"periods/{MONTH}"),
            ("nothing", lambda header: trends(header).update(NO_PERCENTILES), "periods"),
        )
    ),
    *(
        Case(
            code,
            f"no {column}",
            edit_line(MONTHLY, ENTITY, partial(drop_statistic, method=method, column=column)),
            MONTHLY,
            ENTITY,
            f"/statistical_methods/{method}/statistics/{column}",
        )
        for code, method, column in (
            ("QC633", 2, "end_start_delta"),
            ("QC635", 2, "trend_direction"),
            ("QC636", 2, "momentum"),
            ("QC648", 2, "period_count"),
            ("QC648", 0, "observations"),
            ("QC648", 1, "periods"),
            ("QC648", 1, "latest_period"),
        )
    ),
    Case("QC646", "outside", edit_line(MONTHLY, ENTITY, postpone), MONTHLY, ENTITY, says="202501 to 202601"),
    Case(
        "QC663",
        "timeline",
        edit_line(MONTHLY, ENTITY, lambda item: item["metric"][0].update(values=None)),
        MONTHLY,
        ENTITY,
        f"{SIMPLE_PATH}/statistics",
    ),
    Case(
        "QC648",
        "latest",
        edit_line(MONTHLY, ENTITY, lambda item: statistics(item, 1).update(latest_period="2025-11")),
        MONTHLY,
        ENTITY,
        f"{ROBUST_PATH}/statistics/latest_period",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


@pytest.mark.parametrize(
    "change",
    [
        put(ENTITY, AGGREGATE, cut_line),
        put(ENTITY, MONTHLY, cut_line),
        put(ENTITY, MONTHLY, lambda content: b""),
        put(ENTITY, FACETED, lambda content: content + content),
    ],
    ids=["cut aggregate", "cut timeline", "missing line", "repeated line"],
)
def test_nodes_that_were_not_read_in_full_are_left_to_other_rules(change: Edit, run: RunCopy) -> None:
    change(run)
    codes = {finding.code for finding in run.findings()}
    assert codes
    assert not {code for code in codes if code.startswith("QC6")}


def test_an_entity_without_scores_is_the_only_one_at_fault(run: RunCopy) -> None:
    def withhold(item: Json) -> None:
        for method in item["statistical_methods"]:
            method["statistics"] = {"suppressed": False}

    run.edit_line(MONTHLY, ENTITY, withhold)
    found = [finding for finding in run.findings() if finding.file == MONTHLY]
    assert {finding.line for finding in found} == {ENTITY}
    assert "QC624" not in {finding.code for finding in found}


@pytest.mark.parametrize(
    "leave_out",
    [lambda method: label(method, 0).pop("applies_to"), lambda method: method["anomalies"].clear()],
    ids=["applies_to", "labels"],
)
def test_entities_whose_methods_are_all_suppressed_may_have_less(
    leave_out: Callable[[Json], object], run: RunCopy
) -> None:
    changed = 0
    for number, item in enumerate(run.documents(FACETED), 1):
        methods = item["statistical_methods"]
        if "entity" in item and all(method["statistics"]["suppressed"] for method in methods):
            run.edit_line(FACETED, number, partial(_without, leave_out=leave_out))
            changed += 1
    assert changed
    assert run.findings() == []


def _without(item: Json, leave_out: Callable[[Json], object]) -> None:
    for method in item["statistical_methods"]:
        leave_out({"statistical_methods": [method], **method})


def test_an_entity_that_changed_its_facet_does_not_disturb_those_of_others(run: RunCopy) -> None:
    run.edit_line(FACETED, ENTITY, lambda item: item["entity"][1].update(value="Brain, Spine and Nerve"))
    found = [finding for finding in run.findings() if finding.code.startswith("QC6")]
    assert {finding.code for finding in found} == {"QC606"}
    assert {finding.line for finding in found} == {HEADER}


def test_a_score_on_a_bound_may_have_either_label(run: RunCopy) -> None:
    for tier, fits in (("moderately_low", True), ("slightly_low", True), ("normal", False)):
        run.edit_line(AGGREGATE, ENTITY, partial(_label_with, score=-1.0, tier=tier))
        assert ("QC651" not in {finding.code for finding in run.findings()}) is fits


def _label_with(item: Json, score: float, tier: str) -> None:
    method = item["statistical_methods"][0]
    method["statistics"]["simple_zscore"] = score
    method["anomalies"][0]["methods"][0].update(statistic_value=score, anomaly=tier)
