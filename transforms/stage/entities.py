"""Entity results, their statistical methods and anomalies: the bulk of a run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from contracts.names import is_legacy, method_name
from contracts.tables.results import ANOMALIES, ENTITY_RESULTS, STATISTICAL_METHODS
from transforms.stage.frames import EXACT_INTEGERS, FrameBuilder
from transforms.stage.keys import FACILITY, SYSTEM, Identity, KeyRing
from transforms.stage.legacy import with_rule_ids
from transforms.stage.reader import DecodingError, LineReader, Source, decode_member
from transforms.stage.structs import (
    EntityItem,
    EntityResult,
    LineType,
    Metadata,
    Method,
    NodeHeader,
    PeriodValue,
    PerPeriod,
    PerPeriodOfAnySize,
    Runtime,
    Statistics,
    Timeline,
    TimelinePoint,
)

_read_statistics = msgspec.structs.astuple

_decode_items = msgspec.json.Decoder(list[EntityItem]).decode
_decode_entity = msgspec.json.Decoder(EntityResult).decode
_decode_type = msgspec.json.Decoder(LineType).decode
_decode_metadata = msgspec.json.Decoder(Metadata).decode
_decode_per_period = msgspec.json.Decoder(PerPeriod).decode
_decode_any_size = msgspec.json.Decoder(PerPeriodOfAnySize).decode
_decode_runtime = msgspec.json.Decoder(Runtime).decode
_encode = msgspec.json.encode
_NO_RUNTIME = Runtime()
_NO_ENCOUNTERS: dict[str, int | float | None] = {}
_PER_PERIOD = b',"per_period":'

HEADER_TYPE = "node_metadata"
"""Type of the line that is a node's header and never an entity."""


class EntityStager:
    """Flattens entity lines into the three entity tables."""

    def __init__(self, source: Source, keys: KeyRing) -> None:
        self._source = source
        self._keys = keys
        self._runtimes: dict[bytes, tuple[Runtime, str | None]] = {b"": (_NO_RUNTIME, None)}
        self.entities = FrameBuilder(
            ENTITY_RESULTS,
            (
                "entity_key",
                "metric_id",
                "facility_id",
                "facility_name",
                "system_name",
                "entity",
                "entity_dimensions",
                "entity_dimensions_hash",
                "service_line",
                "sub_service_line",
                "groupby_label",
                "group_value",
                "metric_value",
                "timeline",
                "timeline_length",
                "observed_count",
                "missing_count",
                "coverage_ratio",
                "fill_strategy",
                "encounters",
                "metadata",
                "metadata_per_period",
                "line_number",
            ),
            source.findings.append,
        )
        self.methods = FrameBuilder(
            STATISTICAL_METHODS,
            (
                "entity_key",
                "statistical_method",
                "method_name",
                "peer_count",
                "runtime_status",
                "runtime",
                "line_number",
                *Statistics.__struct_fields__,
            ),
            source.findings.append,
        )
        self.anomalies = FrameBuilder(
            ANOMALIES,
            (
                "entity_key",
                "statistical_method",
                "anomaly_profile",
                "anomaly_method",
                "applies_to",
                "anomaly",
                "statistic_value",
                "template_id",
                "rendered",
                "line_number",
            ),
        )

    def stage_lines(
        self, header: NodeHeader, reader: LineReader, lines: Iterator[tuple[int, bytes]], source_file: str
    ) -> None:
        """Stage the entity lines that ``lines`` of ``reader`` still holds; bad ones become findings."""
        decode = _decode_legacy if is_legacy(source_file) else _decode_entity
        for number, line in lines:
            try:
                points = self._stage(header, number, decode(line))
            except DecodingError as error:
                if not _is_header(line):
                    self._source.report(reader.relative, number, line, error)
            else:
                reader.check_keys(number, line, points)
        self._flush(header, source_file)

    def stage_embedded(self, header: NodeHeader, relative: str, entities: list[msgspec.Raw]) -> None:
        """Stage entities embedded in a legacy document; they have no line of their own."""
        for position, entity in enumerate(entities):
            try:
                self._stage(header, None, _decode_legacy(bytes(entity)))
            except DecodingError as error:
                if _is_header(bytes(entity)):
                    continue
                within = f"/entity_results/{position}"
                self._source.report(relative, None, bytes(entity), error, within)
        self._flush(header, relative)

    def _flush(self, header: NodeHeader, relative: str) -> None:
        run = self._source.run
        for builder in (self.entities, self.methods, self.anomalies):
            builder.flush(
                run_key=run.run_key,
                run_id=run.run_id,
                canonical_node_id=header.canonical_node_id,
                source_file=relative,
            )

    def _stage(self, header: NodeHeader, line: int | None, result: EntityResult) -> int:
        """Add the rows of an entity; returns how many points its timeline has."""
        if result.type == HEADER_TYPE:
            return 0
        identity = self._identity(bytes(result.entity))
        if len(result.metric) != 1:
            raise msgspec.ValidationError("Expected exactly one metric - at `$.metric`")
        metric = result.metric[0]
        metric_id = metric.metadata.metric_id
        dimensions = identity.dimensions
        entity_key = self._keys.entity_key(
            metric_id, header.canonical_node_id, identity.facility_id, dimensions.hash
        )
        raw_metadata = bytes(result.metadata)
        metadata = decode_member(_decode_metadata, raw_metadata, "/metadata") if raw_metadata else Metadata()
        per_period = bytes(metadata.per_period)
        value: float | None = None
        timeline: str | None = None
        length: int | None = None
        runtimes = [
            self._runtimes.get(raw := bytes(method.runtime)) or self._runtime(raw, position)
            for position, method in enumerate(result.statistical_methods)
        ]
        if isinstance(metric.values, Timeline):
            timeline = _timeline_json(metric.values.timeline, per_period)
            length = len(metric.values.timeline)
        else:
            value = metric.values
        runtime = metric.temporal_runtime
        self.entities.add(
            (
                entity_key,
                metric_id,
                identity.facility_id,
                metadata.facility,
                metadata.systemName or identity.system_name,
                identity.text,
                dimensions.text,
                dimensions.hash,
                dimensions.service_line,
                dimensions.sub_service_line,
                dimensions.label,
                dimensions.value,
                value,
                timeline,
                length,
                runtime.observed_count if runtime else None,
                runtime.missing_count if runtime else None,
                runtime.coverage_ratio if runtime else None,
                runtime.fill_strategy if runtime else None,
                metadata.encounters if metadata.encounters is not None else result.encounters,
                _without_per_period(raw_metadata, per_period),
                per_period.decode() or None,
                line,
            )
        )
        for method, (method_runtime, text) in zip(result.statistical_methods, runtimes, strict=True):
            self._stage_method(entity_key, line, method, method_runtime, text)
        return length or 0

    def _identity(self, raw: bytes) -> Identity:
        """Who an entity is; the same entity turns up once for every node and metric."""
        known = self._keys.identities.get(raw)
        if known is None:
            entity = decode_member(_decode_items, raw, "/entity")
            items = [(item.id, item.value) for item in entity]
            named = dict(items)
            facility_id = named.get(FACILITY)
            if facility_id is None:
                raise msgspec.ValidationError(f"Array has no item `{FACILITY}` - at `$.entity`")
            known = self._keys.identities[raw] = Identity(
                facility_id, named.get(SYSTEM), _encode(entity).decode(), self._keys.dimensions(items)
            )
        return known

    def _runtime(self, raw: bytes, position: int) -> tuple[Runtime, str | None]:
        """The report on a method and its text; most methods of a node have the same one."""
        runtime = decode_member(_decode_runtime, raw, f"/statistical_methods/{position}/runtime")
        known = self._runtimes[raw] = runtime, raw.decode()
        return known

    def _stage_method(
        self, entity_key: str, line: int | None, method: Method, runtime: Runtime, runtime_text: str | None
    ) -> None:
        method_id = method.statistical_method
        peers = runtime.anomaly_statistics
        *values, simple, robust = _read_statistics(method.statistics)
        self.methods.add(
            (
                entity_key,
                method_id,
                method_name(method_id),
                peers.peer_count if peers else None,
                runtime.status,
                runtime_text,
                line,
                *values,
                None if simple is None else _encode(simple).decode(),
                None if robust is None else _encode(robust).decode(),
            )
        )
        for profile in method.anomalies:
            for rule in profile.methods:
                text = rule.interpretation
                self.anomalies.add(
                    (
                        entity_key,
                        method_id,
                        profile.anomaly_profile,
                        rule.anomaly_method,
                        rule.applies_to,
                        rule.anomaly,
                        rule.statistic_value,
                        text.template_id if text else None,
                        text.rendered if text else None,
                        line,
                    )
                )


def _decode_legacy(line: bytes) -> EntityResult:
    """An entity of an older engine, which may lack what this one names for itself."""
    try:
        return _decode_entity(line)
    except msgspec.ValidationError as error:
        try:
            return _decode_entity(with_rule_ids(line))
        except DecodingError:
            raise error from None


def _is_header(line: bytes) -> bool:
    """Whether a line that is no entity is a header, which never was one; asked of those alone."""
    try:
        return _decode_type(line).type == HEADER_TYPE
    except DecodingError:
        return False


def _timeline_json(points: list[PeriodValue], per_period: bytes) -> str:
    """The timeline with the encounters of each month, which stand elsewhere, months spelled otherwise."""
    get = _encounters(per_period).get if per_period else _NO_ENCOUNTERS.get
    return _encode(
        [TimelinePoint(point.period, point.value, get(_month(point.period))) for point in points]
    ).decode()


def _encounters(per_period: bytes) -> dict[str, int | float | None]:
    """Encounters by month."""
    try:
        monthly = _decode_per_period(per_period)
    except DecodingError:
        # Numbers of any size, or what is wrong with them.
        monthly = decode_member(_decode_any_size, per_period, "/metadata/per_period")
    return {
        _month(point.period): count if type(count := point.value) is int else _count(count)
        for point in monthly.encounters or ()
    }


@lru_cache(maxsize=4_096)
def _month(period: str) -> str:
    """A month as YYYYMM; every timeline has the same few."""
    return period.replace("-", "")


def _count(value: float | None) -> int | float | None:
    """``value`` without a fraction that is none, as far as floats tell integers apart."""
    if value is None or not value.is_integer() or abs(value) > EXACT_INTEGERS:
        return value
    return int(value)


def _without_per_period(metadata: bytes, per_period: bytes) -> str | None:
    """The metadata object as written, less its (large) per_period member."""
    if not per_period:
        return metadata.decode() or None
    rest = metadata.removesuffix(per_period + b"}")
    if rest.endswith(_PER_PERIOD):
        # Where engines write it: last, which spares looking for it.
        return (rest.removesuffix(_PER_PERIOD) + b"}").decode()
    stripped = metadata.replace(_PER_PERIOD + per_period, b"", 1)
    if len(stripped) == len(metadata):
        document: dict[str, object] = msgspec.json.decode(metadata)
        document.pop("per_period", None)
        stripped = _encode(document)
    return stripped.decode()
