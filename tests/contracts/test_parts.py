"""Frames of large runs are made some nodes at a time, and come out as if made at once."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from contracts import derived
from contracts.check import check
from contracts.run_data import RunData
from tests.support.run_copies import RunCopy
from transforms.synth.corruptions.registry import CORRUPTIONS

_BROKEN = ("QC206", "QC533", "QC537", "QC540", "QC601", "QC620", "QC650", "QC652")
PART_ROWS = 100


def in_parts(data: RunData, monkeypatch: pytest.MonkeyPatch) -> RunData:
    """The same run, not checked yet, of which few rows are to be worked on at a time."""
    monkeypatch.setattr(derived, "PART_ROWS", PART_ROWS)
    return replace(data, derived={})


@pytest.mark.parametrize("code", [None, *_BROKEN])
def test_findings_do_not_depend_on_the_parts(
    code: str | None, run: RunCopy, monkeypatch: pytest.MonkeyPatch
) -> None:
    if code is not None:
        CORRUPTIONS[code].apply(run)
    data = run.stage()
    findings = check(data)
    parts = in_parts(data, monkeypatch)
    assert check(parts) == findings
    assert parts.derived.keys() == data.derived.keys()
    for name, frame in data.derived.items():
        assert_frame_equal(parts.derived[name], frame, check_row_order=name.startswith(derived.__name__))
    for get in (derived.entities, derived.methods, derived.points):
        assert get(data).n_chunks() < get(parts).n_chunks()


def test_rows_of_a_node_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "PART_ROWS", 4)
    frame = pl.DataFrame({"canonical_node_id": [*"aaabbcccccd"]})
    parts = [part["canonical_node_id"].to_list() for part in derived.by_nodes(frame)]
    assert parts == [[*"aaa"], [*"bb"], [*"ccccc"], [*"d"]]
    assert [part.height for part in derived.by_nodes(frame, each=2)] == [3, 2, 5, 1]


def test_rows_of_a_node_that_lie_apart_are_not_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "PART_ROWS", 2)
    frame = pl.DataFrame({"canonical_node_id": [*"aabbaacc"]})
    assert [part.height for part in derived.by_nodes(frame)] == [8]
