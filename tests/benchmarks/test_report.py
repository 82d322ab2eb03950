"""What the report says follows from what was measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from tests.benchmarks.records import Record, Target, restored
from tests.benchmarks.report import page


@pytest.mark.parametrize(
    ("unit", "ours", "peer", "ratio"),
    [("s", 2.0, 8.0, 4.0), ("MB", 8.0, 2.0, 0.25), ("rows/s", 8.0, 2.0, 4.0), ("s", 2.0, None, None)],
)
def test_a_ratio_above_one_is_better(unit: str, ours: float, peer: float | None, ratio: float | None) -> None:
    assert Record("Load", "rows", unit, ours, peer, "a peer").ratio == ratio


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(4.0), True),
        (Target(4.1), False),
        (Target(2.0, "ours", at_least=False), True),
        (Target(1.9, "ours", at_least=False), False),
        (None, None),
    ],
)
def test_targets(target: Target | None, met: bool | None) -> None:
    assert Record("Build", "wall time", "s", 2.0, 8.0, "dbt build", target).met is met


def _document(*records: Record, full: bool = True) -> dict[str, Any]:
    return {
        "machine": "a machine",
        "versions": {"Python": "3.11"},
        "records": [{**asdict(record), "measured": "2026-01-01", "full": full} for record in records],
    }


def test_a_record_is_kept_whole() -> None:
    record = Record("Build", "wall time", "s", 2.0, 8.0, "dbt", Target(4.0), {"facilities": 118})
    assert restored(_document(record)["records"][0]) == record


def test_the_page_names_what_is_missed() -> None:
    met = Record("Build", "wall time", "s", 2.0, 8.0, "dbt build", Target(4.0), {"facilities": 118})
    missed = Record("Start", "imports", "s", 2.0, target=Target(1.5, "ours", at_least=False))
    text = page(_document(met, missed))
    assert "1 of 2 targets are met. Missed:\n\n- Start, imports: 2.00 s, wanted at most 1.5 s\n" in text
    assert "| wall time | 2.00 s | dbt build | 8.00 s | 4.00x | at least 4x | met |" in text
    assert "Sizes: facilities 118." in text
    assert "less data" not in text


def test_the_page_tells_of_reduced_sizes() -> None:
    assert "less data" in page(_document(Record("Start", "imports", "s", 2.0), full=False))
