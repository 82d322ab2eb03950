"""Who is measured: facilities, the entities of every scope and the months they have rows in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.synth import labels
from transforms.synth.graph import SCOPES, Scope
from transforms.synth.streams import BoolArray, FloatArray, IntArray, Stream

LAST_YEAR, LAST_MONTH = 2025, 12

_FACILITIES_PER_SERVICE_LINE = 8
_FACILITIES_PER_DISCHARGE_STATUS = 6
_RARE_FEWEST, _RARE_MOST = 4, 12
"""Facilities that have a dimension's rarest value: fewer than peer statistics need."""
_SUB_LINE_SHARE = 0.7
"""How many facilities of a service line have each of its parts."""
_NUMERIC_ID_EVERY = 10
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Facility:
    """A facility; most ids are letters and digits, some are digits with a leading zero."""

    id: str
    name: str
    system: str


@dataclass(frozen=True, slots=True)
class Entities:
    """Entities of a scope, sorted by key; an array holds one element (or row) an entity.

    ``present`` (entities x months) tells which months have a source row; timelines are those
    months in order: ``timeline`` holds their numbers from the left, ``lengths`` how many.
    """

    scope: Scope
    keys: tuple[tuple[str, ...], ...]
    facility: IntArray
    facets: tuple[tuple[str, ...], ...]
    facet: IntArray
    present: BoolArray
    timeline: IntArray
    lengths: IntArray

    def __len__(self) -> int:
        return len(self.keys)

    def key_document(self, index: int) -> dict[str, str]:
        """Entity key as analyses write it."""
        return dict(zip(self.scope.dimensions, self.keys[index], strict=True))

    def items(self, index: int) -> list[dict[str, str]]:
        """Entity key as node files write it."""
        return [
            {"id": name, "value": value, "dataset_field": name}
            for name, value in zip(self.scope.dimensions, self.keys[index], strict=True)
        ]

    def facet_values(self, facet: int) -> dict[str, str]:
        """Dimension values that a facet's entities share."""
        return dict(zip(self.scope.facet_dimensions, self.facets[facet], strict=True))


@dataclass(frozen=True, slots=True)
class Population:
    """Facilities, months (YYYYMM, ascending) and entities of every scope by group_by_set."""

    facilities: tuple[Facility, ...]
    periods: tuple[str, ...]
    entities: dict[str, Entities]


@dataclass(frozen=True, slots=True)
class _Facet:
    """A dimension value (or several): how many have it, and how often it has a month's row."""

    values: tuple[str, ...]
    prevalence: float
    density: float
    rare: bool = False


def build_population(seed: int, facilities: int, months: int) -> Population:
    """Facilities and their entities; the number of dimension values grows with ``facilities``."""
    people = _facilities(seed, facilities)
    lines = _facets(seed, "service line", labels.SERVICE_LINES, facilities, _FACILITIES_PER_SERVICE_LINE)
    statuses = _facets(
        seed, "discharge status", labels.DISCHARGE_STATUSES, facilities, _FACILITIES_PER_DISCHARGE_STATUS
    )
    base, status_scope, line_scope, sub_scope = SCOPES
    line_members = _members(seed, line_scope, lines, facilities)
    status_members = _members(seed, status_scope, statuses, facilities)
    subs, sub_members = _sub_lines(seed, sub_scope, lines, line_members)
    members = (
        (base, [_Facet((), 1.0, 1.0)], np.ones((1, facilities), dtype=np.bool_)),
        (status_scope, statuses, status_members),
        (line_scope, lines, line_members),
        (sub_scope, subs, sub_members),
    )
    return Population(
        facilities=people,
        periods=month_numbers(months),
        entities={
            scope.group_by_set: _entities(seed, scope, facets, present, people, months)
            for scope, facets, present in members
        },
    )


def month_numbers(months: int) -> tuple[str, ...]:
    """The ``months`` months (YYYYMM) that end with December 2025."""
    last = LAST_YEAR * 12 + LAST_MONTH - 1
    return tuple(f"{month // 12:04d}{month % 12 + 1:02d}" for month in range(last - months + 1, last + 1))


def _facilities(seed: int, count: int) -> tuple[Facility, ...]:
    stream = Stream(seed, "facilities")
    ids: dict[str, None] = {}
    while len(ids) < count:
        letters = stream.integers(3, 0, len(_LETTERS) - 1)
        number = int(stream.integers(1, 0, 999)[0])
        prefix = "".join(_LETTERS[letter] for letter in letters.tolist())
        numeric = len(ids) % _NUMERIC_ID_EVERY == _NUMERIC_ID_EVERY - 1
        ids[f"0{letters[0] + 10}{number:03d}" if numeric else f"{prefix}{number:03d}"] = None
    names = _names(stream, count)
    systems = stream.integers(count, 0, len(labels.SYSTEMS) - 1)
    return tuple(
        Facility(identity, name, labels.SYSTEMS[system])
        for identity, name, system in zip(sorted(ids), names, systems.tolist(), strict=True)
    )


def _names(stream: Stream, count: int) -> list[str]:
    """Distinct names: every pair of words once, then the pairs again with a number."""
    pairs = [f"{first}_{second}" for first in labels.FACILITY_FIRST for second in labels.FACILITY_SECOND]
    order = stream.permutation(len(pairs)).tolist()
    return [
        pairs[order[index % len(pairs)]] + (f"_{index // len(pairs) + 1}" if index >= len(pairs) else "")
        for index in range(count)
    ]


def _facets(seed: int, name: str, values: tuple[str, ...], facilities: int, per_value: int) -> list[_Facet]:
    """From common values to rare ones; the last is too rare for peer statistics."""
    count = min(max(round(facilities / per_value), 2), len(values))
    draws = Stream(seed, "facets", name).uniform((count, 2))
    facets = []
    for index, (first, second) in enumerate(draws.tolist()):
        position = index / count
        facets.append(
            _Facet(
                values=(values[index],),
                prevalence=1.0 - 0.3 * position * first,
                density=1.0 if index == 0 else 0.95 - 0.5 * position * second,
                rare=index == count - 1,
            )
        )
    facets[-1] = _Facet(facets[-1].values, facets[-1].prevalence, 0.35, rare=True)
    return facets


def _members(seed: int, scope: Scope, facets: list[_Facet], facilities: int) -> BoolArray:
    """Which facility (column) has which facet (row); each facet has at least one."""
    rows = np.zeros((len(facets), facilities), dtype=np.bool_)
    for index, facet in enumerate(facets):
        stream = Stream(seed, "members", scope.group_by_set, *facet.values)
        wanted = facilities * facet.prevalence
        if facet.rare:
            wanted = min(float(stream.integers(1, _RARE_FEWEST, _RARE_MOST)[0]), facilities / 2)
        rows[index, stream.permutation(facilities)[: max(int(wanted), 1)]] = True
    return rows


def _sub_lines(
    seed: int, scope: Scope, lines: list[_Facet], members: BoolArray
) -> tuple[list[_Facet], BoolArray]:
    """Sub-service lines: every third service line has two parts, the others one."""
    facets, rows = [], []
    for index, line in enumerate(lines):
        for part in labels.SUB_SERVICE_LINES[: 2 if index % 3 == 1 else 1]:
            name = labels.sub_service_line(line.values[0], part)
            stream = Stream(seed, "members", scope.group_by_set, name)
            row = members[index] & stream.chance(members.shape[1], _SUB_LINE_SHARE)
            row[np.flatnonzero(members[index])[0]] = True
            facets.append(_Facet((*line.values, name), 1.0, line.density * 0.9))
            rows.append(row)
    return facets, np.array(rows)


def _entities(
    seed: int,
    scope: Scope,
    facets: list[_Facet],
    members: BoolArray,
    facilities: tuple[Facility, ...],
    months: int,
) -> Entities:
    found = sorted(
        (facilities[facility].id, facets[facet].values, facility, facet)
        for facet, facility in np.argwhere(members).tolist()
    )
    names = sorted({facets[item[3]].values for item in found})
    number_of = {values: number for number, values in enumerate(names)}
    density = np.array([facets[item[3]].density for item in found])
    present = _present(Stream(seed, "months", scope.group_by_set), density, months)
    return Entities(
        scope=scope,
        keys=tuple((identity, *values) for identity, values, _, _ in found),
        facility=np.array([item[2] for item in found], dtype=np.int64),
        facets=tuple(names),
        facet=np.array([number_of[item[1]] for item in found], dtype=np.int64),
        present=present,
        timeline=np.argsort(~present, axis=1, kind="stable").astype(np.int64),
        lengths=present.sum(axis=1).astype(np.int64),
    )


def _present(stream: Stream, density: FloatArray, months: int) -> BoolArray:
    """Months with a row: some entities have all, others lose months, each keeps at least one."""
    own = density * stream.uniform(density.size, 0.15, 1.5)
    present = stream.chance((density.size, months), np.where(density >= 1.0, 1.0, own)[:, None])
    kept = stream.integers(density.size, 0, months - 1)
    present[np.arange(density.size), kept] = True
    return present
