"""Contributions in words: labels, levels, percentages, sentences."""

from __future__ import annotations

import pytest

from backend.signals.contributions import describe, excess_percent, hierarchy_level, label

FACILITY = {"medicareId": "018139"}
CARDIO = {**FACILITY, "vizientServiceLine": "Cardio"}
VALVE = {**CARDIO, "vizientSubServiceLine": "Valve"}


@pytest.mark.parametrize(
    ("parent", "child", "expected"),
    [
        (FACILITY, None, "Root"),
        (FACILITY, CARDIO, "Cardio"),
        (CARDIO, VALVE, "Valve"),
        (FACILITY, VALVE, "Valve"),
        (FACILITY, {**FACILITY, "dischargeStatus": "Home"}, "Home"),
        (CARDIO, {**CARDIO, "payerSegment": "Medicaid"}, "Medicaid"),
        ({}, FACILITY, "018139"),
        (FACILITY, FACILITY, "018139"),
    ],
)
def test_label_is_what_the_child_adds(
    parent: dict[str, str], child: dict[str, str] | None, expected: str
) -> None:
    assert label(parent, child) == expected


@pytest.mark.parametrize(
    ("dimensions", "level"),
    [
        (None, "facility"),
        ({}, "facility"),
        ({"vizientServiceLine": "Cardio"}, "service_line"),
        ({"dischargeStatus": "Home"}, "service_line"),
        ({"vizientServiceLine": "Cardio", "vizientSubServiceLine": "Valve"}, "sub_service_line"),
        ({"a": "1", "b": "2", "c": "3"}, "sub_service_line"),
    ],
)
def test_level_counts_dimensions(dimensions: dict[str, str] | None, level: str) -> None:
    assert hierarchy_level(dimensions) == level


@pytest.mark.parametrize(
    ("excess", "parent", "expected"),
    [
        (0.5, 2.0, 25.0),
        (0.5, -2.0, 25.0),
        (-0.25, 2.0, -12.5),
        (0.12345, 1.0, 12.3),
        (0.0, 2.0, 0.0),
        (0.5, 0.0, None),
        (None, 2.0, None),
        (0.5, None, None),
    ],
)
def test_excess_in_percent_of_the_parents_size(
    excess: float | None, parent: float | None, expected: float | None
) -> None:
    assert excess_percent(excess, parent) == expected


@pytest.mark.parametrize(
    ("excess", "sentence"),
    [
        (None, "Cardio accounts for 50.0% of total volume"),
        (12.25, "Cardio contributes 12.2% above parent average, accounting for 50.0% of total volume"),
        (-3.0, "Cardio performs 3.0% below parent average, representing 50.0% of total volume"),
        (0.0, "Cardio matches parent average, representing 50.0% of total volume"),
    ],
)
def test_sentences(excess: float | None, sentence: str) -> None:
    assert describe("Cardio", excess, 50.0) == sentence
