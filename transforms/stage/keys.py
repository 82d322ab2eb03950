"""Keys that identify an entity: canonical JSON text, its md5 and what people read instead.

Computed here, once, because two database engines never agree on the text of a JSON value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

FACILITY = "medicareId"
SYSTEM = "systemName"
NOT_DIMENSIONS = frozenset({FACILITY, SYSTEM})
FACILITY_WIDE = "Facility-wide"

DIMENSION_TITLES: dict[str, str] = {
    "vizientServiceLine": "Service Line",
    "vizientSubServiceLine": "Sub-Service Line",
    "admissionStatus": "Admission Status",
    "admissionSource": "Admission Source",
    "dischargeStatus": "Discharge Status",
    "payerSegment": "Payer Segment",
}


_decode_values = msgspec.json.Decoder(dict[str, str]).decode


def canonical_json(values: Mapping[str, str]) -> str:
    """Text PostgreSQL prints for this object as jsonb: keys by byte length, then bytes."""
    ordered = sorted(values.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
    return json.dumps(dict(ordered), ensure_ascii=False, separators=(", ", ": "))


def text_hash(text: str) -> str:
    """md5 of ``text`` as 32 hex digits: an identity, not a safeguard."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The non-facility dimensions of an entity, in every form the tables hold."""

    text: str
    hash: str
    service_line: str | None
    sub_service_line: str | None
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an entity is: its facility and system, its items as JSON, its dimensions."""

    facility_id: str
    system_name: str | None
    text: str
    dimensions: Dimensions


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """An entity that is spelled as an object of names and values; ``text`` is that object, canonical."""

    facility_id: str | None
    text: str
    dimensions: Dimensions


class KeyRing:
    """Computes keys for the entities of one graph, remembering what repeats."""

    def __init__(self, graph_name: str) -> None:
        self.identities: dict[bytes, Identity] = {}
        """Identities by the JSON they were read from, for whoever reads them to look up and add to."""
        self._graph_name = graph_name
        self._dimensions: dict[tuple[tuple[str, str], ...], Dimensions] = {}
        self._prefixes: dict[tuple[str, str], str] = {}
        self._facilities: dict[str, str] = {}
        self._entities: dict[bytes, NamedEntity] = {}

    def dimensions(self, items: Iterable[tuple[str, str]]) -> Dimensions:
        """Dimensions among the ``(id, value)`` items; facility and system are left out."""
        pairs = tuple([item for item in items if item[0] not in NOT_DIMENSIONS])
        known = self._dimensions.get(pairs)
        if known is None:
            known = self._dimensions[pairs] = _describe(dict(pairs))
        return known

    def entity(self, raw: bytes) -> NamedEntity:
        """The entity that a JSON object spells, remembered: one turns up once for every metric.

        Raises msgspec.DecodeError where it is no object of texts.
        """
        known = self._entities.get(raw)
        if known is None:
            values = _decode_values(raw)
            known = self._entities[raw] = NamedEntity(
                values.get(FACILITY), canonical_json(values), self.dimensions(values.items())
            )
        return known

    def entity_key(self, metric_id: str, node_id: str, facility_id: str, dimensions_hash: str) -> str:
        """md5 over the entity's identity; read as a UUID it is the id of the entity's signal."""
        prefix = self._prefixes.get((metric_id, node_id))
        if prefix is None:
            head = json.dumps([self._graph_name, metric_id, node_id], ensure_ascii=False)
            prefix = self._prefixes[metric_id, node_id] = head[:-1]
        facility = self._facilities.get(facility_id)
        if facility is None:
            facility = self._facilities[facility_id] = json.dumps(facility_id, ensure_ascii=False)
        return text_hash(f'{prefix}, {facility}, "{dimensions_hash}"]')


def _describe(values: dict[str, str]) -> Dimensions:
    text = canonical_json(values)
    ordered = json.loads(text)
    return Dimensions(
        text=text,
        hash=text_hash(text),
        service_line=values.get("vizientServiceLine"),
        sub_service_line=values.get("vizientSubServiceLine"),
        label=" / ".join(_title(name) for name in ordered) or FACILITY_WIDE,
        value=" / ".join(ordered.values()) or FACILITY_WIDE,
    )


def _title(dimension: str) -> str:
    known = DIMENSION_TITLES.get(dimension)
    if known is not None:
        return known
    spaced = "".join(f" {letter}" if letter.isupper() else letter for letter in dimension)
    return spaced.strip().title()
