"""Contributions that fit neither the nodes nor each other: found once, in their place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts.findings import Severity
from contracts.rules import contributions
from tests.support.run_copies import Case, RunCopy
from transforms.synth.corruptions.artifacts import CONTRIBUTION_ARGUMENTS as ARGUMENTS
from transforms.synth.corruptions.artifacts import CONTRIBUTION_FOLDER as FOLDER
from transforms.synth.corruptions.artifacts import CONTRIBUTION_INDEX as INDEX
from transforms.synth.corruptions.artifacts import CONTRIBUTIONS as FILE
from transforms.synth.corruptions.contributions import ARTIFACTS_PATH, SHIFT, artifact
from transforms.synth.corruptions.edit import Edit, Json, RunEditor, edit_document, edit_line

LINE = 2
"""An only child."""
SIBLING = 6
"""One of two children of a parent; the other follows."""


def line(change: Callable[[Json], object], number: int = LINE) -> Edit:
    """Change the object on a line of the metric's file in place."""
    return edit_line(FILE, number, change)


def shifted(name: str, number: int = LINE, by: float = SHIFT) -> Edit:
    """Add to a number of a line."""
    return line(lambda item: item.update({name: item[name] + by}), number)


def _parents(change: Callable[[list[Json]], object]) -> Edit:
    return edit_document(INDEX, lambda document: change(document["parents"]))


def _remove_file(run: RunEditor) -> None:
    """Neither the file nor its entry, as if the metric had not been decomposed."""
    run.file(FILE).unlink()

    def change(document: Json) -> None:
        parent = document["parents"][0]
        parent["metric_artifacts"].pop(0)
        parent["metrics"].pop("losIndex")
        parent["child_rows"] = sum(item["row_count"] for item in parent["metric_artifacts"])

    run.edit(INDEX, change)


def _drop_row_everywhere(run: RunEditor) -> None:
    """An entity that was left out when the file was made."""
    run.edit_lines(FILE, lambda lines: [*lines[: LINE - 1], *lines[LINE:]])

    def change(document: Json) -> None:
        artifact(document)["row_count"] -= 1
        document["parents"][0]["child_rows"] -= 1

    run.edit(INDEX, change)


CASES = (
    Case(
        "QC801",
        "order",
        _parents(lambda parents: parents.insert(1, parents.pop(2))),
        INDEX,
        None,
        "/parents/1/parent_node_id",
        also=frozenset({"QC806"}),
        says="order",
    ),
    Case(
        "QC801",
        "unknown",
        _parents(lambda parents: parents[0].update(parent_node_id="nobody")),
        INDEX,
        None,
        "/parents/0/parent_node_id",
        says="no such node",
    ),
    Case("QC802", "file missing", _remove_file, INDEX, None, ARTIFACTS_PATH, says="missing"),
    Case(
        "QC802",
        "not a segment",
        _parents(lambda parents: parents[2]["metric_artifacts"].append(parents[0]["metric_artifacts"][0])),
        INDEX,
        None,
        "/parents/2/metric_artifacts/0/artifact_path",
    ),
    Case(
        "QC803",
        "metrics",
        _parents(lambda parents: parents[0]["metrics"].update(losIndex="another.jsonl")),
        INDEX,
        None,
        "/parents/0/metrics/losIndex",
        says="losIndex",
    ),
    Case(
        "QC803",
        "no metrics",
        _parents(lambda parents: parents[0].update(metrics={})),
        INDEX,
        None,
        "/parents/0/metrics/losIndex",
    ),
    *(
        Case(
            "QC301",
            f"no {name}",
            _parents(lambda parents, name=name: [parent.pop(name) for parent in parents]),  # type: ignore[misc]
            INDEX,
            says=name,
        )
        for name in ("child_rows", "metrics", "metric_artifacts")
    ),
    Case(
        "QC301",
        "no row_count",
        edit_document(INDEX, lambda document: artifact(document).pop("row_count")),
        INDEX,
    ),
    Case(
        "QC804",
        "row dropped",
        lambda run: run.edit_lines(FILE, lambda lines: lines[:-1]),
        INDEX,
        None,
        f"{ARTIFACTS_PATH}/0/row_count",
    ),
    Case(
        "QC806",
        "instant",
        lambda run: run.replace(ARGUMENTS, b'"generated_at": "2026', b'"generated_at": "2025'),
        ARGUMENTS,
        None,
        "/generated_at",
    ),
    Case(
        "QC811",
        "no further dimension",
        line(lambda item: item["child_entity"].pop("vizientServiceLine")),
        FILE,
        LINE,
        "/child_entity",
    ),
    Case("QC812", "row missing", _drop_row_everywhere, FILE, None, says="has no row"),
    Case(
        "QC812",
        "parent unknown",
        line(
            lambda item: [
                item[name].update(medicareId="000000") for name in ("parent_entity", "child_entity")
            ]
        ),
        FILE,
        LINE,
    ),
    Case("QC820", "parent", shifted("parent_value"), FILE, LINE, "/parent_value"),
    Case("QC821", "only child", shifted("weight_value", LINE, 1.0), FILE, LINE, "/weight_value"),
    Case("QC824", "weighted value", shifted("weighted_child_value"), FILE, LINE, "/weighted_child_value"),
    Case(
        "QC825",
        "null",
        line(lambda item: item.update(excess_over_parent=None)),
        FILE,
        LINE,
        "/excess_over_parent",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


def _found(run: RunCopy) -> set[tuple[str, Severity]]:
    data = run.stage()
    return {(finding.code, finding.severity) for check in contributions.CHECKS for finding in check(data)}


def test_weights_of_another_source_are_a_warning_if_the_shares_follow_from_them(run: RunCopy) -> None:
    shifted("weight_value", LINE, 1.0)(run)
    assert _found(run) == {("QC821", Severity.WARNING)}
    shifted("weight_value", SIBLING, 1.0)(run)
    assert _found(run) == {("QC821", Severity.WARNING), ("QC821", Severity.ERROR)}


def test_values_of_pseudo_metrics_are_a_warning(run: RunCopy) -> None:
    """Nothing says what engines take for the z-score of a child."""
    file = FILE.replace(".losIndex.", ".simple_zscore.")

    def change(item: Json) -> None:
        item["child_value"] += SHIFT
        item["method"] = "statistic_passthrough"

    run.edit_line(file, LINE, change)
    assert _found(run) == {("QC820", Severity.WARNING)}


def test_a_parent_may_be_the_mean_of_its_children(run: RunCopy) -> None:
    def change(item: Json) -> None:
        item.update(parent_value=item["child_value"], excess_over_parent=0.0)

    run.edit_line(FILE, LINE, change)
    assert _found(run) == set()


def test_a_child_without_a_value_may_lack_a_share(run: RunCopy) -> None:
    """Its siblings may share the whole weight, or what is left of it."""

    def without_value(item: Json) -> None:
        names = ("child_value", "raw_component", "weighted_child_value", "excess_over_parent", "weight_share")
        item.update(dict.fromkeys(names))

    def alone(item: Json) -> None:
        item.update(weight_share=1.0, raw_component=item["child_value"])
        item.update(weighted_child_value=item["child_value"])
        item.update(excess_over_parent=item["child_value"] - item["parent_value"])

    run.edit_line(FILE, SIBLING, without_value)
    run.edit_line(FILE, SIBLING + 1, alone)
    # The entity has a value, so that its absence here is told, and nothing else.
    assert _found(run) == {("QC820", Severity.ERROR)}


def test_weights_may_come_from_any_column(run: RunCopy) -> None:
    for number in range(1, 22):
        line(lambda item: item.update(weight_field="losMeanObservedDays"), number)(run)
    assert _found(run) == {("QC821", Severity.WARNING)}
    for number in range(1, 22):
        line(lambda item: item.update(weight_field="no such $.column"), number)(run)
    assert _found(run) == set()


def test_runs_without_contributions_are_silent(run: RunCopy) -> None:
    for path in sorted(run.file(FOLDER).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert _found(run) == set()
