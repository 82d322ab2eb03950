"""Classifications that do not follow from the nodes or do not add up: found once, in their place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts.findings import Severity
from contracts.rules import classification
from contracts.rules.classification.coverage import ORDER, check_order
from contracts.run_data import RunData
from tests.contracts.classification_corruptions import (
    CORRUPTIONS,
    INDEX,
    LINE,
    UNREMARKABLE,
    line,
    summary,
)
from tests.support.run_copies import CLASSIFICATIONS, FACILITY_AGGREGATE, SUMMARY, Case, Json, RunCopy

MANIFEST = "analysis/classification/manifest.json"

_INPUTS, _INDICATORS = "/inputs", "/derived_indicators"

_PLACES: dict[str, tuple[str, int | None, str | None]] = {
    "QC701": (CLASSIFICATIONS, LINE, "/entity_key"),
    "QC702": (SUMMARY, LINE + 1, "/severity"),
    "QC703": (INDEX, None, "/total_entities"),
    "QC704": (INDEX, None, "/severity_stats/mean"),
    "QC710": (CLASSIFICATIONS, LINE, f"{_INPUTS}/aggregate_zscore"),
    "QC711": (CLASSIFICATIONS, LINE, f"{_INPUTS}/slope_percentile"),
    "QC712": (CLASSIFICATIONS, LINE, f"{_INPUTS}/zscore_std"),
    "QC713": (CLASSIFICATIONS, LINE, "/period_count"),
    "QC714": (CLASSIFICATIONS, LINE, "/suppressed"),
    "QC715": (CLASSIFICATIONS, LINE, f"{_INPUTS}/max_abs_deviation"),
    "QC716": (CLASSIFICATIONS, 19, f"{_INPUTS}/acceleration"),
    "QC720": (CLASSIFICATIONS, LINE, f"{_INDICATORS}/position"),
    "QC721": (CLASSIFICATIONS, LINE, f"{_INDICATORS}/trend"),
    "QC722": (CLASSIFICATIONS, LINE, f"{_INDICATORS}/momentum"),
    "QC723": (CLASSIFICATIONS, LINE, f"{_INDICATORS}/consistency"),
    "QC724": (CLASSIFICATIONS, UNREMARKABLE, f"{_INDICATORS}/has_spike"),
    "QC730": (CLASSIFICATIONS, LINE, "/signal_type"),
    "QC731": (CLASSIFICATIONS, LINE, "/signal_type"),
    "QC732": (CLASSIFICATIONS, LINE, "/severity"),
    "QC733": (CLASSIFICATIONS, LINE, "/severity_range/0"),
    "QC734": (CLASSIFICATIONS, LINE, "/severity_calculation"),
    "QC735": (CLASSIFICATIONS, LINE, "/severity"),
    "QC740": (CLASSIFICATIONS, None, None),
    "QC741": (CLASSIFICATIONS, LINE, "/magnitude_tier"),
}
_INEVITABLE = {
    # Without timelines nothing tells which number is wrong; with them QC710-QC712 do.
    "QC715": frozenset({"QC102"}),
    "QC740": frozenset({"QC730"}),
}

CASES = tuple(
    Case(code, "corruption", CORRUPTIONS[code], *place, also=_INEVITABLE.get(code, frozenset()))
    for code, place in _PLACES.items()
)


def dropped(file: str, number: int) -> Callable[[RunCopy], None]:
    """Without a line."""
    return lambda run: run.edit_lines(file, lambda lines: [*lines[: number - 1], *lines[number:]])


def repeated(file: str, number: int) -> Callable[[RunCopy], None]:
    """With a line twice."""
    return lambda run: run.edit_lines(file, lambda lines: [*lines, lines[number - 1]])


FURTHER = (
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
        lambda run: summary(run, LINE, zscore_std=0.5),
        SUMMARY,
        LINE + 1,
        "/zscore_std",
        says="0.5",
    ),
    Case(
        "QC703",
        "manifest",
        lambda run: run.edit(
            MANIFEST, lambda document: document["signal_type_distribution"].pop("baseline") and None
        ),
        MANIFEST,
        None,
        "/signal_type_distribution/baseline",
    ),
    Case(
        "QC704",
        "least",
        lambda run: run.edit(INDEX, lambda document: document["severity_stats"].update(min=0)),
        INDEX,
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
        line(lambda item: item.update(signal_type="baseline"), 19),
        CLASSIFICATIONS,
        19,
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


@pytest.mark.parametrize("case", [*CASES, *FURTHER], ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


def test_every_rule_has_a_defect() -> None:
    rules = {rule.code for rule in classification.RULES if rule.severity is not Severity.NOTE}
    assert rules == set(CORRUPTIONS) == set(_PLACES)


def test_unsorted_summaries_are_noted(run: RunCopy) -> None:
    assert list(check_order(run.stage())) == []
    run.edit_lines(SUMMARY, lambda lines: [lines[0], lines[2], lines[1], *lines[3:]])
    (found,) = check_order(run.stage())
    assert (found.code, found.severity, found.line) == (ORDER.code, Severity.NOTE, 3)


def _found(data: RunData) -> set[tuple[str, Severity, str | None]]:
    return {
        (finding.code, finding.severity, finding.json_path)
        for check in classification.CHECKS
        for finding in check(data)
    }


def test_momentum_of_other_metrics_may_have_other_steps(run: RunCopy) -> None:
    """The bounds were measured on one metric, in its unit."""
    CORRUPTIONS["QC722"](run)
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
    summary(run, elevated, signal_type="chronic_underperformer")
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
    summary(run, LINE, severity=26)
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
    run.edit(MANIFEST, lambda document: document.update(node_filter="losIndex__medicareId*"))
    assert "QC701" not in {code for code, _, _ in _found(run.stage())}


def test_the_summary_is_checked_where_it_is_all_there_is(run: RunCopy) -> None:
    run.file(CLASSIFICATIONS).unlink()
    assert _found(run.stage()) == set()
    summary(run, LINE, position="normal")
    assert _found(run.stage()) == {("QC720", Severity.ERROR, "/position")}


def test_unclassified_runs_are_silent(run: RunCopy) -> None:
    for path in run.file("analysis/classification").iterdir():
        path.unlink()
    assert _found(run.stage()) == set()
