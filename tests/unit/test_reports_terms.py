"""Which findings count: chosen codes, baselines, and the severity that fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.findings import Finding, Report, Severity
from transforms.reports.baseline import (
    Baseline,
    BaselineUnreadable,
    as_baseline,
    fingerprint,
    read_baseline,
)
from transforms.reports.terms import Selection, Terms, UnknownCode, judge

ERROR = Finding("QC301", Severity.ERROR, "wrong", file="a.jsonl", line=3, entity="F1", json_path="/x")
WARNING = Finding("QC103", Severity.WARNING, "unlisted", file="b.jsonl", count=4)


@pytest.mark.parametrize(
    ("select", "ignore", "code", "counts"),
    [
        ([], [], "QC301", True),
        (["QC3"], [], "QC301", True),
        (["QC3"], [], "QC201", False),
        (["QC2,QC3"], [], "QC301", True),
        (["QC2", " qc301 "], [], "QC301", True),
        ([], ["QC3"], "QC301", False),
        ([], ["QC3"], "QC201", True),
        (["QC3"], ["QC301"], "QC301", False),
        (["QC3"], ["QC301"], "QC302", True),
        (["QC301"], ["QC3"], "QC301", True),
        (["QC301"], ["QC301"], "QC301", False),
        (["QC"], ["QC3"], "QC301", False),
    ],
)
def test_the_longer_prefix_decides(select: list[str], ignore: list[str], code: str, counts: bool) -> None:
    assert Selection.of(select, ignore).includes(code) is counts


def test_a_code_that_no_rule_has_is_refused() -> None:
    with pytest.raises(UnknownCode, match="QC3999"):
        Selection.of([], ["QC3999"])


@pytest.mark.parametrize(
    ("findings", "fail_on", "failed"),
    [
        ([ERROR], Severity.ERROR, True),
        ([WARNING], Severity.ERROR, False),
        ([WARNING], Severity.WARNING, True),
        ([ERROR], Severity.WARNING, True),
        ([], Severity.WARNING, False),
    ],
)
def test_severities_fail_as_asked(findings: list[Finding], fail_on: Severity, failed: bool) -> None:
    assert Terms(fail_on=fail_on).failed(Report("g/1", "g/1", findings)) is failed


def test_what_does_not_count_is_counted() -> None:
    report = Report("g/1", "g/1", [ERROR, WARNING], rules_run=10_000)
    baseline = Baseline({fingerprint(WARNING): 4})
    narrowed, terms = judge(report, Selection.of(["QC1"], []), baseline, Severity.ERROR)
    assert narrowed.findings == []
    assert (terms.known, terms.unselected) == (1, 1)
    assert narrowed.rules_run < 100
    assert report.findings == [ERROR, WARNING]


def _with(finding: Finding, **changes: object) -> Finding:
    from dataclasses import replace

    return replace(finding, **changes)


def test_a_fingerprint_stays_while_lines_and_words_change() -> None:
    assert fingerprint(_with(ERROR, line=99, message="other", actual="5")) == fingerprint(ERROR)


@pytest.mark.parametrize("field", ["code", "file", "entity", "json_path"])
def test_a_fingerprint_tells_places_apart(field: str) -> None:
    assert fingerprint(_with(ERROR, **{field: "other"})) != fingerprint(ERROR)


def test_a_baseline_knows_what_was_written_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    odd = _with(ERROR, file="caf\udce9.jsonl")
    path.write_text(as_baseline([ERROR, WARNING, odd]), encoding="utf-8")
    baseline = read_baseline(path)
    assert [baseline.knows(finding) for finding in (ERROR, WARNING, odd)] == [True] * 3
    assert baseline.knows(_with(WARNING, count=3))
    assert not baseline.knows(_with(WARNING, count=5)), "it got worse"
    assert not baseline.knows(_with(ERROR, entity="F2"))


def test_a_baseline_does_not_depend_on_the_order_of_findings() -> None:
    assert as_baseline([ERROR, WARNING, ERROR]) == as_baseline([WARNING, ERROR])
    assert json.loads(as_baseline([]))["findings"] == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"version": 2, "findings": []}',
        '{"version": 1}',
        '{"version": 1, "findings": [{}]}',
        '{"version": 1, "findings": [{"fingerprint": "x", "count": null}]}',
        '{"version": 1, "findings": 7}',
        "[" * 100_000,
    ],
    ids=lambda content: content[:40] or "empty",
)
def test_a_broken_baseline_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "known.json"
    path.write_text(content)
    with pytest.raises(BaselineUnreadable, match=r"known\.json is not a readable baseline"):
        read_baseline(path)


def test_a_missing_or_binary_baseline_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "binary"):
        with pytest.raises(BaselineUnreadable):
            read_baseline(path)
