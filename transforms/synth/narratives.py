"""analysis/narrative: what drives the value of a facility, in Markdown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.synth.clock import NARRATIVES
from transforms.synth.contributions import decompose
from transforms.synth.graph import SCOPES
from transforms.synth.identity import Identity
from transforms.synth.measures import Measures
from transforms.synth.methods import SIMPLE
from transforms.synth.narrative_text import Comparison, Segment, Story, render
from transforms.synth.node_data import NodeData
from transforms.synth.numbers import nullable
from transforms.synth.population import Population
from transforms.synth.statistics import peer_statistics
from transforms.synth.streams import FloatArray
from transforms.synth.writer import RunWriter

_FACILITIES_PER_NARRATIVE = 4
_MOST_NARRATIVES = 30
_TITLES = {"facility_discharge_status": "Discharge", "facility_service_line": "Service Line"}


@dataclass(frozen=True, slots=True)
class _Sources:
    """Data of one metric with the segments of every facility, worked out once."""

    base: NodeData
    segments: dict[int, list[Segment]]
    parts: dict[tuple[str, ...], list[Segment]]
    totals: dict[int, int]


def write_narratives(
    writer: RunWriter, identity: Identity, population: Population, data: dict[str, NodeData]
) -> int:
    """Write narratives of every fourth facility, 30 at most; returns how many."""
    sources = _sources(data)
    comparisons = _comparisons(sources.base)
    chosen = range(0, len(population.facilities), _FACILITIES_PER_NARRATIVE)[:_MOST_NARRATIVES]
    for facility in chosen:
        identity_of = population.facilities[facility].id
        segments = sources.segments.get(facility, [])
        story = Story(
            facility_id=identity_of,
            value=float(sources.base.measures.aggregate[facility]),
            generated=identity.clock.sentence(NARRATIVES),
            comparisons=comparisons[facility],
            total_segments=sources.totals.get(facility, 0),
            segments=segments,
            parts={
                segment.name: sources.parts.get((identity_of, segment.name), [])
                for segment in segments
                if segment.dimension == _TITLES["facility_service_line"]
            },
        )
        writer.text(f"analysis/narrative/contribution_{identity_of}.md", render(story))
    return len(chosen)


def _sources(data: dict[str, NodeData]) -> _Sources:
    base = data[SCOPES[0].group_by_set]
    segments: dict[int, list[Segment]] = {}
    parts: dict[tuple[str, ...], list[Segment]] = {}
    totals: dict[int, int] = {}
    for child in data.values():
        scope = child.entities.scope
        if scope.parent is None:
            continue
        for facility in child.entities.facility.tolist():
            totals[facility] = totals.get(facility, 0) + 1
        title = _TITLES.get(scope.group_by_set)
        for index, segment in _segments(data[scope.parent], child, title or ""):
            if title is None:
                parts.setdefault(child.entities.keys[index][:-1], []).append(segment)
            else:
                segments.setdefault(int(child.entities.facility[index]), []).append(segment)
    return _Sources(base, segments, parts, totals)


def _segments(parent: NodeData, child: NodeData, dimension: str) -> list[tuple[int, Segment]]:
    """Children whose value, z-score and parent value are known, by position in the node."""
    found = decompose(parent, child, child.measures.aggregate, parent.measures.aggregate)
    columns = zip(
        nullable(found.value),
        nullable(found.excess),
        nullable(child.aggregate.simple),
        found.share.tolist(),
        _changes(child),
        nullable(child.trend.slope_percentile),
        nullable(child.trend.mean_simple),
        strict=True,
    )
    return [
        (
            index,
            Segment(
                dimension=dimension,
                name=child.entities.keys[index][-1],
                value=value,
                share=share,
                excess=excess,
                change=change,
                slope_percentile=slope,
                mean_zscore=mean,
                zscore=zscore,
                tier=SIMPLE.rules[0].tier(zscore),
            ),
        )
        for index, (value, excess, zscore, share, change, slope, mean) in enumerate(columns)
        if value is not None and excess is not None and zscore is not None
    ]


def _changes(child: NodeData) -> list[float | None]:
    """Change from the first to the last months, as a fraction of the aggregate value."""
    change = child.trend.end_start_delta / np.abs(child.measures.aggregate)
    return nullable(change)


def _comparisons(base: NodeData) -> list[list[Comparison]]:
    """Other figures of each facility against all facilities."""
    measures: Measures = base.measures
    figures: tuple[tuple[str, FloatArray], ...] = (
        ("Observed Days", measures.aggregate_observed_days),
        ("Expected Days", measures.aggregate_expected_days),
        ("Encounters", measures.encounters.sum(axis=1).astype(np.float64)),
    )
    rows: list[list[Comparison]] = [[] for _ in range(len(base.entities))]
    everyone = np.zeros(len(rows), dtype=np.int64)
    for name, values in figures:
        peers = peer_statistics(values, everyone, 1)
        scores = (values - peers.mean[0]) / max(float(peers.std[0]), 1e-9)
        for row, value, score in zip(rows, values.tolist(), scores.tolist(), strict=True):
            row.append(Comparison(name, value, score, SIMPLE.rules[0].tier(score)))
    return rows
