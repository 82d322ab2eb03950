"""The parser of narratives: every section, hard cases, and anything at all."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.narratives import Parsed, parse

TITLE = "# Contribution Analysis: Medicare ID AB-12"
HEAD = "| " + " | ".join(f"c{number}" for number in range(13)) + " |\n" + "|---" * 13 + "|\n"
BRANCH = "\N{BOX DRAWINGS LIGHT UP AND RIGHT}\N{BOX DRAWINGS LIGHT HORIZONTAL}"
WHOLE = f"""{TITLE}
**Facility Readmission Rate**: -1.2500
**Generated**: 2026-02-03 07:15:00 UTC
---

## Cross-Metric Peer Comparison
| Metric | Value | Z-Score | Peer Status |
|--------|-------|---------|-------------|
| Observed Days | -7.310 | +0.92 | slightly high (of 9 peers) |
| Rank of Level | n/a | - | normal |
| Cost | about 5 | +1.00 | normal |
| Too few | 1 |

## Executive Summary
- **Total segments analyzed**: 84 (31 facility-level)
- **Pareto Insight**: Two segments carry 58%: both surgical
**Top contributors to HIGHER LOS** (worse):
  - [Service Line] Trauma: Level I, adult: +0.2210, up 14%, then flat
  - [Payer] Self pay (other): +0.0905
  - [Payer] Nobody: unknown
  - [Payer] Charity: -
  - [Ward] 12: 5, mild: +0.0100, 12 months: down
  - none of the others
**Top contributors to LOWER LOS** (better):
  - [Payer] Commercial: \N{MINUS SIGN}0.1402, down 6%

## Pareto Analysis: Cumulative Impact
### Segments Adding to Readmission Rate
```
\N{DARK SHADE}\N{DARK SHADE}\N{LIGHT SHADE}\N{LIGHT SHADE}   41.2% | Trauma: Level I (adult) (+0.2210)
\N{DARK SHADE}\N{DARK SHADE}\N{DARK SHADE}\N{LIGHT SHADE}   58.0% | Self pay (+0.0905)
           [Top 2 = 58% of total positive excess]
```
### Segments Reducing Readmission Rate
```
\N{DARK SHADE}\N{LIGHT SHADE}   37.5% | Commercial (-0.1402)
           [Top 1 = 38% of total negative excess]
```

## Top Drivers of Higher Readmission Rate (Positive Excess)
{HEAD}| 1 | SL | Level I Trauma | 4.12 | 7.5% | 0.22 | up | 81 | 0.77 | 1.94 | high | Double | far [Cum:41%] |
| 2 | Payer | Rank --- pay | 1.98 | 11% | +0.09 | - | - | - | - | normal | - | above |

## Top Drivers of Lower Readmission Rate (Negative Excess)
{HEAD}| - | Payer | A \\| B | - | n/a | -0.14 | - | 22 | -0.41 | -0.88 | slightly low | - | |

## Insights: Internal vs External Comparison
### Double Trouble (high excess, unusual for peers)
- **Payer: Self pay (other)**: excess -0.2210, z=-1.94 (low (for now))
### Internal Issue (high excess, usual for peers)
- Self pay (other): excess +0.0905, z=+0.40

## Hierarchical Contribution Breakdown
| Level | Segment | Value | Weight | Excess | Z-Score | Peer Status | Interpretation |
|---|---|---|---|---|---|---|---|
| {BRANCH} SSL | Orphan | 1 | 2% | 3 | 4 | normal | no parent |
| **SL** | **Neurology** | **2.310** | **6.1%** | **+0.0675** | **+1.22** | **high** | **longer** |
| {BRANCH} SSL | Stroke | 2.9 | 40.0% | +0.236 | +1.31 | high | longest |
"""


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """The parts of the narrative above."""
    return _narrative(WHOLE)


def _narrative(text: str) -> dict[str, Any]:
    found = parse(text).narrative
    assert found is not None
    return found


def test_header(whole: dict[str, Any]) -> None:
    assert whole["facility_id"] == "AB-12"
    assert whole["metric_name"] == "Readmission Rate"
    assert whole["metric_value"] == -1.25
    assert whole["generated_at"] == "2026-02-03T07:15:00Z"


def test_rows_are_told_from_headers_by_their_place(whole: dict[str, Any]) -> None:
    assert whole["cross_metric_comparison"] == [
        {
            "metric_name": "Observed Days",
            "value": -7.31,
            "z_score": 0.92,
            "peer_status": "slightly high (of 9 peers)",
        },
        {"metric_name": "Rank of Level", "value": None, "z_score": None, "peer_status": "normal"},
        {"metric_name": "Cost", "value": None, "z_score": 1.0, "peer_status": "normal"},
    ]


def test_summary(whole: dict[str, Any]) -> None:
    summary = whole["executive_summary"]
    assert (summary["metric_value"], summary["total_segments"], summary["facility_segments"]) == (
        -1.25,
        84,
        31,
    )
    assert summary["pareto_insight"] == "Two segments carry 58%: both surgical"
    higher = [
        (c["dimension"], c["segment"], c["excess"], c["trend"]) for c in summary["top_contributors_higher"]
    ]
    assert higher == [
        ("Service Line", "Trauma: Level I, adult", 0.221, "up 14%, then flat"),
        ("Payer", "Self pay (other)", 0.0905, None),
        ("Payer", "Charity", None, None),
        ("Ward", "12: 5, mild", 0.01, "12 months: down"),
    ]
    (lower,) = summary["top_contributors_lower"]
    assert (lower["segment"], lower["excess"], lower["flags"]) == ("Commercial", -0.1402, [])


def test_flags_are_the_insights_that_name_a_segment(whole: dict[str, Any]) -> None:
    assert whole["executive_summary"]["top_contributors_higher"][1]["flags"] == ["internal_issue"]


def test_pareto(whole: dict[str, Any]) -> None:
    pareto = whole["pareto_analysis"]
    assert pareto["positive_excess"][0] == {
        "segment_name": "Trauma: Level I (adult)",
        "excess": 0.221,
        "cumulative_pct": 41.2,
    }
    assert [bar["excess"] for bar in pareto["negative_excess"]] == [-0.1402]
    assert (pareto["top_n_positive_pct"], pareto["top_n_negative_pct"]) == (58.0, 38.0)


def test_drivers_keep_rows_with_gaps(whole: dict[str, Any]) -> None:
    first, second = whole["top_drivers"]["higher_los"]
    assert first == {
        "rank": 1,
        "dimension": "SL",
        "segment": "Level I Trauma",
        "value": 4.12,
        "weight": 7.5,
        "excess": 0.22,
        "trend": "up",
        "slope_percentile": 81,
        "mean_z": 0.77,
        "z_score": 1.94,
        "peer_status": "high",
        "multi_kpi": "Double",
        "interpretation": "far [Cum:41%]",
        "cumulative_pct": 41.0,
    }
    gaps = ("trend", "slope_percentile", "mean_z", "z_score", "multi_kpi")
    assert [second[name] for name in gaps] == [None] * 5
    assert (second["segment"], second["cumulative_pct"]) == ("Rank --- pay", 0.0)
    (lower,) = whole["top_drivers"]["lower_los"]
    assert (lower["rank"], lower["segment"], lower["value"], lower["weight"]) == (1, "A | B", None, None)
    assert (lower["excess"], lower["interpretation"]) == (-0.14, "")


def test_insights(whole: dict[str, Any]) -> None:
    assert whole["insights"] == {
        "double_trouble": [
            {
                "segment": "Payer: Self pay (other)",
                "excess": -0.221,
                "z_score": -1.94,
                "peer_status": "low (for now)",
            }
        ],
        "internal_issue": [
            {"segment": "Self pay (other)", "excess": 0.0905, "z_score": 0.4, "peer_status": ""}
        ],
    }


def test_hierarchy(whole: dict[str, Any]) -> None:
    orphan, neurology = whole["hierarchical_breakdown"]
    assert (orphan["level"], orphan["segment"], orphan["children"]) == ("SSL", "Orphan", [])
    assert (neurology["level"], neurology["value"], neurology["weight"]) == ("SL", 2.31, 6.1)
    (stroke,) = neurology["children"]
    assert (stroke["level"], stroke["segment"], stroke["z_score"]) == ("SSL", "Stroke", 1.31)


def test_what_cannot_be_read_is_named_with_its_line() -> None:
    lines = WHOLE.splitlines()
    found = [(problem.message, lines[problem.line - 1]) for problem in parse(WHOLE).problems]
    assert found == [
        ("the cell holds no number", "| Cost | about 5 | +1.00 | normal |"),
        ("the row has 2 cells instead of 4", "| Too few | 1 |"),
        ("the item is no segment with its excess", "  - [Payer] Nobody: unknown"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("84 (31", "many (31", "the number of segments cannot be read"),
        ("## Insights:", "## Insihgts:", "the heading is none of narratives"),
        ("### Internal Issue", "### Other Issue", "the heading is none of insights"),
        ("## Hierarchical", "## Insights", "the section is there twice"),
        ("| Self pay (+0.0905)", "| Self pay +0.0905", "the bar is no segment with its share and excess"),
        ("[Top 2 = 58%", "[Top 2: 58%", "the share of the top segments cannot be read"),
        ("excess +0.0905", "excess some", "the item is no segment with its excess and z"),
        ("| up | 81 |", "| up | 81.5 |", "the cell holds no whole number"),
        ("| **SL** |", "| **SLL** |", "the level is neither SL nor SSL"),
    ],
)
def test_each_kind_of_damage_is_named(old: str, new: str, message: str) -> None:
    assert old in WHOLE
    damaged = WHOLE.replace(old, new, 1)
    known = parse(WHOLE).problems
    (problem,) = [each for each in parse(damaged).problems if each not in known]
    assert problem.message == message
    line = damaged.splitlines()[problem.line - 1]
    assert new in line
    assert problem.text in line.replace("**", "")


@pytest.mark.parametrize("header", ["", "**Facility Cost**: 7", "**Facility Cost**: n/a"])
@pytest.mark.parametrize(
    "heading",
    [
        "## Top Drivers of Higher Cost (Positive Excess)",
        "## Pareto Analysis\n### Segments Adding to Cost",
        "## Pareto Analysis\n### Segments Reducing Cost",
    ],
)
def test_the_metric_is_named_by_header_or_headings(header: str, heading: str) -> None:
    assert _narrative(f"{TITLE}\n{header}\n{heading}")["metric_name"] == "Cost"


def test_header_values_that_cannot_be_read_are_none() -> None:
    found = parse(f"{TITLE}\n**Facility Cost**: seven\n**Generated**: 2026-02-30 07:15:00 UTC")
    assert (found.metric_value, found.generated) == (None, "2026-02-30 07:15:00 UTC")
    assert found.narrative is not None
    assert (found.narrative["metric_value"], found.narrative["generated_at"]) == (0.0, None)


def test_only_the_title_is_required() -> None:
    found = parse(TITLE)
    assert (found.facility_id, found.metric_value, found.generated, found.problems) == (
        "AB-12",
        None,
        None,
        [],
    )
    bare = _narrative(TITLE)
    assert (bare["metric_name"], bare["generated_at"], bare["metric_value"]) == (None, None, 0.0)
    assert bare["executive_summary"] == {
        "metric_value": 0.0,
        "total_segments": 0,
        "facility_segments": 0,
        "pareto_insight": "",
        "top_contributors_higher": [],
        "top_contributors_lower": [],
    }
    assert bare["pareto_analysis"] == {
        "positive_excess": [],
        "negative_excess": [],
        "top_n_positive_pct": 0.0,
        "top_n_negative_pct": 0.0,
    }
    assert bare["top_drivers"] == {"higher_los": [], "lower_los": []}
    assert bare["insights"] == {"double_trouble": [], "internal_issue": []}
    assert (bare["cross_metric_comparison"], bare["hierarchical_breakdown"]) == ([], [])


@pytest.mark.parametrize(
    "text", ["", "\n\n", "Contribution Analysis", "# Another title", "#" + TITLE, f"{TITLE} and more"]
)
def test_without_a_title_it_is_no_narrative(text: str) -> None:
    assert parse(text) == Parsed()


def test_windows_line_ends_change_nothing() -> None:
    assert parse(WHOLE.replace("\n", "\r\n")).narrative == parse(WHOLE).narrative


@settings(max_examples=150, deadline=None)
@given(st.text() | st.text(alphabet="# |-*[]():,.%+=\n0123456789abcZ", max_size=400))
def test_any_text_is_parsed(text: str) -> None:
    parse(text)
    assert parse(f"{TITLE}\n{text}").facility_id == "AB-12"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_costs_values_not_the_narrative(data: st.DataObject) -> None:
    lines = WHOLE.splitlines()
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(1, len(lines) - 1))
        line = lines[place]
        lines[place] = data.draw(
            st.sampled_from(["", line[::-1], line * 2, line[: len(line) // 2], line.replace("1", "9" * 400)])
            | st.text(max_size=60)
        )
    assert _is_served(_narrative("\n".join(lines)))


def _is_served(value: Any) -> bool:
    """Whether JSON can hold the value, and readers that know doubles only get it exactly."""
    if isinstance(value, dict):
        return all(map(_is_served, value.values()))
    if isinstance(value, list):
        return all(map(_is_served, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str) or abs(value) < 2**53


@pytest.mark.parametrize(
    "repeated",
    [
        ": 1",
        ": 1,",
        ":, x",
        ": excess 1",
        "- [a] : ",
        "| ",
        "**",
        "9",
        "[Top ",
        "**Facility a",
        "\n| a",
        "\n### b",
    ],
)
@pytest.mark.parametrize(
    "start",
    [
        "**Facility a",
        "## Executive Summary\n**Top contributors to HIGHER LOS**\n- [a] ",
        "## Executive Summary\n- **Total segments analyzed**: ",
        "## Pareto Analysis\n### Segments Adding to a\n",
        "## Top Drivers of Higher\n|",
        "## Insights\n### Double Trouble\n- a",
    ],
)
def test_time_grows_no_faster_than_the_text(start: str, repeated: str) -> None:
    texts = [
        f"{TITLE}\n{start}{repeated * 5_000}{end}"
        for end in ("", "x", " " * 20_000 + "x", "-" * 20_000 + "x")
    ]
    started = time.process_time()
    for text in texts:
        parse(text)
    # A tenth of that is usual; quadratic time is beyond it by far.
    assert time.process_time() - started < 2
