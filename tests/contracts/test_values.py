"""Values that are possible one by one, but not together or not in a hospital."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from contracts.findings import Severity
from tests.support.run_copies import (
    FACETED_AGGREGATE,
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
    Case,
    Json,
    RunCopy,
)


def line(relative: str, number: int, change: Callable[[Json], Any]) -> Callable[[RunCopy], None]:
    """Change the object on a line in place."""

    def apply(item: Json) -> None:
        change(item)

    return lambda run: run.edit_line(relative, number, apply)


def statistics(item: Json) -> Json:
    found: Json = item["statistical_methods"][0]["statistics"]
    return found


def monthly(item: Json, column: str) -> list[Json]:
    points: list[Json] = item["metadata"]["per_period"][column]
    return points


CASES = (
    Case(
        "QC401",
        "extreme",
        line(FACILITY_AGGREGATE, 3, lambda item: statistics(item).update(simple_zscore=-11.5)),
        FACILITY_AGGREGATE,
        3,
        also=frozenset({"QC612"}),
        says="-11.5",
    ),
    Case(
        "QC402",
        "aggregate",
        line(FACILITY_AGGREGATE, 3, lambda item: item["metric"][0].update(values=-0.5)),
        FACILITY_AGGREGATE,
        3,
        "/metric/0/values",
        also=frozenset({"QC612"}),
        says="-0.5",
    ),
    Case(
        "QC402",
        "month",
        line(FACILITY_MONTHLY, 3, lambda item: item["metric"][0]["values"]["timeline"][2].update(value=-1)),
        FACILITY_MONTHLY,
        3,
        "/metric/0/values",
        also=frozenset({"QC620"}),
    ),
    Case(
        "QC403",
        "aggregate",
        line(FACILITY_AGGREGATE, 3, lambda item: item["metadata"].update(uniquePatients=1e6)),
        FACILITY_AGGREGATE,
        3,
        "/metadata/uniquePatients",
        says="1000000",
    ),
    Case(
        "QC403",
        "month",
        line(
            FACILITY_MONTHLY,
            3,
            lambda item: (
                monthly(item, "uniquePatients")[0].update(value=monthly(item, "encounters")[0]["value"] + 1),
                item["metadata"].update(
                    uniquePatients=sum(p["value"] for p in monthly(item, "uniquePatients"))
                ),
            ),
        ),
        FACILITY_MONTHLY,
        3,
        "/metadata/per_period/uniquePatients",
    ),
    Case(
        "QC404",
        "key",
        line(FACILITY_AGGREGATE, 3, lambda item: item["metadata"].pop("losOutliers")),
        FACILITY_AGGREGATE,
        3,
        "/metadata",
        says="losOutliers is missing",
    ),
    Case(
        "QC405",
        "column",
        line(FACILITY_MONTHLY, 3, lambda item: item["metadata"]["per_period"].pop("encounters")),
        FACILITY_MONTHLY,
        3,
        "/metadata/per_period",
        says="encounters is missing",
    ),
    Case(
        "QC406",
        "months",
        line(FACILITY_MONTHLY, 3, lambda item: monthly(item, "losOutliers")[0].update(period="2031-01")),
        FACILITY_MONTHLY,
        3,
        "/metadata/per_period/losOutliers",
        says="203101",
    ),
    Case(
        "QC407",
        "total",
        line(FACILITY_MONTHLY, 3, lambda item: item["metadata"].update(losOutliers=10**6)),
        FACILITY_MONTHLY,
        3,
        "/metadata/losOutliers",
        says="1000000",
    ),
    Case(
        "QC409",
        "label",
        line(FACETED_AGGREGATE, 3, lambda item: item["entity"][1].update(value="Alchemy")),
        FACETED_AGGREGATE,
        3,
        says="Alchemy",
        also=frozenset({"QC542", "QC607", "QC701"}),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


def test_gaps_in_timelines_are_notes(run: RunCopy) -> None:
    from contracts.rules.values.surprises import check_timelines

    findings = check_timelines(run.stage())
    assert {(finding.code, finding.severity) for finding in findings} == {("QC408", Severity.NOTE)}
    assert len(findings) <= 2


def test_labels_are_compared_whatever_their_dashes(run: RunCopy) -> None:
    """Engines and bundles disagree about hyphens and dashes."""
    bundle = run.read("metadata_bundle.json")
    run.write("metadata_bundle.json", bundle.replace(b"\\u2013", b"-"))
    assert run.findings() == []


def test_null_totals_and_null_months_are_fine(run: RunCopy) -> None:
    def change(item: Json) -> None:
        for point in monthly(item, "losVarianceDays"):
            point["value"] = None
        item["metadata"]["losVarianceDays"] = None
        item["metadata"]["uniquePatients"] = None

    run.edit_line(FACILITY_MONTHLY, 3, change)
    assert run.findings() == []
