"""A narrative in Markdown -> what the API shows. What is missing gives empty lists and zeros.

The shape of the sections is the same for every metric; only the title is required.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from backend.narratives.markdown import Section, number, plain, sections, table, text_or_none

Json = dict[str, Any]

_TITLE = re.compile(r"#\s+Contribution Analysis: Medicare ID\s+(\S+)\s*$")
_VALUE = re.compile(r"\*\*Facility\s+(.+?)\*\*:\s*(\S+)")
_GENERATED = re.compile(r"\*\*Generated\*\*:\s*(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}) UTC")
_SEGMENTS = re.compile(r"-\s*\*\*Total segments analyzed\*\*:\s*(\d+)(?:\s*\((\d+))?")
_PARETO = re.compile(r"-\s*\*\*Pareto Insight\*\*:\s*(.*)")
# What follows the last colon is the number: segments may hold colons, commas and parentheses.
_CONTRIBUTOR = re.compile(r"-\s*\[([^\]]+)\]\s*(.+):\s*([^\s,:]+)(?:,\s*(.+?))?\s*$")
_BAR = re.compile(r"[^\d|]*([\d.]+)%\s*\|\s*(.+)\s+\(([^()]+)\)\s*$")
_TOP = re.compile(r"\[Top\s+\d+\s*=\s*([\d.]+)%")
_CUMULATIVE = re.compile(r"\[Cum:\s*([\d.]+)%\]")
_INSIGHT = re.compile(r"-\s*(.+):\s*excess\s+([^\s,]+),\s*z\s*=\s*([^\s(]+)(?:\s*\((.*)\))?\s*$")


class NarrativeUnreadable(ValueError):
    """The text does not begin with the title of a narrative."""


def parse(content: str) -> Json:
    """The parts of a narrative. Raises NarrativeUnreadable. ``generated_at`` is None where it is missing."""
    before, found = sections(content.strip())
    title = _TITLE.match(before[0]) if before else None
    if title is None:
        raise NarrativeUnreadable
    header = "\n".join(before)
    value = _VALUE.search(header)
    by_start = {section.heading: section for section in found}
    metric_value = (number(value.group(2)) if value else None) or 0.0
    insights = _insights(_section(by_start, "Insights"))
    return {
        "facility_id": title.group(1),
        "metric_name": value.group(1) if value else None,
        "metric_value": metric_value,
        "generated_at": _generated_at(header),
        "executive_summary": {
            "metric_value": metric_value,
            **_summary(_section(by_start, "Executive Summary"), insights),
        },
        "cross_metric_comparison": [
            {"metric_name": name, "value": number(shown), "z_score": number(z), "peer_status": status}
            for name, shown, z, status in table(_section(by_start, "Cross-Metric").lines, 4)
        ],
        "pareto_analysis": _pareto(_section(by_start, "Pareto Analysis")),
        "top_drivers": {
            "higher_los": list(_drivers(_section(by_start, "Top Drivers of Higher"))),
            "lower_los": list(_drivers(_section(by_start, "Top Drivers of Lower"))),
        },
        "insights": insights,
        "hierarchical_breakdown": _hierarchy(_section(by_start, "Hierarchical")),
    }


def _section(found: dict[str, Section], start: str) -> Section:
    return next((section for heading, section in found.items() if heading.startswith(start)), Section(start))


def _generated_at(header: str) -> datetime | None:
    found = _GENERATED.search(header)
    if found is None:
        return None
    try:
        return datetime.strptime(found.group(1), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _summary(section: Section, insights: Json) -> Json:
    flags: dict[str, list[str]] = {}
    for name, items in insights.items():
        for item in items:
            flags.setdefault(item["segment"], []).append(name)
    counts = next(filter(None, map(_SEGMENTS.match, section.lines)), None)
    insight = next(filter(None, map(_PARETO.match, section.lines)), None)
    contributors: dict[str, list[Json]] = {"HIGHER": [], "LOWER": []}
    direction = ""
    for line in section.lines:
        text = line.strip()
        if text.startswith("**Top contributors to "):
            direction = text.removeprefix("**Top contributors to ").split(" ")[0]
        elif direction in contributors and (item := _CONTRIBUTOR.match(text)):
            excess = number(item.group(3))
            if excess is None:
                continue
            segment = plain(item.group(2))
            contributors[direction].append(
                {
                    "dimension": item.group(1).strip(),
                    "segment": segment,
                    "excess": excess,
                    "trend": item.group(4),
                    "flags": flags.get(segment, []),
                }
            )
    return {
        "total_segments": int(counts.group(1)) if counts else 0,
        "facility_segments": int(counts.group(2)) if counts and counts.group(2) else 0,
        "pareto_insight": insight.group(1).strip() if insight else "",
        "top_contributors_higher": contributors["HIGHER"],
        "top_contributors_lower": contributors["LOWER"],
    }


def _pareto(section: Section) -> Json:
    adding = next((part for part in section.parts if part.heading.startswith("Segments Adding")), None)
    reducing = next((part for part in section.parts if part.heading.startswith("Segments Reducing")), None)
    return {
        "positive_excess": list(_bars(adding)),
        "negative_excess": list(_bars(reducing)),
        "top_n_positive_pct": _top_share(adding),
        "top_n_negative_pct": _top_share(reducing),
    }


def _bars(part: Section | None) -> Iterator[Json]:
    for line in part.lines if part else ():
        bar = _BAR.match(line)
        if bar and (excess := number(bar.group(3))) is not None:
            yield {
                "segment_name": bar.group(2).strip(),
                "excess": excess,
                "cumulative_pct": number(bar.group(1)),
            }


def _top_share(part: Section | None) -> float:
    found = next(filter(None, map(_TOP.search, part.lines if part else ())), None)
    return (number(found.group(1)) if found else None) or 0.0


def _drivers(section: Section) -> Iterator[Json]:
    for place, row in enumerate(table(section.lines, 13), start=1):
        rank, dimension, segment, value, weight, excess, trend, slope, mean_z, z, status, multi, why = row
        cumulative = _CUMULATIVE.search(why)
        slope_percentile = number(slope)
        given = number(rank)
        yield {
            "rank": place if given is None else int(given),
            "dimension": dimension,
            "segment": segment,
            "value": number(value),
            "weight": number(weight),
            "excess": number(excess),
            "trend": text_or_none(trend),
            "slope_percentile": None if slope_percentile is None else int(slope_percentile),
            "mean_z": number(mean_z),
            "z_score": number(z),
            "peer_status": status,
            "multi_kpi": text_or_none(multi),
            "interpretation": why,
            "cumulative_pct": (number(cumulative.group(1)) if cumulative else None) or 0.0,
        }


def _insights(section: Section) -> Json:
    found: dict[str, list[Json]] = {"double_trouble": [], "internal_issue": []}
    for part in section.parts:
        for name, items in found.items():
            if name.replace("_", " ") in part.heading.lower():
                items.extend(_insight_items(part.lines))
    return found


def _insight_items(lines: list[str]) -> Iterator[Json]:
    for line in lines:
        item = _INSIGHT.match(line.strip())
        if item is not None:
            yield {
                "segment": plain(item.group(1)),
                "excess": number(item.group(2)),
                "z_score": number(item.group(3)),
                "peer_status": plain(item.group(4) or ""),
            }


def _hierarchy(section: Section) -> list[Json]:
    top: list[Json] = []
    for level, segment, value, weight, excess, z, status, why in table(section.lines, 8):
        below = "\N{BOX DRAWINGS LIGHT UP AND RIGHT}" in level or "SSL" in level
        node: Json = {
            "level": "SSL" if below else "SL",
            "segment": segment,
            "value": number(value),
            "weight": number(weight),
            "excess": number(excess),
            "z_score": number(z),
            "peer_status": status,
            "interpretation": why,
            "children": [],
        }
        parent = top[-1] if top and top[-1]["level"] == "SL" else None
        (parent["children"] if below and parent else top).append(node)
    return top
