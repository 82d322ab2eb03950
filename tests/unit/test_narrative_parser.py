"""The parser of narratives: every section, hard cases, and anything at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.narratives.parser import NarrativeUnreadable, parse

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

## Executive Summary
- **Total segments analyzed**: 84 (31 facility-level)
- **Pareto Insight**: Two segments carry 58%: both surgical
**Top contributors to HIGHER LOS** (worse):
  - [Service Line] Trauma: Level I, adult: +0.2210, up 14%, then flat
  - [Payer] Self pay (other): +0.0905
  - [Payer] Nobody: unknown
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
    """The narrative above, parsed."""
    return parse(WHOLE)


def test_header(whole: dict[str, Any]) -> None:
    assert whole["facility_id"] == "AB-12"
    assert whole["metric_name"] == "Readmission Rate"
    assert whole["metric_value"] == -1.25
    assert whole["generated_at"] == datetime(2026, 2, 3, 7, 15, tzinfo=UTC)


def test_rows_are_told_from_headers_by_their_place(whole: dict[str, Any]) -> None:
    assert whole["cross_metric_comparison"] == [
        {
            "metric_name": "Observed Days",
            "value": -7.31,
            "z_score": 0.92,
            "peer_status": "slightly high (of 9 peers)",
        },
        {"metric_name": "Rank of Level", "value": None, "z_score": None, "peer_status": "normal"},
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


def test_only_the_title_is_required() -> None:
    bare = parse(TITLE)
    assert bare["generated_at"] is None
    assert bare["metric_value"] == 0.0
    assert bare["executive_summary"]["top_contributors_higher"] == []
    assert bare["pareto_analysis"]["top_n_positive_pct"] == 0.0
    assert bare["insights"] == {"double_trouble": [], "internal_issue": []}
    assert bare["hierarchical_breakdown"] == []


@pytest.mark.parametrize("text", ["", "\n\n", "Contribution Analysis", "# Another title", "## " + TITLE[2:]])
def test_without_a_title_it_is_no_narrative(text: str) -> None:
    with pytest.raises(NarrativeUnreadable):
        parse(text)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_costs_values_not_answers(data: st.DataObject) -> None:
    lines = WHOLE.splitlines()
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(1, len(lines) - 1))
        lines[place] = data.draw(
            st.sampled_from(
                ["", lines[place][::-1], lines[place] * 2, lines[place][: len(lines[place]) // 2]]
            )
            | st.text(max_size=60)
        )
    assert parse("\n".join(lines))["facility_id"] == "AB-12"


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="#|-*[]():,.%+ \n0123456789abcZ=", max_size=400))
def test_any_text_below_the_title_is_parsed(text: str) -> None:
    assert parse(f"{TITLE}\n{text}")["facility_id"] == "AB-12"


def test_time_grows_with_the_text() -> None:
    long = "- [a] " + ": 1" * 20_000
    assert parse(f"{TITLE}\n## Executive Summary\n**Top contributors to HIGHER LOS**\n{long}")
