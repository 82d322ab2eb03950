"""One defect for each rule over modeling, narratives, the bundle, times and reports (QC9xx)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from transforms.synth.corruptions.artifacts import (
    ANALYTICS_REPORT,
    BUNDLE,
    CLASSIFICATION_INDEX,
    CLASSIFICATIONS,
    EXPERIMENTS,
    NARRATIVES,
    REPORT,
    SHAP,
)
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import Apply, Json, Place, RunEditor, at, in_document, remove

_FEATURE_LINE = 4


def _metric(number: int, name: str, value: float) -> Apply:
    return in_document(
        EXPERIMENTS,
        lambda items: items[number]["metrics"].update({name: value}),
        f"/{number}/metrics/{name}",
    )


def _double_mean(run: RunEditor) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        number = _FEATURE_LINE - 1
        feature, mean_abs, _, count = lines[number].strip().split(b",")
        lines[number] = b",".join((feature, mean_abs, str(-2 * float(mean_abs)).encode(), count)) + b"\n"
        return lines

    run.edit_lines(SHAP, change)


def in_narrative(old: bytes, new: bytes, *, places_line: bool = True) -> Apply:
    """Replace bytes of the first narrative; ``places_line`` where the rule tells the line."""

    def apply(run: RunEditor) -> Place:
        narrative = run.one(NARRATIVES)
        line = run.line_of(narrative, old.strip(b"\n"))
        run.replace(narrative, old, new)
        return Place(narrative, line if places_line else None)

    return apply


def _repeat_identifier(run: RunEditor) -> Place:
    types = json.loads(run.read(BUNDLE))["group_by_types"]
    number = next(number for number, item in enumerate(types) if len(item["allowed_values"]) > 1)

    def change(bundle: Any) -> None:
        values = bundle["group_by_types"][number]["allowed_values"]
        values[0]["identifier"] = values[1]["identifier"]

    return in_document(BUNDLE, change, f"/group_by_types/{number}/allowed_values")(run)


def write_reports(
    run: RunEditor,
    *,
    summary: Json | None = None,
    suppressed: dict[str, int] | None = None,
    analytics: Json | None = None,
) -> None:
    """Write both validation reports as an engine would, less what the arguments replace.

    ``suppressed`` are numbers of suppressed records by method, and ``analytics`` members of the
    second report.
    """
    rows = run.documents(CLASSIFICATIONS)
    missing = {
        "simple_zscore": sum(row["suppressed"] for row in rows),
        "slope_percentile": sum(row["inputs"]["slope_percentile"] is None for row in rows),
    } | (suppressed or {})
    findings = [
        {
            "severity": "warning",
            "code": "ED005",
            "message": "suppressed record without a reason",
            "details": {"statistical_method": f"statistical_method__{method}__x", "entity": [number]},
        }
        for method, count in missing.items()
        for number in range(count)
    ]
    layer = {"layer_id": "5_extended_dimensions", "status": "warn", "findings": findings}
    counts = {
        "total_layers": 1,
        "passed": 0,
        "failed": 0,
        "warnings": 1,
        "total_findings": len(findings),
        "total_errors": 0,
    } | (summary or {})
    for file, time, changes in (
        (REPORT, "2026-03-01T07:00:30.000000+00:00", {}),
        (ANALYTICS_REPORT, "2026-03-01T09:00:00.000000+00:00", analytics or {}),
    ):
        report: Json = {"timestamp": time, "layers": {layer["layer_id"]: layer}, "summary": counts}
        run.write(file, json.dumps(report | changes).encode())


def _reports(place: Place, **changes: Any) -> Apply:
    write: Callable[[RunEditor], object] = lambda run: write_reports(run, **changes)  # noqa: E731
    return at(write, place.file, place.line, place.json_path)


CORRUPTIONS = (
    Corruption("QC901", "The mean absolute error of a model is 9", _metric(1, "mae", 9.0)),
    Corruption(
        "QC902", "A fraction of capped predictions is 1.2", _metric(0, "capped_pred_original_fraction", 1.2)
    ),
    Corruption(
        "QC903",
        "The mean SHAP value of a feature is twice its mean absolute value",
        at(_double_mean, SHAP, _FEATURE_LINE, "/mean_shap"),
    ),
    Corruption(
        "QC904", "A table of SHAP values is deleted that an experiment names", at(remove(SHAP), EXPERIMENTS)
    ),
    Corruption(
        "QC911",
        "A narrative begins with a heading of the second rank",
        in_narrative(b"# Contribution", b"## Contribution"),
    ),
    Corruption(
        "QC912",
        "The title of a narrative names another facility than its file",
        in_narrative(b"Medicare ID ", b"Medicare ID 9"),
    ),
    Corruption(
        "QC913",
        "The header of a narrative gives a time without its zone",
        in_narrative(b" UTC", b"", places_line=False),
    ),
    Corruption(
        "QC914",
        "A narrative has a heading that nobody knows",
        in_narrative(b"## Executive", b"## Short"),
    ),
    Corruption(
        "QC921",
        "A metric of the bundle belongs to a domain called Magic",
        in_document(BUNDLE, lambda bundle: bundle["metrics"][0].update(domain="Magic"), "/metrics/0/domain"),
    ),
    Corruption("QC922", "Two allowed values of the bundle have the same identifier", _repeat_identifier),
    Corruption(
        "QC931",
        "The classification is six years older than the run",
        in_document(
            CLASSIFICATION_INDEX,
            lambda index: index.update(generated_at="2020-01-01T00:00:00.000000+00:00"),
            "/generated_at",
        ),
    ),
    Corruption(
        "QC932",
        "The bundle was generated yesterday, in that word",
        in_document(BUNDLE, lambda bundle: bundle.update(generated_at="yesterday"), "/generated_at"),
    ),
    Corruption(
        "QC941",
        "A validation report counts three layers as passed and holds none",
        _reports(Place(REPORT, None, "/summary/passed"), summary={"passed": 3}),
    ),
    Corruption(
        "QC942",
        "A validation report lists no suppressed z-score where the classification has some",
        _reports(Place(REPORT, None, "/layers"), suppressed={"simple_zscore": 0}),
    ),
    Corruption(
        "QC943",
        "The second validation report lists nothing of what the first found",
        _reports(Place(ANALYTICS_REPORT, None, "/layers"), analytics={"layers": {}, "summary": {}}),
    ),
)
