"""Node files: header statistics, percentile bands and, through EntityStager, entities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import msgspec
import polars as pl

from contracts.names import method_name
from contracts.rules.parsing import MISSING_HEADER
from contracts.tables.results import (
    ANOMALIES,
    ENTITY_RESULTS,
    GLOBAL_STATISTICS,
    PERCENTILE_TRENDS,
    STATISTICAL_METHODS,
)
from transforms.stage.entities import HEADER_TYPE, EntityStager
from transforms.stage.frames import FrameBuilder
from transforms.stage.keys import KeyRing
from transforms.stage.reader import DecodingError, LineReader, Source
from transforms.stage.shards import Shard
from transforms.stage.structs import (
    Facet,
    HeaderMethod,
    LegacyNode,
    NodeHeader,
    PercentileTrends,
    json_text,
)

NODE_TABLES = (ENTITY_RESULTS, STATISTICAL_METHODS, ANOMALIES, GLOBAL_STATISTICS, PERCENTILE_TRENDS)
"""Raw tables whose rows come from node files."""


_decode_header = msgspec.json.Decoder(NodeHeader).decode
_decode_trends = msgspec.json.Decoder(PercentileTrends).decode


@dataclass(slots=True)
class StagedHeader:
    """The header of a node file, where it was read and how many entity lines follow it."""

    header: NodeHeader
    source_file: str
    entity_lines: int
    percentile_trends: str | None = None


@dataclass(frozen=True, slots=True)
class NodeFile:
    """A node file to stage; of a legacy one the entities may stand in another file already staged."""

    relative: str
    with_entities: bool = True


def stage_node(source: Source, keys: KeyRing, file: NodeFile) -> Shard:
    """Stage one node file of either format."""
    stager = NodeStager(source, keys)
    if file.relative.endswith(".jsonl"):
        stager.stage_jsonl(file.relative)
    else:
        stager.stage_legacy(file.relative, with_entities=file.with_entities)
    return Shard(stager.frames(), stager.header)


@dataclass(slots=True)
class NodeStager:
    """Stages a node file of either format; ``header`` is what it says of the node."""

    source: Source
    keys: KeyRing
    header: StagedHeader | None = None
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
            self.source.findings.append,
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
            self.source.findings.append,
        )

    def frames(self) -> dict[str, pl.DataFrame]:
        """Rows by raw table."""
        entities = self.entities
        builders = (
            entities.entities,
            entities.methods,
            entities.anomalies,
            self.global_statistics,
            self.percentile_trends,
        )
        return {table.name: builder.frame() for table, builder in zip(NODE_TABLES, builders, strict=True)}

    def stage_jsonl(self, relative: str) -> None:
        """Stage a node file of the current format: header line, then entity lines.

        Entities below a header that cannot be read belong to the node the file is named after.
        """
        reader = self.source.lines(relative)
        lines = iter(reader)
        first = next(lines, None)
        if first is None:
            return
        header: NodeHeader | None = None
        if first[0] != reader.first:
            lines = chain([first], lines)
        elif _is_entity(first[1]):
            self.source.findings.append(
                MISSING_HEADER.finding("the first line is an entity", file=relative, line=first[0])
            )
            lines = chain([first], lines)
        else:
            header = self._read_header(reader, *first)
        self.entities.stage_lines(header or _nameless(relative), reader, lines, relative)
        if header is not None:
            self._stage_header(header, relative, reader.lines - 1)

    def stage_legacy(self, relative: str, *, with_entities: bool) -> None:
        """Stage a legacy node document; its entities only where no JSONL file has them."""
        document: LegacyNode | None = self.source.document(relative, LegacyNode)
        if document is None:
            return
        entities = len(document.entity_results)
        if with_entities:
            self.entities.stage_embedded(document, relative, document.entity_results)
            path = document.entity_results_path
            if not entities and path is not None:
                reader = self.source.lines(path)
                self.entities.stage_lines(document, reader, iter(reader), path)
                entities = reader.lines
        self._stage_header(document, relative, entities)

    def _read_header(self, reader: LineReader, number: int, line: bytes) -> NodeHeader | None:
        try:
            header = _decode_header(line)
        except DecodingError as error:
            self.source.report(reader.relative, number, line, error)
            return None
        reader.check_keys(number, line, -1)
        return header

    def _stage_header(self, header: NodeHeader, relative: str, entity_lines: int) -> None:
        self.header = staged = StagedHeader(header, relative, entity_lines)
        for position, method in enumerate(header.statistical_methods):
            statistics = method.summary.global_statistics
            for facet in statistics.facets:
                self.global_statistics.add(self._facet_row(method, facet))
            trends = json_text(statistics.percentile_trends)
            if trends is not None:
                staged.percentile_trends = trends
                self._stage_trends(method.statistical_method, relative, trends.encode(), position)
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

    def _stage_trends(self, method_id: str, relative: str, raw: bytes, position: int) -> None:
        try:
            trends = _decode_trends(raw)
        except DecodingError as error:
            within = f"/statistical_methods/{position}/summary/global_statistics/percentile_trends"
            self.source.report(relative, 1, raw, error, within)
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


def _is_entity(line: bytes) -> bool:
    return b'"entity"' in line and HEADER_TYPE.encode() not in line


def _nameless(relative: str) -> NodeHeader:
    return NodeHeader(canonical_node_id=PurePosixPath(relative).stem, metric_id="")
