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
    try:
        decoded = _decode(rows, periodic)
    except pl.exceptions.ComputeError:
        bad, wrong = _unreadable(rows, periodic)
        yield from fold(
            WRONG_TYPE,
            bad,
            lambda row: wrong[row["row"]][1],
            json_path=lambda row: wrong[row["row"]][0],
        )
        try:
            decoded = _decode(rows.with_row_index("row").join(bad, on="row", how="anti"), periodic)
        except pl.exceptions.ComputeError:
            return
    for name in periodic:
        points = pl.col("monthly").struct.field(name)
        column = decoded.filter(points.is_not_null()).with_columns(
            written=points.list.eval(_month()).list.join(" "),
            sum=points.list.eval(pl.element().struct.field("value")).list.sum(),
            total=pl.col("totals").struct.field(name),
        )
        other_months = column.filter(pl.col("written") != pl.col("months"))
        yield from fold(
            PER_PERIOD_MONTHS,
            other_months,
            f"the months of {name} are not those of the timeline",
            json_path=f"/metadata/per_period/{name}",
            expected=lambda row: row["months"],
            actual=lambda row: row["written"],
        )
        allowed = TOTAL_TOLERANCE * pl.max_horizontal(pl.lit(1.0), pl.col("sum").abs())
        yield from fold(
            PER_PERIOD_TOTAL,
            column.filter((pl.col("total") - pl.col("sum")).abs() > allowed),
            f"{name} is not the sum of its months",
            json_path=f"/metadata/{name}",
            expected=lambda row: f"{row['sum']!r} (tolerance {TOTAL_TOLERANCE:g})",
            actual=lambda row: repr(row["total"]),
        )
    if {"encounters", "uniquePatients"} <= set(periodic):
        yield from _monthly_patients(decoded)


def _monthly_patients(decoded: pl.DataFrame) -> list[Finding]:
    patients, encounters = (
        pl.col("monthly").struct.field(name).list.eval(pl.element().struct.field("value"))
        for name in ("uniquePatients", "encounters")
    )
    same = decoded.filter(patients.list.len() == encounters.list.len())
    excess = same.filter((patients - encounters).list.max() > 0)
    return fold(
        PATIENTS_EXCEED_ENCOUNTERS,
        excess,
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


def _unreadable(
    rows: pl.DataFrame, periodic: tuple[str, ...]
) -> tuple[pl.DataFrame, dict[int, tuple[str, str]]]:
    """Rows whose metadata has another shape, each with JSON pointer and what is wrong."""
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
    bad = pl.DataFrame({"row": list(wrong)}, schema={"row": pl.UInt32})
    return rows.with_row_index("row").join(bad, on="row"), wrong


def _month() -> pl.Expr:
    return pl.element().struct.field("period").str.replace_all("-", "", literal=True)


CHECKS = (check_metadata,)
