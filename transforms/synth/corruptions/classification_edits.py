"""Ways to change classifications and their summary, shared by the defects of QC7xx."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from transforms.synth.corruptions.artifacts import CLASSIFICATIONS, SUMMARY
from transforms.synth.corruptions.edit import Apply, Json, Place, RunEditor, in_line

SHIFT = 0.01
"""Far above every tolerance, far too little to change an indicator of a typical line."""
_STEPS_OF_SLOPE = (20, 40, 60, 80)


def is_typical(item: Json) -> bool:
    """A favorable, stable entity with all months, whose numbers lie away from every bound.

    A small step of a number changes no word then, and any other word is a wrong one.
    """
    inputs = item["inputs"]
    if item["suppressed"] or item["period_count"] < 12 or None in inputs.values():
        return False
    slope = inputs["slope_percentile"]
    return bool(
        item["signal_type"] == "baseline"
        and -0.97 < inputs["aggregate_zscore"] < -0.53
        and 31 < slope < 69
        and all(abs(slope - bound) > 0.1 for bound in _STEPS_OF_SLOPE)
        and abs(inputs["acceleration"]) > 0.02
        and inputs["zscore_std"] > 0.55
    )


def typical_line(run: RunEditor) -> int:
    """Number of the first typical line."""
    return run.find(CLASSIFICATIONS, is_typical, "favorable and stable entity")


def on_typical(change: Callable[[Json], object], json_path: str) -> Apply:
    """Change the first typical line in place."""

    def apply(run: RunEditor) -> Place:
        return in_line(CLASSIFICATIONS, typical_line(run), change, json_path)(run)

    return apply


def member(name: str, key: str, value: object) -> Apply:
    """Write another value into an object of the first typical line."""
    return on_typical(lambda item: item[name].update({key: value}), f"/{name}/{key}")


def shifted(name: str) -> Apply:
    """Add a little to an input of the first typical line."""
    return on_typical(
        lambda item: item["inputs"].update({name: item["inputs"][name] + SHIFT}), f"/inputs/{name}"
    )


def summarise(run: RunEditor, number: int, **values: object) -> None:
    """Change cells of the row that sums up line ``number``."""
    rows = list(csv.DictReader(io.StringIO(run.read(SUMMARY).decode())))
    rows[number - 1].update({name: str(value) for name, value in values.items()})
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    run.write(SUMMARY, text.getvalue().encode())
