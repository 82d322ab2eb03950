"""A narrative in Markdown -> what the API shows, and what in it cannot be read.

Sections that are missing give empty lists and zeros; only the title is required. The shape of
the sections is the same for every metric, so headings are known by how they begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from contracts.narratives.lists import bars, contributors, insight, states, top_share
from contracts.narratives.markdown import (
    Line,
    Problem,
    Section,
    bold_field,
    number,
    sections,
    unbulleted,
)
from contracts.narratives.tables import comparisons, drivers, hierarchy

Json = dict[str, Any]

_TITLE = re.compile(r"#[ \t]+Contribution Analysis: Medicare ID[ \t]+([\w-]+)")
_GENERATED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2}) UTC")
_COUNTS = re.compile(r"([0-9]{1,15})(?![0-9])(?:[ \t]*\(([0-9]{1,15})(?![0-9]))?")
_OF_METRIC = ("Segments Adding to ", "Segments Reducing ", "Top Drivers of Higher ", "Top Drivers of Lower ")

_COMPARISON = "Cross-Metric"
_SUMMARY = "Executive Summary"
_PARETO = "Pareto Analysis"
_HIGHER = "Top Drivers of Higher"
_LOWER = "Top Drivers of Lower"
_INSIGHTS = "Insights"
_HIERARCHY = "Hierarchical"
_SECTIONS = (_COMPARISON, _SUMMARY, _PARETO, _HIGHER, _LOWER, _INSIGHTS, _HIERARCHY)
_ADDING, _REDUCING = _PARETO_PARTS = ("Segments Adding", "Segments Reducing")
_TOP_CONTRIBUTORS = "**top contributors to "


@dataclass(frozen=True, slots=True)
class Parsed:
    """A narrative's parts. Without a title there is no ``narrative``.

    ``metric_value`` and ``generated`` are the header's, None where it has none that can be read;
    ``generated`` is as written.
    """

    facility_id: str | None = None
    metric_value: float | None = None
    generated: str | None = None
    narrative: Json | None = None
    problems: list[Problem] = field(default_factory=list)


def parse(content: str) -> Parsed:
    """The parts of a narrative. Never raises."""
    before, found = sections(content)
    title = _TITLE.fullmatch(before[0][1]) if before else None
    if title is None:
        return Parsed()
    problems: list[Problem] = []
    fields = [bold for _, line in before if (bold := bold_field(line))]
    metric = next(((name[9:].strip(), value) for name, value in fields if name.startswith("Facility ")), None)
    metric_value = number(metric[1]) if metric else None
    generated = next((value for name, value in fields if name == "Generated"), None)
    known = _by_start(found, _SECTIONS, problems)
    insights = _insights(known[_INSIGHTS], problems)
    narrative = {
        "facility_id": title[1],
        "metric_name": metric[0] if metric else _metric_of_headings(found),
        "metric_value": metric_value or 0.0,
        "generated_at": _instant(generated),
        "executive_summary": {
            "metric_value": metric_value or 0.0,
            **_summary(known[_SUMMARY], insights, problems),
        },
        "cross_metric_comparison": comparisons(known[_COMPARISON], problems),
        "pareto_analysis": _pareto(known[_PARETO], problems),
        "top_drivers": {
            "higher_los": drivers(known[_HIGHER], problems),
            "lower_los": drivers(known[_LOWER], problems),
        },
        "insights": insights,
        "hierarchical_breakdown": hierarchy(known[_HIERARCHY], problems),
    }
    problems.sort(key=lambda problem: problem.line)
    return Parsed(title[1], metric_value, generated, narrative, problems)


def _by_start(
    found: Iterable[Section], starts: tuple[str, ...], problems: list[Problem]
) -> dict[str, Section]:
    """The first section of each start, an empty one where there is none; others are problems."""
    known: dict[str, Section] = {}
    for section in found:
        start = next((each for each in starts if section.heading.lower().startswith(each.lower())), None)
        if start is None:
            problems.append(Problem(section.line, "the heading is none of narratives", section.heading))
        elif start in known:
            problems.append(Problem(section.line, "the section is there twice", section.heading))
        else:
            known[start] = section
    return {start: known.get(start) or Section(0, start) for start in starts}


def _metric_of_headings(found: list[Section]) -> str | None:
    """The metric's name as headings have it, for narratives whose header lacks it."""
    headings = [each.heading for section in found for each in (*section.parts, section)]
    for start in _OF_METRIC:
        for heading in headings:
            name = heading.removeprefix(start).partition(" (")[0].strip()
            if heading.startswith(start) and name:
                return name
    return None


def _instant(generated: str | None) -> str | None:
    written = _GENERATED.fullmatch(generated or "")
    if written is None:
        return None
    try:
        instant = datetime.fromisoformat(f"{written[1]}T{written[2]}").replace(tzinfo=UTC)
    except ValueError:
        return None
    return instant.isoformat().replace("+00:00", "Z")


def _summary(section: Section, insights: dict[str, list[Json]], problems: list[Problem]) -> Json:
    flags: dict[str, list[str]] = {}
    for name, items in insights.items():
        for item in items:
            flags.setdefault(item["segment"], []).append(name)
    shown: Json = {"total_segments": 0, "facility_segments": 0, "pareto_insight": ""}
    blocks: dict[str, list[Line]] = {"higher": [], "lower": []}
    block: list[Line] | None = None
    for place, line in section.lines:
        if line.lower().startswith(_TOP_CONTRIBUTORS):
            block = blocks.get(line[len(_TOP_CONTRIBUTORS) :].partition(" ")[0].strip("*:").lower())
        elif block is not None and unbulleted(line):
            block.append((place, line))
        elif bold := bold_field(line):
            block = None
            shown |= _fact(place, *bold, problems)
    return {
        **shown,
        **{f"top_contributors_{name}": contributors(blocks[name], flags, problems) for name in blocks},
    }


def _fact(place: int, name: str, value: str, problems: list[Problem]) -> Json:
    """What a bold field of the summary tells."""
    if name == "Pareto Insight":
        return {"pareto_insight": value}
    if name != "Total segments analyzed":
        return {}
    counts = _COUNTS.match(value)
    if counts is None:
        problems.append(Problem(place, "the number of segments cannot be read", value))
        return {}
    return {"total_segments": int(counts[1]), "facility_segments": int(counts[2] or 0)}


def _pareto(section: Section, problems: list[Problem]) -> Json:
    parts = _by_start(section.parts, _PARETO_PARTS, problems)
    return {
        "positive_excess": bars(parts[_ADDING].lines, problems),
        "negative_excess": bars(parts[_REDUCING].lines, problems),
        "top_n_positive_pct": top_share(parts[_ADDING].lines, problems),
        "top_n_negative_pct": top_share(parts[_REDUCING].lines, problems),
    }


def _insights(section: Section, problems: list[Problem]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {"double_trouble": [], "internal_issue": []}
    for part in section.parts:
        name = next((name for name in found if name.replace("_", " ") in part.heading.lower()), None)
        if name is None:
            problems.append(Problem(part.line, "the heading is none of insights", part.heading))
            continue
        for place, line in part.lines:
            text = unbulleted(line)
            item = insight(text) if text else None
            if item is not None:
                found[name].append(item)
            elif text and states(text):
                problems.append(Problem(place, "the item is no segment with its excess and z", line))
    return found
