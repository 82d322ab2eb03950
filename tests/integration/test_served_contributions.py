"""Contributions of signals, against the lines of the run's contribution files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.compass import serving
from transforms.sample import sample_run

pytestmark = pytest.mark.slow

Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def lines() -> Lines:
    """Contributions of the sample run to its own metric."""
    files = sorted(Path(sample_run()).glob("analysis/contribution/*.jsonl"))
    found = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [line for line in found if line["method"] == "weighted_mean" and "zscore" not in line["metric_id"]]


@pytest.fixture(scope="module")
def signals(ingested_url: str) -> Any:
    """A client of a server of the sample run, and its signals by node and entity."""
    with serving(ingested_url) as client:
        page = client.get("/api/signals", params={"limit": 100}).raise_for_status().json()
        rows = page["signals"]
        while page["next_cursor"]:
            page = client.get("/api/signals", params={"limit": 100, "cursor": page["next_cursor"]}).json()
            rows += page["signals"]
        yield client, {_key(row): row for row in rows}


def _key(signal: dict[str, Any]) -> tuple[str, str]:
    entity = {"medicareId": signal["facility_id"], **signal["entity_dimensions"]}
    return signal["canonical_node_id"], json.dumps(entity, sort_keys=True)


def _entity(value: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in value.items() if key != "systemName"}


def _side(line: dict[str, Any], side: str) -> tuple[str, str]:
    return line[f"{side}_node_id"], json.dumps(_entity(line[f"{side}_entity"]), sort_keys=True)


def _contributions(client: httpx.Client, signal: dict[str, Any], top_n: int = 50) -> dict[str, Any]:
    answer = client.get(f"/api/signals/{signal['id']}/contributions", params={"top_n": top_n})
    return answer.raise_for_status().json()


def test_downward_contributions_are_those_of_the_files(signals: Any, lines: Lines) -> None:
    client, by_key = signals
    by_parent: dict[tuple[str, str], Lines] = {}
    for line in lines:
        by_parent.setdefault(_side(line, "parent"), []).append(line)
    compared = 0
    for key, expected in by_parent.items():
        if key not in by_key:
            continue
        body = _contributions(client, by_key[key])
        shown = body["downward_contributions"]
        assert len(shown) == len(expected)
        assert body["has_children"] is True
        found = {json.dumps(each["child_entity"], sort_keys=True): each for each in shown}
        for line in expected:
            each = found[json.dumps(_entity(line["child_entity"]), sort_keys=True)]
            for name in ("child_value", "parent_value", "weight_value", "excess_over_parent"):
                assert each[name] == line[name], name
            assert each["contribution_value"] == line["contribution_value"]
            assert each["weight_share_percent"] == round(line["weight_share"] * 100, 1)
            percent = round(line["excess_over_parent"] / abs(line["parent_value"]) * 100, 1)
            assert each["excess_over_parent_percent"] == percent
            compared += 1
        sizes = [abs(each["excess_over_parent"]) for each in shown]
        assert sizes == sorted(sizes, reverse=True)
        top = _contributions(client, by_key[key], top_n=1)["downward_contributions"]
        assert top == shown[:1]
    assert compared > 50


def test_upward_contribution_is_that_to_the_parent(signals: Any, lines: Lines) -> None:
    client, by_key = signals
    compared = 0
    for line in lines[::5]:
        key = _side(line, "child")
        if key not in by_key:
            continue
        body = _contributions(client, by_key[key])
        upward = body["upward_contribution"]
        assert body["has_parent"] is True
        assert upward["parent_entity"] == _entity(line["parent_entity"])
        assert upward["parent_node_id"] == line["parent_node_id"]
        assert upward["excess_over_parent"] == line["excess_over_parent"]
        compared += 1
    assert compared > 10


def test_a_facility_contributes_to_nothing(signals: Any) -> None:
    client, by_key = signals
    facility = next(signal for signal in by_key.values() if not signal["entity_dimensions"])
    body = _contributions(client, facility)
    assert (body["upward_contribution"], body["has_parent"]) == (None, False)
    assert body["signal_hierarchy_level"] == "facility"


@pytest.mark.parametrize("top_n", ["0", "51", "x"])
def test_top_n_has_limits(signals: Any, top_n: str) -> None:
    client, by_key = signals
    signal = next(iter(by_key.values()))
    answer = client.get(f"/api/signals/{signal['id']}/contributions", params={"top_n": top_n})
    assert answer.status_code == 422


def test_an_unknown_signal_is_404(signals: Any) -> None:
    client, _ = signals
    answer = client.get("/api/signals/00000000-0000-0000-0000-000000000000/contributions")
    assert answer.status_code == 404
    assert "Signal not found" in answer.json()["detail"]
