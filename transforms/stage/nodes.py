"""Node files: header statistics, percentile bands and, through EntityStager, entities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from contracts.rules.parsing import EMPTY_FILE, MISSING_HEADER
from contracts.tables.results import GLOBAL_STATISTICS, PERCENTILE_TRENDS
from transforms.stage.entities import EntityStager, method_name
from transforms.stage.frames import FrameBuilder
from transforms.stage.keys import KeyRing
from transforms.stage.reader import Source
from transforms.stage.structs import (
    Facet,
    HeaderMethod,
    LegacyNode,
    NodeHeader,
    PercentileTrends,
    json_text,
)

NODES_DIRECTORY = "results/nodes"
LEGACY_ENTITIES_DIRECTORY = "results/entities"

_decode_header = msgspec.json.Decoder(NodeHeader).decode
_decode_trends = msgspec.json.Decoder(PercentileTrends).decode


@dataclass(slots=True)
class StagedHeader:
    """The header of a node file and where it was read."""

    header: NodeHeader
    source_file: str
    percentile_trends: str | None = None


@dataclass(slots=True)
class NodeStager:
    """Stages node files of both formats; ``headers`` maps node ids to what their files say."""

    source: Source
    keys: KeyRing
    headers: dict[str, StagedHeader] = field(default_factory=dict)
    entities: EntityStager = field(init=False)
    global_statistics: FrameBuilder = field(init=False)
    percentile_trends: FrameBuilder = field(init=False)

    def __post_init__(self) -> None:
        self.entities = EntityStager(self.source, self.keys)
        self.global_statistics = FrameBuilder(
            GLOBAL_STATISTICS,
            (
                "statistical_method",
                "method_name",
                "facet_dimensions",
                "facet_dimensions_hash",
                "record_count",
                "entity_count",
                "entity_with_statistics_count",
                "global_metric_mean",
                "global_metric_std",
                "global_metric_median",
                "global_mad",
                "std_floor",
                "std_floor_applied",
                "mad_floor",
                "mad_floor_applied",
                "winsor_percentile",
                "winsor_applied",
                "min_peer_count",
                "warnings",
            ),
        )
        self.percentile_trends = FrameBuilder(
            PERCENTILE_TRENDS,
            (
                "statistical_method",
                "period",
                "period_index",
                "p10",
                "p25",
                "p50",
                "p75",
                "p90",
                "sample_size",
                "suppression_applied",
            ),
        )

    def stage_jsonl(self, relative: str) -> None:
        """Stage a node file of the current format: header line, then entity lines."""
        lines = self.source.lines(relative)
        first = next(lines, None)
        if first is None:
            self.source.findings.append(EMPTY_FILE.finding(f"{relative} is empty", file=relative))
            return
        number, line = first
        try:
            header = _decode_header(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if b'"entity"' in line and b'"node_metadata"' not in line:
                self._missing_header(relative, number)
            else:
                self.source.report(relative, number, line, error)
            return
        self._stage_header(header, relative)
        self.entities.stage_lines(header, relative, lines)

    def stage_legacy(self, relative: str, *, with_entities: bool) -> None:
        """Stage a legacy node document; its entities only where no JSONL file has them."""
        document: LegacyNode | None = self.source.document(relative, LegacyNode)
        if document is None:
            return
        self._stage_header(document, relative)
        if not with_entities:
            return
        self.entities.stage_embedded(document, relative, document.entity_results)
        if not document.entity_results and document.entity_results_path is not None:
            path = document.entity_results_path
            self.entities.stage_lines(document, path, self.source.lines(path))

    def _missing_header(self, relative: str, line: int) -> None:
        self.source.findings.append(
            MISSING_HEADER.finding("the first line is an entity, not a node_metadata header", file=relative, line=line)
        )

    def _stage_header(self, header: NodeHeader, relative: str) -> None:
        staged = StagedHeader(header, relative)
        self.headers[header.canonical_node_id] = staged
        for method in header.statistical_methods:
            statistics = method.summary.global_statistics
            for facet in statistics.facets:
                self.global_statistics.add(self._facet_row(method, facet))
            trends = json_text(statistics.percentile_trends)
            if trends is not None:
                staged.percentile_trends = trends
                self._stage_trends(method.statistical_method, relative, trends.encode())
        run = self.source.run
        for builder in (self.global_statistics, self.percentile_trends):
            builder.flush(
                run_key=run.run_key,
                run_id=run.run_id,
                canonical_node_id=header.canonical_node_id,
                source_file=relative,
                line_number=1,
            )

    def _facet_row(self, method: HeaderMethod, facet: Facet) -> tuple[Any, ...]:
        dimensions = self.keys.dimensions(facet.facet_values.items())
        counts, statistics = facet.facet_counts, facet.method_statistics
        return (
            method.statistical_method,
            method_name(method.statistical_method),
            dimensions.text,
            dimensions.hash,
            counts.record_count,
            counts.entity_count,
            counts.entity_with_statistics_count,
            statistics.global_metric_mean,
            statistics.global_metric_std,
            statistics.global_metric_median,
            statistics.global_mad,
            statistics.std_floor,
            statistics.std_floor_applied,
            statistics.mad_floor,
            statistics.mad_floor_applied,
            statistics.winsor_percentile,
            statistics.winsor_applied,
            statistics.min_peer_count,
            json_text(facet.warnings),
        )

    def _stage_trends(self, method_id: str, relative: str, raw: bytes) -> None:
        try:
            trends = _decode_trends(raw)
        except msgspec.ValidationError as error:
            self.source.report(relative, 1, raw, error)
            return
        columns = [trends.p10, trends.p25, trends.p50, trends.p75, trends.p90, trends.sample_sizes]
        for index, period in enumerate(trends.periods):
            suppressed = {
                name: flags[index] for name, flags in trends.suppression_applied.items() if index < len(flags)
            }
            self.percentile_trends.add(
                (
                    method_id,
                    period,
                    index,
                    *_elements(columns, index),
                    msgspec.json.encode(suppressed).decode(),
                )
            )


def _elements(columns: list[Any], index: int) -> Iterator[float | int | None]:
    for column in columns:
        yield column[index] if index < len(column) else None
