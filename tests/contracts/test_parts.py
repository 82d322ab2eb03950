"""Frames of large runs are made some nodes at a time, and come out as if made at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from contracts import derived
from contracts.check import check
from contracts.run_data import RunData
from tests.support.run_copies import RunCopy
from transforms.synth.corruptions.registry import CORRUPTIONS

_BROKEN = (
    *("QC206", "QC533", "QC537", "QC540", "QC601", "QC620", "QC630", "QC640", "QC650", "QC652"),
    *("QC811", "QC812", "QC820", "QC823", "QC824"),
)
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


def test_a_frame_that_checks_ask_for_at_once_is_made_once(run: RunCopy) -> None:
    made: list[RunData] = []
    together = Barrier(4)

    @derived.derived
    def slow(data: RunData) -> pl.DataFrame:
        made.append(data)
        time.sleep(0.05)
        return pl.DataFrame({"row": [1, 2]})

    def ask(data: RunData) -> pl.DataFrame:
        together.wait(10)
        return slow(data)

    data = run.stage()
    with ThreadPoolExecutor(4) as threads:
        frames = list(threads.map(ask, [data] * 4))
    assert made == [data]
    assert all(frame is frames[0] for frame in frames)


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
