"""QC703, QC704, QC740, QC741: what is counted of all classifications, and how they are spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from contracts.findings import Finding, Severity
from contracts.json_values import number_at, value_at
from contracts.rules.classification.rows import CLASSIFICATIONS, INDEX, MANIFEST, SUMMARY, classified
from contracts.rules.folding import fold
from contracts.rules.gather import limited
from contracts.rules.rule import Rule
from contracts.run_data import RunData

TOTALS = Rule(
    "QC703",
    "classification-totals-differ",
    Severity.ERROR,
    "total_entities or signal_type_distribution is not what the classifications add up to",
    "The totals may belong to another classification",
    "Write index.json and manifest.json of the classification again",
)
SEVERITY_STATS = Rule(
    "QC704",
    "severity-stats-differ",
    Severity.ERROR,
    "severity_stats are not those of the classified severities",
    "The index may belong to another classification",
    "Write index.json of the classification again",
)
MIX = Rule(
    "QC740",
    "signal-types-one-sided",
    Severity.WARNING,
    "Nearly all entities have one signal type, or most of them are suspect data",
    "A classification that tells nothing apart is more often a fault of its inputs",
    "Look at the inputs of the classification",
)
UNKNOWN_TIER = Rule(
    "QC741",
    "unknown-tier",
    Severity.WARNING,
    "An optional tier is none of the documented ones",
    "The tier is shown as written, without a colour",
    "Use a documented tier, in any case",
)

RULES = (TOTALS, SEVERITY_STATS, MIX, UNKNOWN_TIER)

MEAN_TOLERANCE = 1e-9
"""Means of integers below 100: summing in another order changes far less."""
DOMINANT_SHARE = 0.95
SUSPECT_SHARE = 0.5
"""Reference runs have a tenth; small hospitals' facets are mostly suspect."""
LEAST_ENTITIES = 50
"""Shares of fewer entities mean little."""
TIERS: dict[str, tuple[str, ...]] = {
    "magnitude_tier": ("critical", "severe", "elevated", "marginal", "expected", "favorable", "excellent"),
    "trajectory_tier": (
        "rapidly_deteriorating",
        "deteriorating",
        "stable",
        "improving",
        "rapidly_improving",
    ),
    "consistency_tier": ("persistent", "variable", "transient"),
}


@dataclass(frozen=True, slots=True)
class Totals:
    """What one of the two files adds up to."""

    entities: int
    distribution: dict[str, int]
    severities: dict[str, float]


def _totals(data: RunData) -> list[Totals]:
    """Totals of the lines and of the summary; either may be right where they differ."""
    found = []
    for file, rows in (
        (CLASSIFICATIONS, data.frames["raw_classifications"]),
        (SUMMARY, data.auxiliary["classification_summary"]),
    ):
        if file in data.broken_files or rows.is_empty():
            continue
        rows = rows.unique("entity_key", keep="first")
        counts = rows["signal_type"].value_counts()
        severity = rows["severity"]
        stats = {"min": severity.min(), "max": severity.max(), "mean": severity.mean()}
        found.append(
            Totals(
                rows.height,
                dict(zip(counts["signal_type"], counts["count"], strict=True)),
                {name: float(value) for name, value in stats.items() if isinstance(value, int | float)},
            )
        )
    return found


def check_totals(data: RunData) -> list[Finding]:
    """Totals of index and manifest against the classifications."""
    totals = _totals(data)
    return limited(_differences(data, totals)) if totals else []


def _differences(data: RunData, totals: list[Totals]) -> Iterator[Finding]:
    for file in (INDEX, MANIFEST):
        document = data.document(file)
        total = number_at(document, "total_entities")
        if total is not None and total not in [item.entities for item in totals]:
            yield TOTALS.finding(
                "total_entities is not the number of classified entities",
                file=file,
                json_path="/total_entities",
                expected=str(totals[0].entities),
                actual=f"{total:g}",
            )
        distribution = value_at(document, "signal_type_distribution")
        if isinstance(distribution, dict):
            written = {name: count for name, count in distribution.items() if count != 0}
            if written not in [item.distribution for item in totals]:
                yield from _distribution(file, written, totals)
    for name in ("min", "max", "mean"):
        value = number_at(data.document(INDEX), "severity_stats", name)
        usual = [item.severities[name] for item in totals if name in item.severities]
        if value is not None and usual and all(abs(value - one) > MEAN_TOLERANCE for one in usual):
            yield SEVERITY_STATS.finding(
                f"{name} is not that of the classified severities",
                file=INDEX,
                json_path=f"/severity_stats/{name}",
                expected=f"{usual[0]!r} (tolerance {MEAN_TOLERANCE:g})",
                actual=repr(value),
            )


def _distribution(file: str, written: dict[str, object], totals: list[Totals]) -> Iterator[Finding]:
    """The types that differ from the file that fits best."""
    differences = [
        [
            name
            for name in {**item.distribution, **written}
            if item.distribution.get(name) != written.get(name)
        ]
        for item in totals
    ]
    best = min(range(len(totals)), key=lambda number: len(differences[number]))
    first, *others = differences[best]
    yield TOTALS.finding(
        f"the count of {first} is not that of the classified entities"
        + (f" (also {', '.join(others)})" if others else ""),
        file=file,
        json_path=f"/signal_type_distribution/{first}",
        expected=str(totals[best].distribution.get(first, 0)),
        actual=str(written.get(first, 0)),
    )


def check_mix(data: RunData) -> Iterator[Finding]:
    """Shares of signal types among all classified entities."""
    rows = classified(data)
    if rows.height < LEAST_ENTITIES:
        return
    for name, count in rows["signal_type"].value_counts(sort=True).iter_rows():
        limit = SUSPECT_SHARE if name == "suspect_data" else DOMINANT_SHARE
        if count > limit * rows.height:
            yield MIX.finding(
                f"{count / rows.height:.0%} of all entities are {name}",
                file=rows["source_file"][0],
                expected=f"at most {limit:.0%}",
                actual=f"{count} of {rows.height}",
            )


def check_tiers(data: RunData) -> Iterator[Finding]:
    """Optional tiers against their vocabularies."""
    for column, tiers in TIERS.items():
        unknown = data.frames["raw_classifications"].filter(~pl.col(column).str.to_lowercase().is_in(tiers))
        yield from fold(
            UNKNOWN_TIER,
            unknown,
            f"{column} is unknown",
            json_path=f"/{column}",
            expected=", ".join(tiers),
            actual=lambda row, column=column: row[column],  # type: ignore[misc]
        )


CHECKS = (check_totals, check_mix, check_tiers)
