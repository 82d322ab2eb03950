"""One defect for each rule over contributions (QC8xx)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

from transforms.synth.corruptions.artifacts import (
    CONTRIBUTION_ARGUMENTS,
    CONTRIBUTION_FOLDER,
    CONTRIBUTION_INDEX,
    CONTRIBUTIONS,
    SEGMENT_NODE,
)
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import (
    Apply,
    Json,
    NothingToCorrupt,
    Place,
    RunEditor,
    at,
    in_document,
    in_line,
)

STRAY = f"{CONTRIBUTION_FOLDER}/{SEGMENT_NODE}.other.jsonl"
"""A file of contributions that no index names."""
ARTIFACTS_PATH = "/parents/0/metric_artifacts"
SHIFT = 0.01
"""Far above every tolerance."""


def only_child(run: RunEditor) -> int:
    """Number of the first line whose parent has as few children as any."""
    children = _children(run)
    return children.index(min(children)) + 1


def sibling(run: RunEditor) -> int:
    """Number of the first line whose parent has other children."""
    for number, count in enumerate(_children(run), 1):
        if count > 1:
            return number
    raise NothingToCorrupt(CONTRIBUTIONS, "parent with several children")


def _children(run: RunEditor) -> list[int]:
    """How many children the parent of each line has."""
    parents = [json.dumps(item["parent_entity"]) for item in run.documents(CONTRIBUTIONS)]
    count = Counter(parents)
    return [count[parent] for parent in parents]


def on_child(
    change: Callable[[Json], object], json_path: str, which: Callable[[RunEditor], int] = only_child
) -> Apply:
    """Change the object on a line of the metric's file in place."""
    return lambda run: in_line(CONTRIBUTIONS, which(run), change, json_path)(run)


def shifted(name: str, which: Callable[[RunEditor], int] = only_child, by: float = SHIFT) -> Apply:
    """Add to a number of a line."""
    return on_child(lambda item: item.update({name: item[name] + by}), f"/{name}", which)


def artifact(document: Json) -> Json:
    """The index entry of the metric's file."""
    found: Json = document["parents"][0]["metric_artifacts"][0]
    return found


def _add_stray_file(run: RunEditor) -> None:
    rows = run.documents(CONTRIBUTIONS)
    text = "".join(json.dumps({**row, "metric_id": "other"}) + "\n" for row in rows)
    run.write(STRAY, text.encode())


def _exchange_facility(run: RunEditor) -> Place:
    number = only_child(run)
    rows = run.documents(CONTRIBUTIONS)
    own = rows[number - 1]["child_entity"]["medicareId"]
    other = next(
        row["child_entity"]["medicareId"] for row in rows if row["child_entity"]["medicareId"] != own
    )
    return in_line(
        CONTRIBUTIONS, number, lambda item: item["child_entity"].update(medicareId=other), "/child_entity"
    )(run)


def _without_parent_node(run: RunEditor) -> Place:
    on_child(lambda item: item.update(parent_node_id=None), "")(run)
    return Place(CONTRIBUTIONS)


def _without_weights(run: RunEditor) -> Place:
    """Shares of all children of a parent that nothing is known to be the shares of."""

    def change(item: Json) -> None:
        share = item["weight_share"] / 2
        component = share * item["child_value"]
        item.update(weight_value=None, weight_share=share, contribution_value=share)
        item.update(raw_component=component, weighted_child_value=component)
        item.update(excess_over_parent=share * (item["child_value"] - item["parent_value"]))

    first = sibling(run)
    parent = run.documents(CONTRIBUTIONS)[first - 1]["parent_entity"]
    for number, item in enumerate(run.documents(CONTRIBUTIONS), 1):
        if item["parent_entity"] == parent:
            in_line(CONTRIBUTIONS, number, change)(run)
    return Place(CONTRIBUTIONS, first, "/weight_share")


def _guess_all(run: RunEditor) -> Place:
    """Every row: shares of one that is computed otherwise would not fit those of its siblings."""
    rows = run.documents(CONTRIBUTIONS)
    text = "".join(json.dumps({**row, "method": "guess"}) + "\n" for row in rows)
    run.write(CONTRIBUTIONS, text.encode())
    return Place(CONTRIBUTIONS, 1, "/method")


CORRUPTIONS = (
    Corruption(
        "QC801",
        "The contribution index lacks its last parent",
        in_document(CONTRIBUTION_INDEX, lambda document: document["parents"].pop(), "/parents"),
    ),
    Corruption(
        "QC802",
        "An entry of the contribution index names another metric than its file",
        in_document(
            CONTRIBUTION_INDEX,
            lambda document: artifact(document).update(metric_id="other"),
            f"{ARTIFACTS_PATH}/0/metric_id",
        ),
    ),
    Corruption(
        "QC803",
        "child_rows of a parent is 1, not the sum of its files",
        in_document(
            CONTRIBUTION_INDEX,
            lambda document: document["parents"][0].update(child_rows=1),
            "/parents/0/child_rows",
        ),
    ),
    Corruption(
        "QC804",
        "The contribution index announces one row more than a file has",
        in_document(
            CONTRIBUTION_INDEX,
            lambda document: artifact(document).update(row_count=artifact(document)["row_count"] + 1),
            f"{ARTIFACTS_PATH}/0/row_count",
        ),
    ),
    Corruption(
        "QC805",
        "A file of contributions lies in the folder that its index does not name",
        at(_add_stray_file, STRAY),
    ),
    Corruption(
        "QC806",
        "The arguments of the contribution command lack the last parent",
        in_document(
            CONTRIBUTION_ARGUMENTS, lambda document: document["parent_node_ids"].pop(), "/parent_node_ids"
        ),
    ),
    Corruption(
        "QC810",
        "A contribution is of another metric than its file",
        on_child(lambda item: item.update(metric_id="other"), "/metric_id"),
    ),
    Corruption("QC811", "A child belongs to another facility than its parent", _exchange_facility),
    Corruption(
        "QC812",
        "A contribution is of a service line that the node does not have",
        on_child(lambda item: item["child_entity"].update(vizientServiceLine="Alchemy"), "/child_entity"),
    ),
    Corruption("QC813", "A contribution names no parent node", _without_parent_node),
    Corruption("QC820", "The value of a child is 0.01 more than in its node", shifted("child_value")),
    Corruption(
        "QC821",
        "The weight of a child is one more than its count",
        shifted("weight_value", sibling, 1.0),
    ),
    Corruption(
        "QC822",
        "The share of a child is 0.01 more than its weight over that of all",
        shifted("weight_share", sibling),
    ),
    Corruption("QC823", "The shares of the children of a parent sum to one half", _without_weights),
    Corruption("QC824", "A component is 0.01 more than share times value", shifted("raw_component")),
    Corruption("QC825", "The excess of a child is 0.01 too high", shifted("excess_over_parent")),
    Corruption("QC826", "All contributions of a file were computed by a method called guess", _guess_all),
)
