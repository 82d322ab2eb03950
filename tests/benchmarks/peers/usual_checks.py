"""Checks of a run the usual way: jsonschema line by line, then pandera on pandas.

Shapes, types, ranges and allowed values, keys, and the arithmetic of contributions: a part of what
preflight checks, which recomputes statistics as well. Run it on a run directory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]
import pandera.pandas as pa
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from contracts.tables.analysis import SIGNAL_TYPES
from contracts.tables.results import ANOMALY_TIERS

Row = dict[str, Any]

_NUMBER = {"type": ["number", "null"]}
_TEXT = {"type": "string"}
_SCORES = (
    *("simple_zscore", "robust_zscore", "peer_mean", "peer_std", "percentile_rank", "slope"),
    *("mean_simple_zscore", "latest_simple_zscore", "mean_robust_zscore", "latest_robust_zscore"),
    *("slope_percentile", "acceleration", "end_start_delta", "peer_median", "peer_mad"),
)
_AMOUNTS = ("child_value", "parent_value", "weight_value", "weight_share", "excess_over_parent")
_INPUTS = ("aggregate_zscore", "slope_percentile", "acceleration", "zscore_std", "max_abs_deviation")


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required or properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_RULE = _object({"anomaly_method": _TEXT, "anomaly": _TEXT, "statistic_value": _NUMBER}, "anomaly")
_METHOD = _object(
    {
        "statistical_method": _TEXT,
        "statistics": _object(
            {**dict.fromkeys(_SCORES, _NUMBER), "suppressed": {"type": "boolean"}}, "suppressed"
        ),
        "anomalies": _list(_object({"methods": _list(_RULE)})),
    },
    "statistical_method",
    "statistics",
)
_SHAPES = {
    "results/nodes": Draft202012Validator(
        _object(
            {
                "entity": _list(_object({"id": _TEXT, "value": _TEXT})),
                "metric": _list(_object({"metadata": _object({"metric_id": _TEXT})})),
                "metadata": {"type": "object"},
                "statistical_methods": _list(_METHOD),
            }
        )
    ),
    "analysis/classification": Draft202012Validator(
        _object(
            {
                "node_id": _TEXT,
                "entity_key": {"type": "object", "additionalProperties": _TEXT},
                "signal_type": {"enum": list(SIGNAL_TYPES)},
                "severity": {"type": "number", "minimum": 0, "maximum": 100},
                "inputs": _object(dict.fromkeys(_INPUTS, _NUMBER)),
            }
        )
    ),
    "analysis/contribution": Draft202012Validator(
        _object(
            {
                **dict.fromkeys(("parent_node_id", "child_node_id", "metric_id"), _TEXT),
                "parent_entity": {"type": "object", "additionalProperties": _TEXT},
                **dict.fromkeys(_AMOUNTS, _NUMBER),
            }
        )
    ),
}


def _column(kind: type, *checks: pa.Check) -> pa.Column:
    return pa.Column(kind, list(checks), nullable=kind is float, coerce=True)


_METHODS = pa.DataFrameSchema(
    {
        "entity": _column(str),
        "statistical_method": _column(str),
        **{name: _column(float) for name in _SCORES},
        "percentile_rank": _column(float, pa.Check.in_range(0, 100)),
        "peer_std": _column(float, pa.Check.ge(0)),
    },
    unique=["node", "entity", "statistical_method"],
)
_ANOMALIES = pa.DataFrameSchema(
    {"anomaly": _column(str, pa.Check.isin([*ANOMALY_TIERS, "no_score"])), "statistic_value": _column(float)}
)
_CLASSIFICATIONS = pa.DataFrameSchema(
    {
        "severity": _column(float, pa.Check.in_range(0, 100)),
        **{name: _column(float) for name in _INPUTS},
    },
    unique=["node_id", "entity"],
)


def _excess_follows(frame: pd.DataFrame) -> Any:
    expected = frame["weight_share"] * (frame["child_value"] - frame["parent_value"])
    return ((expected - frame["excess_over_parent"]).abs() <= 1e-9) | frame["excess_over_parent"].isna()


_CONTRIBUTIONS = pa.DataFrameSchema(
    {
        **{name: _column(float) for name in _AMOUNTS},
        "weight_share": _column(float, pa.Check.in_range(0, 1)),
    },
    checks=[pa.Check(_excess_follows)],
)


def check(run: Path) -> dict[str, int]:
    """Check ``run``; raises for what does not fit, and returns how many rows were checked."""
    methods: list[Row] = []
    anomalies: list[Row] = []
    for node, line in _lines(run, "results/nodes"):
        entity = json.dumps(line["entity"])
        for method in line["statistical_methods"]:
            key = {"node": node, "entity": entity, "statistical_method": method["statistical_method"]}
            statistics = method["statistics"]
            methods.append(key | {name: statistics.get(name) for name in _SCORES})
            anomalies.extend(
                {**key, "anomaly": rule["anomaly"], "statistic_value": rule.get("statistic_value")}
                for profile in method["anomalies"]
                for rule in profile["methods"]
            )
    classifications = [
        {**line, **line["inputs"], "entity": json.dumps(line["entity_key"])}
        for _, line in _lines(run, "analysis/classification")
    ]
    contributions = [line for _, line in _lines(run, "analysis/contribution")]
    checked = (
        ("methods", _METHODS, methods),
        ("anomalies", _ANOMALIES, anomalies),
        ("classifications", _CLASSIFICATIONS, classifications),
        ("contributions", _CONTRIBUTIONS, contributions),
    )
    for _, schema, rows in checked:
        schema.validate(pd.DataFrame(rows), lazy=True)
    return {name: len(rows) for name, _, rows in checked}


def _lines(run: Path, folder: str) -> Iterator[tuple[str, Row]]:
    shape = _SHAPES[folder]
    for path in sorted((run / folder).glob("*.jsonl")):
        with path.open(encoding="utf-8") as stream:
            for text in stream:
                line = json.loads(text)
                if line.get("type") != "node_metadata":
                    shape.validate(line)
                    yield path.stem, line


if __name__ == "__main__":
    sys.stdout.write(json.dumps(check(Path(sys.argv[1]))) + "\n")
