"""One defect for each rule over classifications (QC7xx)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from tests.support.run_copies import CLASSIFICATIONS, FACILITY_MONTHLY, SUMMARY, RunCopy

Json = dict[str, Any]
Corruption = Callable[[RunCopy], None]

INDEX = "analysis/classification/index.json"
DISCHARGES = "results/nodes/losIndex__medicareId_dischargeStatus__dischargeMonth.jsonl"

LINE = 2
"""A facility with all months: favorable, stable, baseline; no spike is as great as its deviation."""
UNREMARKABLE = 7
"""A facility whose greatest z-score is no spike by any bound."""
SHIFT = 0.01
"""Far above every tolerance, far too little to change an indicator."""
EARLY = 0.001
"""An acceleration that is neutral, as none is."""


def line(change: Callable[[Json], object], number: int = LINE) -> Corruption:
    """Change the object on a line in place."""

    def apply(item: Json) -> None:
        change(item)

    return lambda run: run.edit_line(CLASSIFICATIONS, number, apply)


def _member(name: str, **values: object) -> Corruption:
    return line(lambda item: item[name].update(values))


def _shifted(name: str) -> Corruption:
    return line(lambda item: item["inputs"].update({name: item["inputs"][name] + SHIFT}))


def summary(run: RunCopy, number: int, **values: object) -> None:
    """Change cells of the row that sums up a line."""
    rows = list(csv.DictReader(io.StringIO(run.read(SUMMARY).decode())))
    rows[number - 1].update({name: str(value) for name, value in values.items()})
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    run.write(SUMMARY, text.getvalue().encode())


def _accelerate_early(run: RunCopy) -> None:
    """An acceleration for an entity with fewer than 12 months, wherever the run says it."""
    number, key = next(
        (number, item["entity_key"])
        for number, item in enumerate(documents(run, CLASSIFICATIONS), 1)
        if 6 <= item["period_count"] < 12 and "dischargeStatus" in item["entity_key"]
    )
    place = next(
        place
        for place, item in enumerate(documents(run, DISCHARGES), 1)
        if {part["id"]: part["value"] for part in item.get("entity", [])} == key
    )

    def compute(item: Json) -> None:
        item["statistical_methods"][2]["statistics"]["acceleration"] = EARLY

    line(lambda item: item["inputs"].update(acceleration=EARLY), number)(run)
    run.edit_line(DISCHARGES, place, compute)
    summary(run, number, acceleration=EARLY)


def documents(run: RunCopy, relative: str) -> list[Json]:
    """Objects of all lines."""
    return [json.loads(text) for text in run.read(relative).splitlines()]


def _without_timelines(run: RunCopy) -> None:
    """A greatest z-score below the mean, where no timeline is there to tell which of them is wrong."""
    run.file(FACILITY_MONTHLY).unlink()
    _member("inputs", max_abs_deviation=0.5)(run)


def _restate(run: RunCopy) -> None:
    """Two other severities with the same mean, explained and summed up as if they were right."""
    for number, step in ((LINE, 1), (UNREMARKABLE, -1)):
        severity = documents(run, CLASSIFICATIONS)[number - 1]["severity"] + step

        def change(item: Json, severity: int = severity, step: int = step) -> None:
            item["severity"] = item["severity_calculation"]["final"] = severity
            item["severity_calculation"]["base"] += step

        run.edit_line(CLASSIFICATIONS, number, change)
        summary(run, number, severity=severity)


def _suspect(run: RunCopy) -> None:
    for number in range(1, 10):
        line(lambda item: item.update(signal_type="suspect_data"), number)(run)


def _count(document: Json) -> None:
    document["total_entities"] += 1


def _mean(document: Json) -> None:
    document["severity_stats"]["mean"] += SHIFT


CORRUPTIONS: dict[str, Corruption] = {
    "QC701": line(lambda item: item["entity_key"].update(medicareId="000000")),
    "QC702": lambda run: summary(run, LINE, severity=42),
    "QC703": lambda run: run.edit(INDEX, _count),
    "QC704": lambda run: run.edit(INDEX, _mean),
    "QC710": _shifted("aggregate_zscore"),
    "QC711": _shifted("slope_percentile"),
    "QC712": _shifted("zscore_std"),
    "QC713": line(lambda item: item.update(period_count=11)),
    "QC714": line(lambda item: item.update(suppressed=True)),
    "QC715": _without_timelines,
    "QC716": _accelerate_early,
    "QC720": _member("derived_indicators", position="normal"),
    "QC721": _member("derived_indicators", trend="worsening"),
    "QC722": _member("derived_indicators", momentum="accelerating"),
    "QC723": _member("derived_indicators", consistency="consistent"),
    "QC724": line(lambda item: item["derived_indicators"].update(has_spike=True), UNREMARKABLE),
    "QC730": line(lambda item: item.update(signal_type="suspect_data")),
    "QC731": line(lambda item: item.update(signal_type="emerging_risk")),
    "QC732": line(lambda item: item.update(severity=20)),
    "QC733": line(lambda item: item.update(severity_range=[20, 59])),
    "QC734": _member("severity_calculation", base=50),
    "QC735": _restate,
    "QC740": _suspect,
    "QC741": line(lambda item: item.update(magnitude_tier="heavenly")),
}
