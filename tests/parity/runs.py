"""Runs that are hard on engines: what real runs hold at their worst, in one of a few hundred entities."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transforms.synth.generator import generate_run

FIRST, SECOND = "20260401070000", "20260501070000"
# In JSON: letters of many scripts, quotes, a backslash, what patterns and separators are made of.
NAMES = ("Ñandú “東京” 🏥", 'say "hi"', "back\\slash", "100%_a/b", "  spaces  ", "漢字'c", "Ünïcödé ß")

Json = dict[str, Any]


def nasty_runs(folder: Path) -> list[Path]:
    """Two runs of one graph: two metrics with all that is nasty, and one that lacks most families."""
    nasty = generate_run(folder, facilities=18, metrics=2, months=7, seed=5, graph_name="nasty", run_id=FIRST)
    _rename(nasty)
    for path in sorted((nasty / "results" / "nodes").glob("*.jsonl")):
        _edit_lines(path, _spoil)
    _edit_lines(nasty / "analysis" / "classification" / "classifications.jsonl", _suppress)
    poor = generate_run(folder, facilities=16, metrics=1, months=3, seed=6, graph_name="nasty", run_id=SECOND)
    for family in ("analysis/contribution", "analysis/narrative", "modeling"):
        shutil.rmtree(poor / family)
    return [nasty, poor]


def _rename(run: Path) -> None:
    """Give systems, facilities and dimension values other names, the same ones in every line file."""
    files = sorted(run.rglob("*.jsonl"))
    names: dict[str, str] = {}
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            document = json.loads(line)
            metadata = document.get("metadata") if isinstance(document.get("metadata"), dict) else {}
            found = [metadata.get("systemName"), metadata.get("facility")] if metadata else []
            found += [item["value"] for item in document.get("entity", []) if item["id"] != "medicareId"]
            for name in found:
                if isinstance(name, str) and name not in names:
                    names[name] = f"{NAMES[len(names) % len(NAMES)]} {len(names)}"
    assert len(names) > len(NAMES)
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        renamed = [json.dumps(_replace(json.loads(line), names), ensure_ascii=False) for line in lines]
        path.write_text("\n".join(renamed) + "\n", encoding="utf-8")


def _replace(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replace(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_replace(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def _edit_lines(path: Path, change: Callable[[int, Json], None]) -> None:
    documents = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, document in enumerate(documents):
        change(number, document)
    path.write_text(
        "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents), encoding="utf-8"
    )


def _spoil(number: int, document: Json) -> None:
    if "entity" not in document:
        return
    if number % 3 == 0:
        for metric in document["metric"]:
            if isinstance(metric["values"], dict):
                for point in metric["values"]["timeline"][1:3]:
                    point["value"] = None
    if number % 4 == 0:
        document["metadata"].pop("encounters", None)
        document["metadata"].pop("systemName", None)
    if number % 5 == 0:
        method = document["statistical_methods"][number % 2]
        method["statistics"] = {"suppressed": True}
        method.pop("anomalies", None)
    if number % 7 == 0:
        for method in document["statistical_methods"]:
            method["statistics"] = {"suppressed": True}
    for method in document["statistical_methods"]:
        statistics = method["statistics"]
        for name in ("per_period_simple_zscores", "per_period_robust_zscores"):
            if number % 3 == 0 and statistics.get(name):
                statistics[name][0] = None


def _suppress(number: int, document: Json) -> None:
    if number % 6 == 0:
        document["suppressed"] = True
    if number % 9 == 0:
        document["coefficient_of_variation"] = None
