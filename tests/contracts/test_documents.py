"""Modeling, narratives, the bundle's vocabulary, timestamps and validation reports."""

from __future__ import annotations

import pytest

from contracts.rules.documents.timestamps import parse_instant
from tests.support.run_copies import Case, RunCopy
from transforms.synth.corruptions.artifacts import EXPERIMENTS, SHAP, SUMMARY
from transforms.synth.corruptions.documents import in_narrative, write_reports
from transforms.synth.corruptions.edit import Json, edit_document

NARRATIVE = "analysis/narrative/contribution_020475.md"

FRACTION = "metrics/capped_pred_original_fraction"


def with_score(item: Json, **scores: float) -> Json:
    item["metrics"].update(scores)
    return item


def with_summary_elsewhere(item: Json) -> Json:
    item["artifacts"]["interpretability"]["global_summary"] = "/etc/passwd"
    return item


CASES = (
    Case(
        "QC901",
        "original scale",
        edit_document(EXPERIMENTS, lambda items: items[0]["metrics"].update(mae_original=9.0)),
        EXPERIMENTS,
        None,
        "/0/metrics/mae_original",
    ),
    Case(
        "QC304",
        "r2",
        edit_document(EXPERIMENTS, lambda items: items[0]["metrics"].update(r2=1.5)),
        EXPERIMENTS,
        None,
        "/0/metrics/r2",
        says="1.5",
    ),
    Case(
        "QC301",
        "score",
        edit_document(EXPERIMENTS, lambda items: items[0]["metrics"].update(r2="high")),
        EXPERIMENTS,
        None,
        "/0/metrics/r2",
        says='"high"',
    ),
    *(
        Case(
            code,
            f"{name} alone",
            lambda run, change=change, shape=shape: run.edit(  # type: ignore[misc]
                EXPERIMENTS, lambda items: shape(change(items[0]))
            ),
            EXPERIMENTS,
            None,
            f"{item}/{path}",
        )
        for name, shape, item in (("object", lambda item: item, ""), ("list", lambda item: [item], "/0"))
        for code, change, path in (
            ("QC901", lambda item: with_score(item, mae=9.0), "metrics/mae"),
            ("QC902", lambda item: with_score(item, capped_pred_original_fraction=1.5), FRACTION),
            ("QC304", lambda item: with_score(item, r2=1.5), "metrics/r2"),
            ("QC106", with_summary_elsewhere, "artifacts/interpretability/global_summary"),
        )
    ),
    Case("QC913", "value", in_narrative(b"**: 1", b"**: about 1"), NARRATIVE),
    Case("QC914", "row", in_narrative(b"\n| 1 |", b"\n| 1 | 1 |"), NARRATIVE, 36, says="14 cells"),
    Case("QC914", "share", in_narrative(b"% of total", b" of total"), NARRATIVE, 25, says="share of the top"),
    Case(
        "QC932",
        "row",
        lambda run: run.edit_lines(
            SUMMARY, lambda lines: [*lines[:-1], lines[-1].rsplit(b",", 1)[0] + b",soon\n"]
        ),
        SUMMARY,
        95,
        "/timestamp",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_defect_is_found_once_in_its_place(case: Case, run: RunCopy) -> None:
    case.assert_found(run)


def test_valid_reports_have_no_findings(run: RunCopy) -> None:
    write_reports(run)
    assert run.findings() == []


def test_a_missing_shap_summary_is_a_note(run: RunCopy) -> None:
    run.file(SHAP).unlink()
    assert run.findings() == []
    frame = run.stage().frames["raw_model_drivers"]
    assert set(frame["estimator"]) == {"xgboost", "lightgbm"}


def test_a_single_object_stands_for_a_list(run: RunCopy) -> None:
    run.edit(EXPERIMENTS, lambda items: items[0])
    assert run.findings() == []
    assert run.stage().frames["raw_modeling_experiments"].height == 1


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-15T16:52:46+00:00",
        "2026-01-15T10:52:46-06:00",
        "2026-01-15T16:52:46.000000Z",
        "2026-01-15T16:52:46.000000+00:00Z",
    ],
)
def test_every_spelling_of_an_instant_is_read(text: str) -> None:
    expected = parse_instant("2026-01-15T16:52:46.000000+00:00")
    assert expected is not None
    assert parse_instant(text) == expected


@pytest.mark.parametrize("text", ["", "2026-01-15", "2026-01-15T16:52:46", "2026-13-15T16:52:46Z", "now"])
def test_what_is_no_instant_is_not_read(text: str) -> None:
    assert parse_instant(text) is None
