"""Values that are possible one by one, but not together or not in a hospital."""

from __future__ import annotations

import pytest

from contracts.findings import Severity
from tests.support.run_copies import Case, RunCopy
from transforms.synth.corruptions.artifacts import BUNDLE, ENTITY, FACILITY_AGGREGATE, FACILITY_MONTHLY
from transforms.synth.corruptions.edit import Apply, Json, in_line, put, swap
from transforms.synth.corruptions.values import monthly


def described(value: object, name: str = "uniquePatients", node: str = FACILITY_AGGREGATE) -> Apply:
    """Another value in the metadata of an entity, which is where it is found."""
    return in_line(node, ENTITY, lambda item: item["metadata"].update({name: value}), f"/metadata/{name}")


CASES = (
    *(
        Case(
            code,
            f"{name} {value}",
            described(value, name),
            FACILITY_AGGREGATE,
            3,
            f"/metadata/{name}",
            says=says,
        )
        for code, name, value, says in (
            ("QC301", "uniquePatients", "many", "got `str`"),
            ("QC301", "losMeanObservedDays", {"a": 1}, "got `object`"),
            ("QC301", "losVarianceDays", True, "got `bool`"),
            ("QC301", "losOutliers", 0.5, "whole number"),
            ("QC304", "losOutliers", 1e300, "64 bits"),
            ("QC301", "encounters", 1000000.5, "whole number"),
            ("QC304", "encounters", 1e300, "64 bits"),
        )
    ),
    Case(
        "QC301",
        "endless number",
        put(ENTITY, FACILITY_AGGREGATE, swap(rb'"losOutliers":[0-9.]+', b'"losOutliers":1e400')),
        FACILITY_AGGREGATE,
        3,
        "/metadata/losOutliers",
        says="range",
    ),
    Case(
        "QC402",
        "month",
        in_line(
            FACILITY_MONTHLY, ENTITY, lambda item: item["metric"][0]["values"]["timeline"][2].update(value=-1)
        ),
        FACILITY_MONTHLY,
        3,
        "/metric/0/values",
        also=frozenset({"QC620"}),
    ),
    Case(
        "QC403",
        "month",
        in_line(
            FACILITY_MONTHLY,
            ENTITY,
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
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


@pytest.mark.parametrize("count", [1e30, 1e308, 10**30])
def test_a_count_beyond_integers_is_a_sum_that_does_not_add_up(count: float, run: RunCopy) -> None:
    """An integer of 309 digits is more than JSON decoders take."""
    run.edit_line(FACILITY_MONTHLY, ENTITY, lambda item: monthly(item, "encounters")[0].update(value=count))
    assert {finding.code for finding in run.findings()} == {"QC407"}


def test_gaps_in_timelines_are_notes(run: RunCopy) -> None:
    from contracts.rules.values.surprises import check_timelines

    findings = check_timelines(run.stage())
    assert {(finding.code, finding.severity) for finding in findings} == {("QC408", Severity.NOTE)}
    assert len(findings) <= 2


def test_labels_are_compared_whatever_their_dashes(run: RunCopy) -> None:
    """Engines and bundles disagree about hyphens and dashes."""
    bundle = run.read(BUNDLE)
    run.write(BUNDLE, bundle.replace(b"\\u2013", b"-"))
    assert run.findings() == []


def test_null_totals_and_null_months_are_fine(run: RunCopy) -> None:
    def change(item: Json) -> None:
        for point in monthly(item, "losVarianceDays"):
            point["value"] = None
        item["metadata"]["losVarianceDays"] = None
        item["metadata"]["uniquePatients"] = None

    run.edit_line(FACILITY_MONTHLY, ENTITY, change)
    assert run.findings() == []


def test_metadata_that_no_definition_lists_is_nobodys_business(run: RunCopy) -> None:
    def change(item: Json) -> None:
        item["metadata"].update(certified=True, note={"by": "hand"}, share=0.5)

    for node in (FACILITY_AGGREGATE, FACILITY_MONTHLY):
        run.edit_line(node, ENTITY, change)
    assert run.findings() == []
