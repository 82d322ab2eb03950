"""One defect for each rule over contributions (QC8xx)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.support.run_copies import RunCopy

Json = dict[str, Any]
Corruption = Callable[[RunCopy], None]

CHILD = "losIndex__medicareId_vizientServiceLine__aggregate_time_period"
FOLDER = "analysis/contribution"
FILE = f"{FOLDER}/{CHILD}.losIndex.jsonl"
STRAY = f"{FOLDER}/{CHILD}.other.jsonl"
INDEX = f"{FOLDER}/index.json"
ARGUMENTS = f"{FOLDER}/manifests/cli/run_args.json"

LINE = 2
"""An only child."""
SIBLING = 6
"""One of two children of a parent; the other follows."""
SHIFT = 0.01
"""Far above every tolerance."""


def line(change: Callable[[Json], object], number: int = LINE) -> Corruption:
    """Change the object on a line of the metric's file in place."""

    def apply(item: Json) -> None:
        change(item)

    return lambda run: run.edit_line(FILE, number, apply)


def index(change: Callable[[Json], object]) -> Corruption:
    """Change the contribution index in place."""

    def apply(document: Json) -> None:
        change(document)

    return lambda run: run.edit(INDEX, apply)


def shifted(name: str, number: int = LINE, by: float = SHIFT) -> Corruption:
    """Add to a number of a line."""
    return line(lambda item: item.update({name: item[name] + by}), number)


def artifact(document: Json) -> Json:
    """The index entry of the file that is changed."""
    found: Json = document["parents"][0]["metric_artifacts"][0]
    return found


def _stray(run: RunCopy) -> None:
    rows = [json.loads(text) for text in run.read(FILE).splitlines()]
    text = "".join(json.dumps({**row, "metric_id": "other"}) + "\n" for row in rows)
    run.write(STRAY, text.encode())


def _unweighted(run: RunCopy) -> None:
    """Shares of two children that nothing is known to be the shares of."""

    def change(item: Json) -> None:
        share = item["weight_share"] / 2
        component = share * item["child_value"]
        item.update(weight_value=None, weight_share=share, contribution_value=share)
        item.update(raw_component=component, weighted_child_value=component)
        item.update(excess_over_parent=share * (item["child_value"] - item["parent_value"]))

    for number in (SIBLING, SIBLING + 1):
        line(change, number)(run)


def _last_argument(document: Json) -> None:
    document["parent_node_ids"].pop()


CORRUPTIONS: dict[str, Corruption] = {
    "QC801": index(lambda document: document["parents"].pop()),
    "QC802": index(lambda document: artifact(document).update(metric_id="other")),
    "QC803": index(lambda document: document["parents"][0].update(child_rows=1)),
    "QC804": index(lambda document: artifact(document).update(row_count=artifact(document)["row_count"] + 1)),
    "QC805": _stray,
    "QC806": lambda run: run.edit(ARGUMENTS, _last_argument),
    "QC810": line(lambda item: item.update(metric_id="other")),
    "QC811": line(lambda item: item["child_entity"].update(medicareId="BTC150")),
    "QC812": line(lambda item: item["child_entity"].update(vizientServiceLine="Alchemy")),
    "QC813": line(lambda item: item.update(parent_node_id=None)),
    "QC820": shifted("child_value"),
    "QC821": shifted("weight_value", SIBLING, 1.0),
    "QC822": shifted("weight_share", SIBLING),
    "QC823": _unweighted,
    "QC824": shifted("raw_component"),
    "QC825": shifted("excess_over_parent"),
    "QC826": line(lambda item: item.update(method="guess")),
}
