"""Classifications that do not follow from the nodes or do not add up: found once, in their place."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from contracts.findings import Severity
from contracts.rules import classification
from contracts.run_data import RunData
from tests.support.run_copies import Case, RunCopy
from transforms.synth.corruptions.artifacts import (
    CLASSIFICATION_INDEX,
    CLASSIFICATION_MANIFEST,
    CLASSIFICATIONS,
    FACILITY_AGGREGATE,
    SUMMARY,
)
from transforms.synth.corruptions.classification_edits import summarise
from transforms.synth.corruptions.edit import Edit, Json, edit_document, edit_line
from transforms.synth.corruptions.registry import CORRUPTIONS

LINE = 2
"""A typical entity of the valid run."""
SUPPRESSED = 19
EARLIER = "2026-03-01T07:00:00.000000+00:00"
"""A time of an earlier stage."""


def line(change: Callable[[Json], object], number: int = LINE) -> Edit:
    """Change the object on a line in place."""
    return edit_line(CLASSIFICATIONS, number, change)


def dropped(file: str, number: int) -> Edit:
    """Without a line."""
    return lambda run: run.edit_lines(file, lambda lines: [*lines[: number - 1], *lines[number:]])


def repeated(file: str, number: int) -> Edit:
    """With a line twice."""
    return lambda run: run.edit_lines(file, lambda lines: [*lines, lines[number - 1]])


CASES = (
    Case("QC701", "line missing", dropped(CLASSIFICATIONS, LINE), FACILITY_AGGREGATE, LINE + 1, "/entity"),
    Case(
        "QC701",
        "node unknown",
        line(lambda item: item.update(node_id="losIndex__nobody__aggregate_time_period")),
        CLASSIFICATIONS,
        LINE,
        says="the graph has no such node",
    ),
    Case(
        "QC701",
        "node temporal",
        line(lambda item: item.update(node_id="losIndex__medicareId__dischargeMonth")),
        CLASSIFICATIONS,
        LINE,
        says="not an aggregate node",
    ),
    Case(
        "QC701",
        "metric",
        line(lambda item: item.update(metric_id="encounters")),
        CLASSIFICATIONS,
        LINE,
        says="another metric",
    ),
    Case("QC702", "row missing", dropped(SUMMARY, LINE + 1), CLASSIFICATIONS, LINE, "/entity_key"),
    Case("QC702", "row repeated", repeated(SUMMARY, LINE + 1), SUMMARY, 96, also=frozenset({"QC931"})),
    Case(
        "QC702",
        "number",
        lambda run: summarise(run, LINE, zscore_std=0.5),
        SUMMARY,
        LINE + 1,
        "/zscore_std",
        says="0.5",
    ),
    Case(
        "QC702",
        "no rows",
        lambda run: run.edit_lines(SUMMARY, lambda lines: lines[:1]),
        CLASSIFICATIONS,
        1,
        "/entity_key",
        says="no row",
    ),
    Case(
        "QC702",
        "time",
        line(lambda item: item.update(timestamp="2020-01-01T00:00:00Z")),
        SUMMARY,
        LINE + 1,
        "/timestamp",
    ),
    Case(
        "QC501",
        "line of another run",
        line(lambda item: item.update(run_id="20200101000000")),
        CLASSIFICATIONS,
        LINE,
        "/run_id",
    ),
    Case(
        "QC301",
        "no total",
        edit_document(CLASSIFICATION_INDEX, lambda document: document.pop("total_entities")),
        CLASSIFICATION_INDEX,
        says="total_entities",
    ),
    Case(
        "QC301",
        "no severities",
        edit_document(CLASSIFICATION_INDEX, lambda document: document.pop("severity_stats")),
        CLASSIFICATION_INDEX,
        says="severity_stats",
    ),
    Case(
        "QC301",
        "distribution",
        edit_document(
            CLASSIFICATION_MANIFEST, lambda document: document.update(signal_type_distribution=[1])
        ),
        CLASSIFICATION_MANIFEST,
        None,
        "/signal_type_distribution",
    ),
    Case(
        "QC703",
        "manifest",
        lambda run: run.edit(
            CLASSIFICATION_MANIFEST,
            lambda document: document["signal_type_distribution"].update(baseline=0),
        ),
        CLASSIFICATION_MANIFEST,
        None,
        "/signal_type_distribution/baseline",
    ),
    Case(
        "QC704",
        "least",
        lambda run: run.edit(CLASSIFICATION_INDEX, lambda document: document["severity_stats"].update(min=0)),
        CLASSIFICATION_INDEX,
        None,
        "/severity_stats/min",
    ),
    Case(
        "QC711",
        "slope withheld",
        line(lambda item: item["inputs"].update(slope_percentile=None)),
        CLASSIFICATIONS,
        LINE,
        "/inputs/slope_percentile",
    ),
    Case(
        "QC712",
        "greatest",
        line(lambda item: item["inputs"].update(max_abs_deviation=3.0)),
        CLASSIFICATIONS,
        LINE,
        "/inputs/max_abs_deviation",
    ),
    Case(
        "QC730",
        "not suspect",
        line(lambda item: item.update(signal_type="baseline"), SUPPRESSED),
        CLASSIFICATIONS,
        SUPPRESSED,
        "/signal_type",
        says="suppressed",
    ),
    Case(
        "QC734",
        "final",
        line(lambda item: item["severity_calculation"].update(final=42)),
        CLASSIFICATIONS,
        LINE,
        says="final is not",
    ),
    Case(
        "QC734",
        "refinement",
        line(lambda item: item["severity_calculation"]["refinements"].clear()),
        CLASSIFICATIONS,
        LINE,
        says="do not add up",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


def _found(data: RunData) -> set[tuple[str, Severity, str | None]]:
    return {
        (finding.code, finding.severity, finding.json_path)
        for check in classification.CHECKS
        for finding in check(data)
    }


def test_momentum_of_other_metrics_may_have_other_steps(run: RunCopy) -> None:
    """The bounds were measured on one metric, in its unit."""
    CORRUPTIONS["QC722"].apply(run)
    data = run.stage()
    assert _found(data) == {("QC722", Severity.ERROR, "/derived_indicators/momentum")}
    for frames in (data.frames, data.auxiliary):
        for name, frame in frames.items():
            if "metric_id" in frame.columns:
                frames[name] = frame.with_columns(
                    metric_id=frame["metric_id"].str.replace("losIndex", "other")
                )
    data.derived.clear()
    assert ("QC722", Severity.WARNING, "/derived_indicators/momentum") in _found(data)


def test_types_that_were_hardly_ever_seen_are_a_warning(run: RunCopy) -> None:
    """Two reference entities are elevated and have a slope: too few to tell baseline from chronic."""
    elevated = 5
    line(lambda item: item.update(signal_type="chronic_underperformer"), elevated)(run)
    assert _found(run.stage()) == {
        ("QC731", Severity.WARNING, "/signal_type"),
        ("QC702", Severity.ERROR, "/signal_type"),
    }
    summarise(run, elevated, signal_type="chronic_underperformer")
    assert {code for code, _, _ in _found(run.stage())} == {"QC731", "QC703"}


def test_ranges_of_a_retuned_engine_are_a_warning(run: RunCopy) -> None:
    """All entities of a type moved together: nothing contradicts anything within the run."""
    for name in (CLASSIFICATIONS, SUMMARY):
        run.edit_lines(
            name,
            lambda lines: [
                text.replace(b'"severity_range":[26,59]', b'"severity_range":[27,59]').replace(
                    b",26,59,", b",27,59,"
                )
                for text in lines
            ],
        )
    assert _found(run.stage()) == {("QC733", Severity.WARNING, "/severity_range/0")}


def test_clamped_severities_add_up(run: RunCopy) -> None:
    """Engines may clamp to the range without a refinement that says so."""

    def change(item: Json) -> None:
        item["severity_calculation"].update(base=10, refinements=[], final=26)
        item.update(severity=26)

    run.edit_line(CLASSIFICATIONS, LINE, change)
    summarise(run, LINE, severity=26)
    codes = {code for code, severity, _ in _found(run.stage()) if severity is Severity.ERROR}
    assert codes == {"QC704"}


def test_explanations_are_optional_and_may_be_older(run: RunCopy) -> None:
    def older(item: Json) -> None:
        written = item["severity_calculation"]
        item["severity_calculation"] = {
            "base_severity": written["base"],
            "refinements": written["refinements"],
            "final_severity": written["final"],
        }

    run.edit_line(CLASSIFICATIONS, LINE, older)
    line(lambda item: item.update(severity_calculation=None), LINE + 1)(run)
    line(lambda item: item.update(severity_calculation="by hand"), LINE + 2)(run)
    assert run.findings() == []


def test_partial_classifications_are_asked_for_no_more(run: RunCopy) -> None:
    """A node filter leaves entities out on purpose."""
    for name in (CLASSIFICATIONS, SUMMARY):
        run.edit_lines(name, lambda lines: [text for text in lines if b"dischargeStatus__agg" not in text])
    assert "QC701" in {code for code, _, _ in _found(run.stage())}
    run.edit(CLASSIFICATION_MANIFEST, lambda document: document.update(node_filter="losIndex__medicareId*"))
    assert "QC701" not in {code for code, _, _ in _found(run.stage())}


def test_the_summary_is_checked_where_it_is_all_there_is(run: RunCopy) -> None:
    run.file(CLASSIFICATIONS).unlink()
    assert _found(run.stage()) == set()
    summarise(run, LINE, position="normal")
    assert _found(run.stage()) == {("QC720", Severity.ERROR, "/position")}


def test_unclassified_runs_are_silent(run: RunCopy) -> None:
    for path in run.file("analysis/classification").iterdir():
        path.unlink()
    assert _found(run.stage()) == set()


@pytest.mark.parametrize(
    "spell",
    [lambda text: f"{text}Z", lambda text: text[:26].replace("-", "").replace(":", "") + "Z"],
    ids=["doubled zone", "without signs"],
)
def test_times_may_be_spelled_in_other_ways(spell: Callable[[str], str], run: RunCopy) -> None:
    """As manifests of classifications are, and in any of ISO 8601."""
    items = run.documents(CLASSIFICATIONS)
    line(lambda item: item.update(timestamp=spell(item["timestamp"])), len(items))(run)
    assert run.findings() == []
    summarise(run, len(items), timestamp=spell(items[-1]["timestamp"]))
    assert run.findings() == []


@pytest.mark.parametrize(("written", "code"), [("yesterday", "QC932"), (EARLIER, "QC931")])
def test_times_of_rows_are_read_and_compared(written: str, code: str, run: RunCopy) -> None:
    line(lambda item: item.update(timestamp=written), 50)(run)
    summarise(run, 50, timestamp=written)
    places = {(each.code, each.severity, each.file, each.line, each.count) for each in run.findings()}
    assert places == {(code, Severity.WARNING, SUMMARY, 51, 1)}


def test_times_that_are_all_equal_are_one_finding(run: RunCopy) -> None:
    last = run.documents(CLASSIFICATIONS)[-1]["timestamp"]
    for number in range(1, len(run.documents(CLASSIFICATIONS)) + 1):
        line(lambda item: item.update(timestamp=last), number)(run)
        summarise(run, number, timestamp=last)
    assert [(each.code, each.line, each.count) for each in run.findings()] == [("QC931", 3, 93)]


def test_rows_of_a_facility_are_sorted_by_dimension(run: RunCopy) -> None:
    keys = [item["entity_key"] for item in run.documents(CLASSIFICATIONS)]
    number = next(
        number
        for number, (key, after) in enumerate(pairwise(keys), 1)
        if set(key) == {"medicareId", "dischargeStatus"} and key["medicareId"] == after["medicareId"]
    )

    def swap(lines: list[bytes]) -> list[bytes]:
        lines[number], lines[number + 1] = lines[number + 1], lines[number]
        return lines

    run.edit_lines(SUMMARY, swap)
    found = {(each.code, each.severity, each.line) for each in run.every_finding()}
    assert {("QC705", Severity.NOTE, number + 2), ("QC931", Severity.WARNING, number + 2)} <= found
