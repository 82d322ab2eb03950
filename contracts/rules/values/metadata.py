"""QC404-QC407: metadata columns of entities against their types, definition and own months."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl
from msgspec import Struct

from contracts.derived import trends
from contracts.findings import Finding, Severity
from contracts.names import of_legacy
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.rules.schema import OUT_OF_RANGE, WRONG_TYPE
from contracts.rules.values.surprises import PATIENTS_EXCEED_ENCOUNTERS
from contracts.run_data import RunData
from contracts.schemas import INTEGER_LIMIT, NO_COUNT

METADATA_COLUMN_MISSING = Rule(
    "QC404",
    "metadata-column-missing",
    Severity.ERROR,
    "An entity lacks a metadata column that the node's definition lists",
    "Encounters, facility names and the like would be empty in the dashboard",
    "Compute the node again with the current definition",
)
PER_PERIOD_COLUMN_MISSING = Rule(
    "QC405",
    "per-period-column-missing",
    Severity.ERROR,
    "An entity lacks the monthly values of a column that the node's definition aggregates per period",
    "Timelines would have no encounters",
    "Compute the node again with the current definition",
)
PER_PERIOD_MONTHS = Rule(
    "QC406",
    "per-period-months-differ",
    Severity.ERROR,
    "The months of a per-period column are not those of the timeline",
    "Encounters would be shown next to the values of other months",
    "Compute the node again",
)
PER_PERIOD_TOTAL = Rule(
    "QC407",
    "per-period-total-differs",
    Severity.ERROR,
    "The total of a per-period column is not the sum of its months",
    "Totals and timelines would contradict each other",
    "Compute the node again",
)

RULES = (METADATA_COLUMN_MISSING, PER_PERIOD_COLUMN_MISSING, PER_PERIOD_MONTHS, PER_PERIOD_TOTAL)

TOTAL_TOLERANCE = 1e-8
"""Absolute and relative: sums of twelve doubles in any order differ by less."""
PER_PERIOD = "per_period"
COUNTS = ("uniquePatients", "losOutliers")
"""Columns of counts beside encounters, which are a column of the table."""
NUMBERS = frozenset({*COUNTS, "encounters", "losMeanObservedDays", "losMeanExpectedDays", "losVarianceDays"})
"""Columns that are numbers however they are aggregated."""

_SLICE_ROWS = 2_000
"""Rows decoded at a time: decoded arrays take many times the memory of their text."""
_POINTS = pl.List(pl.Struct({"period": pl.String, "value": pl.Float64}))
_PLAIN_NAME = re.compile(r"\w+")
_TRUTH = r":\s*(?:true|false)"


def check_metadata(data: RunData) -> list[Finding]:
    """Keys and totals of metadata; nodes whose definitions list the same columns go together."""
    nodes: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    definitions = data.auxiliary["node_definitions"].unique("canonical_node_id", maintain_order=True)
    for definition in definitions.to_dicts():
        columns = [
            column
            for column in json.loads(definition["metadata_columns"])
            if _PLAIN_NAME.fullmatch(column["id"])
        ]
        names = tuple(column["id"] for column in columns)
        periodic = tuple(column["id"] for column in columns if column["aggregation"] == PER_PERIOD)
        numeric = tuple(
            column["id"]
            for column in columns
            if column["id"] in NUMBERS or column["aggregation"] in ("sum", PER_PERIOD)
        )
        nodes.setdefault((names, periodic, numeric), []).append(definition["canonical_node_id"])
    entities = data.frames["raw_entity_results"].filter(~of_legacy())
    found: list[Finding] = []
    for (names, periodic, numeric), node_ids in nodes.items():
        rows = entities.filter(pl.col("canonical_node_id").is_in(node_ids))
        if rows.is_empty():
            continue
        found += _missing_keys(rows, names, periodic)
        if not numeric:
            continue
        totals, wrong = _decoded(rows, _TOTALS, numeric)
        found += _wrong_types(rows, _TOTALS, wrong)
        found += _no_counts(rows, totals, numeric)
        if periodic:
            found += _months_and_totals(rows, periodic, totals, trends(data))
    return found


def _missing_keys(rows: pl.DataFrame, names: tuple[str, ...], periodic: tuple[str, ...]) -> Iterator[Finding]:
    for rule, column, keys, path in (
        (METADATA_COLUMN_MISSING, "metadata", names, "/metadata"),
        (PER_PERIOD_COLUMN_MISSING, "metadata_per_period", periodic, "/metadata/per_period"),
    ):
        absent = {name: ~_has_key(column, name) for name in keys}
        if not absent:
            continue
        texts = rows.select(column).unique()
        marked = texts.with_columns(**{f"absent_{name}": flag for name, flag in absent.items()})
        failing = marked.filter(pl.any_horizontal([f"absent_{name}" for name in absent]))
        if failing.is_empty():
            continue
        yield from fold(
            rule,
            rows.join(failing, on=column, nulls_equal=True, maintain_order="left"),
            lambda row, absent=absent: _absent_names(row, absent),  # type: ignore[misc]
            json_path=path,
        )


def _absent_names(row: dict[str, Any], names: dict[str, pl.Expr]) -> str:
    missing = [name for name in names if row[f"absent_{name}"]]
    return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"


def _has_key(column: str, name: str) -> pl.Expr:
    return pl.col(column).str.contains(rf'"{name}"\s*:').fill_null(False)


def _wrong_types(rows: pl.DataFrame, text: _Text, wrong: pl.DataFrame) -> list[Finding]:
    return fold(
        WRONG_TYPE,
        rows.join(wrong, on=text.column, maintain_order="left"),
        lambda row: str(row["reason"]),
        json_path=lambda row: str(row["pointer"]),
    )


def _no_counts(rows: pl.DataFrame, totals: pl.DataFrame, numeric: tuple[str, ...]) -> Iterator[Finding]:
    """Counts that are no whole numbers, or greater than any integer that is stored."""
    for name in COUNTS:
        if name not in numeric:
            continue
        value = pl.col(f"{name} total")
        for rule, wrong, message in (
            (WRONG_TYPE, value != value.floor(), NO_COUNT["whole"]),
            (OUT_OF_RANGE, value.abs() >= float(INTEGER_LIMIT), NO_COUNT["bits"]),
        ):
            texts = totals.filter(wrong)
            if texts.height:
                yield from fold(
                    rule,
                    rows.join(texts, on=_TOTALS.column, maintain_order="left"),
                    f"{name}: {message}",
                    json_path=f"/metadata/{name}",
                    actual=lambda row, name=name: repr(row[f"{name} total"]),  # type: ignore[misc]
                )


def _months_and_totals(
    rows: pl.DataFrame, periodic: tuple[str, ...], totals: pl.DataFrame, timelines: pl.DataFrame
) -> Iterator[Finding]:
    """Compare the months of every column with those of the timeline, and their sum with the total."""
    monthly, wrong = _decoded(rows, _MONTHLY, periodic)
    yield from _wrong_types(rows, _MONTHLY, wrong)
    place = ("entity_key", "source_file", "line_number")
    months = timelines.select(*place, months=pl.col("periods").list.join(" "))
    read = (
        rows.select(*place, "facility_id", "entity_dimensions", _MONTHLY.column, _TOTALS.column)
        .join(monthly, on=_MONTHLY.column, maintain_order="left")
        .join(totals, on=_TOTALS.column, maintain_order="left")
        .drop(_MONTHLY.column, _TOTALS.column)
        .join(months, on=place, how="left", maintain_order="left")
    )
    differing = [condition for name in periodic for condition in (_other_months(name), _other_total(name))]
    yield from _contradictions(read.filter(pl.any_horizontal(*differing, "more_patients")), periodic)


def _other_months(name: str) -> pl.Expr:
    return pl.col(f"{name} written") != pl.col("months")


def _other_total(name: str) -> pl.Expr:
    allowed = TOTAL_TOLERANCE * pl.max_horizontal(pl.lit(1.0), pl.col(f"{name} sum").abs())
    return (pl.col(f"{name} total") - pl.col(f"{name} sum")).abs() > allowed


def _more_patients(periodic: tuple[str, ...]) -> pl.Expr:
    """Whether a month has more unique patients than encounters, which both list the same months."""
    if not {"encounters", "uniquePatients"} <= set(periodic):
        return pl.lit(False)
    patients, encounters = (
        pl.col("decoded").struct.field(name).list.eval(pl.element().struct.field("value"))
        for name in ("uniquePatients", "encounters")
    )
    same = patients.list.len() == encounters.list.len()
    # Lists of unlike lengths cannot be subtracted: they are left empty.
    return (pl.when(same).then(patients) - pl.when(same).then(encounters)).list.max() > 0


def _contradictions(suspects: pl.DataFrame, periodic: tuple[str, ...]) -> Iterator[Finding]:
    for name in periodic:
        yield from fold(
            PER_PERIOD_MONTHS,
            suspects.filter(_other_months(name)),
            f"the months of {name} are not those of the timeline",
            json_path=f"/metadata/per_period/{name}",
            expected=lambda row: row["months"],
            actual=lambda row, name=name: row[f"{name} written"],  # type: ignore[misc]
        )
        yield from fold(
            PER_PERIOD_TOTAL,
            suspects.filter(_other_total(name)),
            f"{name} is not the sum of its months",
            json_path=f"/metadata/{name}",
            expected=lambda row, name=name: f"{row[f'{name} sum']!r} (tolerance {TOTAL_TOLERANCE:g})",  # type: ignore[misc]
            actual=lambda row, name=name: repr(row[f"{name} total"]),  # type: ignore[misc]
        )
    yield from fold(
        PATIENTS_EXCEED_ENCOUNTERS,
        suspects.filter("more_patients"),
        "a month has more unique patients than encounters",
        json_path="/metadata/per_period/uniquePatients",
    )


class _Point(Struct):
    period: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class _Text:
    """A column of JSON text: what its members are, and what is read of them as ``decoded``."""

    column: str
    pointer: str
    kind: Any
    shape: Any
    read: Callable[[tuple[str, ...]], dict[str, pl.Expr]]


def _of_months(periodic: tuple[str, ...]) -> dict[str, pl.Expr]:
    """Months of every column, the sum of their values, and whether patients exceed encounters."""
    read = {"more_patients": _more_patients(periodic)}
    for name in periodic:
        points = pl.col("decoded").struct.field(name)
        read[f"{name} written"] = points.list.eval(_month()).list.join(" ")
        read[f"{name} sum"] = points.list.eval(pl.element().struct.field("value")).list.sum()
    return read


def _of_totals(numeric: tuple[str, ...]) -> dict[str, pl.Expr]:
    return {f"{name} total": pl.col("decoded").struct.field(name) for name in numeric}


_MONTHLY = _Text("metadata_per_period", "/metadata/per_period", _POINTS, list[_Point], _of_months)
_TOTALS = _Text("metadata", "/metadata", pl.Float64, float, _of_totals)


def _decoded(rows: pl.DataFrame, text: _Text, names: tuple[str, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is read of each text of a column; JSON ``pointer`` and ``reason`` of those with another shape.

    Metrics share the metadata of an entity: a text is decoded once, however many rows have it.
    """
    texts = rows.select(text.column).drop_nulls().unique()
    decode = pl.col(text.column).str.json_decode(pl.Struct(dict.fromkeys(names, text.kind)))
    # Polars takes true and false for numbers.
    wrong = _unreadable(texts.filter(pl.col(text.column).str.contains(_TRUTH)), text, names)
    texts = texts.join(wrong, on=text.column, how="anti")
    read = [texts.clear().with_columns(decoded=decode).select(text.column, **text.read(names))]
    for part in texts.iter_slices(_SLICE_ROWS):
        try:
            decoded = part.with_columns(decoded=decode)
        except pl.exceptions.ComputeError:
            bad = _unreadable(part, text, names)
            wrong.extend(bad)
            try:
                decoded = part.join(bad, on=text.column, how="anti").with_columns(decoded=decode)
            except pl.exceptions.ComputeError:
                continue
        read.append(decoded.select(text.column, **text.read(names)))
    return pl.concat(read), wrong


def _unreadable(texts: pl.DataFrame, text: _Text, names: tuple[str, ...]) -> pl.DataFrame:
    shape: Any = msgspec.defstruct("Columns", [(name, text.shape | None, None) for name in names])
    decode = msgspec.json.Decoder(shape).decode
    wrong: list[tuple[str, str, str]] = []
    for each in texts[text.column]:
        try:
            decode(each)
            # Members that no definition lists may hold numbers beyond all range.
            msgspec.json.decode(each)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            steps = path.rstrip("`").replace("[...]", "/*").replace("[", "/").replace("]", "")
            wrong.append((each, text.pointer + steps.replace(".", "/"), message[0].lower() + message[1:]))
    return pl.DataFrame(
        wrong, schema=dict.fromkeys((text.column, "pointer", "reason"), pl.String), orient="row"
    )


def _month() -> pl.Expr:
    return pl.element().struct.field("period").str.replace_all("-", "", literal=True)


CHECKS = (check_metadata,)
