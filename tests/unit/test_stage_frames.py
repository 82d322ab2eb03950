"""Rows become typed frames; numbers that do not fit are reported, never cut."""

from __future__ import annotations

import polars as pl
import pytest

from contracts.columns import Table, integer, key, number, text
from contracts.findings import Finding
from contracts.rules.gather import Findings, limited
from contracts.rules.schema import OUT_OF_RANGE, WRONG_TYPE
from transforms.stage.frames import FrameBuilder

TABLE = Table(
    "things",
    "Things",
    key=("name",),
    columns=(
        key("name", "Name"),
        integer("size", "Size"),
        number("weight", "Weight"),
        text("source_file", "File"),
        integer("line_number", "Line"),
    ),
)


def build(*sizes: float | None) -> tuple[pl.DataFrame, list[Finding]]:
    """A frame of things with these sizes, and what was found wrong."""
    findings: list[Finding] = []
    builder = FrameBuilder(TABLE, ("name", "size", "line_number"), findings.append)
    for line, size in enumerate(sizes, start=1):
        builder.add((f"thing {line}", size, line))
    builder.flush(source_file="things.jsonl")
    return builder.frame(), findings


def test_integral_floats_are_integers() -> None:
    frame, findings = build(1, 2.0, None, 2**62)
    assert frame["size"].to_list() == [1, 2, None, 2**62]
    assert findings == []
    assert frame["weight"].null_count() == 4


@pytest.mark.parametrize(
    ("size", "code"),
    [
        (2.5, WRONG_TYPE.code),
        (2**63, OUT_OF_RANGE.code),
        (10**400, OUT_OF_RANGE.code),
        (-(10**40), OUT_OF_RANGE.code),
    ],
)
def test_other_numbers_are_findings(size: float, code: str) -> None:
    frame, findings = build(1, size, 3)
    assert frame["size"].to_list() == [1, None, 3]
    [finding] = findings
    assert (finding.code, finding.file, finding.line) == (code, "things.jsonl", 2)


def test_no_rows_make_an_empty_frame_of_the_table() -> None:
    frame, _ = build()
    assert frame.columns == list(TABLE.column_names)
    assert frame.is_empty()


def test_findings_of_one_kind_are_folded() -> None:
    gathered = Findings()
    for line in range(1, 11):
        gathered.append(WRONG_TYPE.finding("no number", file="a", line=line, json_path=f"/x/{line}/y"))
    gathered.append(WRONG_TYPE.finding("no number", file="a", line=1, json_path="/x/1/y"))
    gathered.append(WRONG_TYPE.finding("no number", file="a", line=3, json_path="/z"))
    gathered.append(WRONG_TYPE.finding("no number", file="b", line=3, json_path="/z"))
    first, second, third = gathered.all()
    assert (first.line, first.count) == (1, 10)
    assert first.message == "no number (also line 2, 3, 4, 5, …)"
    assert (second.json_path, second.count) == ("/z", 1)
    assert third.file == "b"
    assert gathered.broken == {"a", "b"}


def test_findings_of_many_documents_are_limited() -> None:
    findings = [WRONG_TYPE.finding("no", file=f"{number}.yaml") for number in range(100)]
    kept = limited(findings, places=5)
    assert [finding.file for finding in kept] == ["0.yaml", "1.yaml", "2.yaml", "3.yaml", "4.yaml"]
    assert sum(finding.count for finding in kept) == 100
