"""QC404-QC407: metadata columns of entities against their definition and their own months."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import polars as pl
from msgspec import Struct

from contracts.findings import Finding, Severity
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.rules.schema import WRONG_TYPE
from contracts.rules.values.surprises import PATIENTS_EXCEED_ENCOUNTERS
from contracts.run_data import RunData

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

_SLICE_ROWS = 2_000
"""Rows decoded at a time: decoded arrays take many times the memory of their text."""
_POINTS = pl.List(pl.Struct({"period": pl.String, "value": pl.Float64}))
_PLAIN_NAME = re.compile(r"\w+")


def check_metadata(data: RunData) -> list[Finding]:
    """Keys and totals of metadata; nodes whose definitions list the same columns go together."""
    nodes: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    definitions = data.auxiliary["node_definitions"].unique("canonical_node_id", maintain_order=True)
    for definition in definitions.to_dicts():
        columns = [
            column
            for column in json.loads(definition["metadata_columns"])
            if _PLAIN_NAME.fullmatch(column["id"])
        ]
        names = tuple(column["id"] for column in columns)
        periodic = tuple(column["id"] for column in columns if column["aggregation"] == PER_PERIOD)
        nodes.setdefault((names, periodic), []).append(definition["canonical_node_id"])
    entities = data.frames["raw_entity_results"].filter(~pl.col("source_file").str.ends_with(".json"))
    found: list[Finding] = []
    for (names, periodic), node_ids in nodes.items():
        rows = entities.filter(pl.col("canonical_node_id").is_in(node_ids))
        if rows.height:
            found += _missing_keys(rows, names, periodic)
        if rows.height and periodic:
            found += _months_and_totals(rows, periodic)
    return found


def _missing_keys(rows: pl.DataFrame, names: tuple[str, ...], periodic: tuple[str, ...]) -> Iterator[Finding]:
    for rule, column, keys, path in (
        (METADATA_COLUMN_MISSING, "metadata", names, "/metadata"),
        (PER_PERIOD_COLUMN_MISSING, "metadata_per_period", periodic, "/metadata/per_period"),
    ):
        absent = {name: ~_has_key(column, name) for name in keys}
        if not absent:
            continue
        marked = rows.with_columns(**{f"absent_{name}": flag for name, flag in absent.items()})
        failing = marked.filter(pl.any_horizontal([f"absent_{name}" for name in absent]))
        yield from fold(
            rule,
            failing,
            lambda row, absent=absent: _absent_names(row, absent),  # type: ignore[misc]
            json_path=path,
        )


def _absent_names(row: dict[str, Any], names: dict[str, pl.Expr]) -> str:
    missing = [name for name in names if row[f"absent_{name}"]]
    return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"


def _has_key(column: str, name: str) -> pl.Expr:
    return pl.col(column).str.contains(rf'"{name}"\s*:').fill_null(False)


def _months_and_totals(rows: pl.DataFrame, periodic: tuple[str, ...]) -> Iterator[Finding]:
    """Decode the per-period arrays once and compare each with timeline and total."""
    unreadable: list[pl.DataFrame] = []
    suspects: list[pl.DataFrame] = []
    for part in rows.iter_slices(_SLICE_ROWS):
        try:
            decoded = _decode(part, periodic)
        except pl.exceptions.ComputeError:
            bad, good = _unreadable(part, periodic)
            unreadable.append(bad)
            try:
                decoded = _decode(good, periodic)
            except pl.exceptions.ComputeError:
                continue
        suspects.append(_suspects(decoded, periodic))
    if unreadable:
        yield from fold(
            WRONG_TYPE,
            pl.concat(unreadable),
            lambda row: str(row["reason"]),
            json_path=lambda row: str(row["pointer"]),
        )
    if suspects:
        yield from _contradictions(pl.concat(suspects), periodic)


def _suspects(decoded: pl.DataFrame, periodic: tuple[str, ...]) -> pl.DataFrame:
    """Rows where something differs: for each column its months, its total and the sum of its months."""
    read: dict[str, pl.Expr] = {}
    for name in periodic:
        points = pl.col("monthly").struct.field(name)
        read |= {
            f"{name} written": points.list.eval(_month()).list.join(" "),
            f"{name} sum": points.list.eval(pl.element().struct.field("value")).list.sum(),
            f"{name} total": pl.col("totals").struct.field(name),
        }
    differing = [condition for name in periodic for condition in (_other_months(name), _other_total(name))]
    found = decoded.with_columns(**read, more_patients=_more_patients(periodic)).drop("monthly", "totals")
    return found.filter(pl.any_horizontal(*differing, "more_patients"))


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
        pl.col("monthly").struct.field(name).list.eval(pl.element().struct.field("value"))
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


def _decode(rows: pl.DataFrame, periodic: tuple[str, ...]) -> pl.DataFrame:
    return rows.select(
        "source_file",
        "line_number",
        "facility_id",
        "entity_dimensions",
        months=pl.col("timeline").str.json_decode(_POINTS).list.eval(_month()).list.join(" "),
        monthly=pl.col("metadata_per_period").str.json_decode(pl.Struct(dict.fromkeys(periodic, _POINTS))),
        totals=pl.col("metadata").str.json_decode(pl.Struct(dict.fromkeys(periodic, pl.Float64))),
    ).filter(pl.col("monthly").is_not_null())


class _Point(Struct):
    period: str
    value: float | None = None


def _unreadable(rows: pl.DataFrame, periodic: tuple[str, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows whose metadata has another shape, with JSON ``pointer`` and ``reason``, and the other rows."""
    shapes: list[Any] = [
        msgspec.defstruct(name, [(column, kind | None, None) for column in periodic])
        for name, kind in (("Monthly", list[_Point]), ("Totals", float))
    ]
    monthly, totals = (msgspec.json.Decoder(shape) for shape in shapes)
    wrong: dict[int, tuple[str, str]] = {}
    texts = rows.select("metadata", "metadata_per_period").iter_rows()
    for number, (metadata, per_period) in enumerate(texts):
        for decoder, text, pointer in (
            (totals, metadata, "/metadata"),
            (monthly, per_period, "/metadata/per_period"),
        ):
            try:
                decoder.decode(text or "{}")
            except msgspec.ValidationError as error:
                message, _, path = str(error).partition(" - at `$")
                steps = path.rstrip("`").replace("[", "/").replace("]", "")
                wrong[number] = (pointer + steps.replace(".", "/"), message[0].lower() + message[1:])
    bad = pl.DataFrame(
        [(number, *place) for number, place in wrong.items()],
        schema={"row": pl.UInt32, "pointer": pl.String, "reason": pl.String},
        orient="row",
    )
    numbered = rows.with_row_index("row")
    return numbered.join(bad, on="row", maintain_order="left"), numbered.join(bad, on="row", how="anti")


def _month() -> pl.Expr:
    return pl.element().struct.field("period").str.replace_all("-", "", literal=True)


CHECKS = (check_metadata,)
