"""QC921, QC922: vocabularies and identifiers of the metadata bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from contracts.findings import Finding, Severity
from contracts.json_values import JsonObject, objects_at, text_at
from contracts.rules.rule import Rule
from contracts.run_data import RunData

UNKNOWN_TERM = Rule(
    "QC921",
    "unknown-bundle-term",
    Severity.WARNING,
    "The metadata bundle uses a word outside the known vocabulary",
    "Dashboards may not know how to show it",
    "Use a documented word, or teach the dashboard the new one",
)
DUPLICATE_IDENTIFIER = Rule(
    "QC922",
    "duplicate-bundle-identifier",
    Severity.WARNING,
    "An identifier of the metadata bundle is there twice",
    "A lookup by identifier finds only one of the two",
    "Give each entry an identifier of its own; look values up by label",
)

RULES = (UNKNOWN_TERM, DUPLICATE_IDENTIFIER)

METADATA_BUNDLE = "metadata_bundle.json"

VOCABULARIES: dict[tuple[str, str], frozenset[str]] = {
    ("metrics", "domain"): frozenset({"Efficiency", "Safety", "Effectiveness", "Utilization"}),
    ("metrics", "polarity"): frozenset({"lower_is_better", "higher_is_better", "neutral"}),
    ("metrics", "unit_type"): frozenset({"count", "days", "percentage", "ratio"}),
    ("edge_types", "ui_behavior"): frozenset({"expand", "slide_right"}),
    ("edge_types", "direction"): frozenset({"forward", "bidirectional"}),
    ("edge_types", "category"): frozenset({"analytical", "causal", "hierarchical", "temporal"}),
    ("group_by_types", "category"): frozenset({"entity", "status_flow", "time", "coverage"}),
}
"""Words of each field that dashboards know."""

_ARRAYS = ("metrics", "edge_types", "tag_types", "comparison_modes", "group_by_types", "group_by_sets")


def check_bundle(data: RunData) -> list[Finding]:
    """Words and identifiers of the bundle."""
    bundle = data.document(METADATA_BUNDLE)
    return [*_terms(bundle), *_identifiers(bundle)]


def _terms(bundle: JsonObject) -> Iterator[Finding]:
    for (array, field), known in VOCABULARIES.items():
        strange = [
            (position, word)
            for position, item in enumerate(objects_at(bundle, array))
            if (word := text_at(item, field)) is not None and word not in known
        ]
        if strange:
            position, word = strange[0]
            yield UNKNOWN_TERM.finding(
                f"{field} of {array} has a new word",
                file=METADATA_BUNDLE,
                json_path=f"/{array}/{position}/{field}",
                expected=", ".join(sorted(known)),
                actual=word,
                count=len(strange),
            )


def _identifiers(bundle: JsonObject) -> Iterator[Finding]:
    for array in _ARRAYS:
        field = "metric_id" if array == "metrics" else "id"
        ids = (text_at(item, field) for item in objects_at(bundle, array))
        yield from _repeated(ids, f"/{array}", f"{array} have the {field}")
    for position, item in enumerate(objects_at(bundle, "group_by_types")):
        ids = (text_at(value, "identifier") for value in objects_at(item, "allowed_values"))
        name = text_at(item, "id")
        yield from _repeated(
            ids, f"/group_by_types/{position}/allowed_values", f"allowed values of {name} have the identifier"
        )


def _repeated(ids: Iterator[str | None], path: str, what: str) -> Iterator[Finding]:
    repeated = {name: count for name, count in Counter(ids).items() if name is not None and count > 1}
    if repeated:
        name, count = next(iter(repeated.items()))
        yield DUPLICATE_IDENTIFIER.finding(
            f"{count} {what} {name!r}",
            file=METADATA_BUNDLE,
            json_path=path,
            actual=", ".join(list(repeated)[:5]),
            count=len(repeated),
        )
