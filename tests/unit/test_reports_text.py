"""The text report: its shape, and that data cannot break it."""

from __future__ import annotations

import pytest

from contracts.findings import Finding, Report, Severity
from transforms.reports import as_text
from transforms.reports.terms import Terms
from transforms.reports.wording import clause, printable

MISSING = "Copy the missing file into the run, or compute the node again"


def _missing(index: int, **changes: str) -> Finding:
    return Finding(
        "QC102",
        Severity.ERROR,
        f"results/nodes/n{index}.jsonl does not exist",
        file="results/index.json",
        json_path=f"/nodes/{index}/result_path",
        hint=MISSING,
        **changes,
    )


def test_findings_read_like_those_of_a_linter() -> None:
    wrong = Finding(
        "QC301",
        Severity.ERROR,
        "metric_value is not a number",
        file="results/nodes/n1.jsonl",
        line=14,
        json_path="/metric/0/values",
        entity="medicareId=AHN977",
        expected="a number",
        actual='"high"',
        hint="Write the field with the documented type",
        count=3,
    )
    unlisted = Finding("QC103", Severity.WARNING, "n3.jsonl is not named", file="results/nodes/n3.jsonl")
    findings = [wrong, unlisted, _missing(2), _missing(1)]
    report = Report("graph/1", "graph/1", findings, {"raw_runs": 1200}, 27, 0.25)
    assert as_text(report).split("\n") == [
        "QC102 results/index.json  results/nodes/n2.jsonl does not exist",
        "      | /nodes/2/result_path",
        "QC102 results/index.json  results/nodes/n1.jsonl does not exist",
        "      | /nodes/1/result_path",
        "      why: every entity of the node would be missing from the dashboard",
        "hint: copy the missing file into the run, or compute the node again, or see `compass rules QC102`",
        "",
        "QC301 results/nodes/n1.jsonl:14  metric_value is not a number (and 2 more)",
        '      | medicareId=AHN977  /metric/0/values  got "high", expected a number',
        "      why: the row cannot be stored as declared",
        "hint: write the field with the documented type, or see `compass rules QC301`",
        "",
        "QC103 results/nodes/n3.jsonl  warning: n3.jsonl is not named",
        "      why: the file is not loaded",
        "",
        "graph/1: not loadable, 3 errors, 1 warning; 27 rules over 1,200 rows in 0.25 s",
    ]


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (Terms(), "ok, 0 errors, 1 warning;"),
        (Terms(fail_on=Severity.WARNING), "loadable, but fails on warnings, 0 errors, 1 warning;"),
        (Terms(known=2, unselected=3), "1 warning, 2 known from the baseline, 3 not selected;"),
    ],
)
def test_the_summary_says_on_what_terms(terms: Terms, said: str) -> None:
    report = Report("g/1", "g/1", [Finding("QC103", Severity.WARNING, "unlisted")])
    assert said in as_text(report, terms).splitlines()[-1]


def test_data_can_neither_drive_the_terminal_nor_forge_lines() -> None:
    evil = "\x1b[2J\x07\r\n\u2028g/1: ok, 0 errors\udce9\u202e"
    finding = Finding("QC301", Severity.ERROR, evil, file=evil, entity=evil, actual=evil, hint=evil)
    text = as_text(Report(evil, evil, [finding]))
    assert len(text.split("\n")) == 6
    assert all(line.isprintable() for line in text.split("\n"))
    text.encode("utf-8")


def test_colour_adds_codes_and_nothing_else() -> None:
    import re

    report = Report("g/1", "g/1", [_missing(1), Finding("QC103", Severity.WARNING, "x")])
    coloured = as_text(report, colour=True)
    assert "\x1b[31;1mQC102" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == as_text(report)


@pytest.mark.parametrize(
    ("sentence", "continued"),
    [
        ("Write the value", "write the value"),
        ("JSON is broken", "JSON is broken"),
        ("PostgreSQL cannot store it", "PostgreSQL cannot store it"),
        ("A", "A"),
        ("A file is missing", "a file is missing"),
        ("", ""),
    ],
)
def test_sentences_continue_a_line(sentence: str, continued: str) -> None:
    assert clause(sentence) == continued


def test_printable_text_stays_as_it_is() -> None:
    assert printable("Café – “mixed” 日本") == "Café – “mixed” 日本"
