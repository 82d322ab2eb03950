"""The gate lets through what holds its own against the release, and nothing else."""

from __future__ import annotations

import pytest

from tests.benchmarks.gate import BUDGET_BYTES, growth, ingest, speed
from tests.benchmarks.measure import Cost


@pytest.mark.parametrize(
    ("branch", "held"), [([120.0], True), ([81.0, 20.0, 90.0], True), ([79.0], False), ([0.0], False)]
)
def test_speed_is_held_to_that_of_the_release(branch: list[float], held: bool) -> None:
    verdict = speed("list", [100.0], branch)
    assert verdict.held is held
    assert verdict.release == "100/s"


@pytest.mark.parametrize(
    ("cost", "lost"),
    [
        (Cost(10.0, 8.0, 2.0, 200_000_000), []),
        (Cost(12.0, 9.0, 3.0, 240_000_000), []),
        (Cost(13.0, 8.0, 2.0, 200_000_000), ["ingest, wall time"]),
        (Cost(10.0, 8.0, 5.0, 200_000_000), ["ingest, processor time"]),
        (Cost(10.0, 8.0, 2.0, 260_000_000), ["ingest, peak memory"]),
    ],
)
def test_ingest_is_held_to_that_of_the_release(cost: Cost, lost: list[str]) -> None:
    release = Cost(10.0, 8.0, 2.0, 200_000_000)
    assert [each.name for each in ingest([release], [cost]) if not each.held] == lost


def test_memory_may_grow_with_answers_and_connections() -> None:
    grown = BUDGET_BYTES + 5_000_000
    assert not growth("", grown, 1_000, 32).held
    assert growth("", grown, 100_000, 32).held
    assert growth("", -1_000, 0, 32).held
