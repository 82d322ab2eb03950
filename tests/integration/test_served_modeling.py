"""Modeling of an ingested run, against its JSON and CSV files."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.compass import serving
from transforms.sample import sample_run

pytestmark = pytest.mark.slow

Experiments = list[dict[str, Any]]


@pytest.fixture(scope="module")
def run() -> Path:
    """The sample run."""
    return sample_run()


@pytest.fixture(scope="module")
def client(ingested_url: str) -> Iterator[httpx.Client]:
    """A client of a server of the sample run."""
    with serving(ingested_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def expected(run: Path) -> Experiments:
    """Experiments as the run's file has them, best first."""
    found: Experiments = json.loads((run / "modeling" / "experiments.json").read_text())
    for estimator in {each["estimator"] for each in found}:
        of_estimator = [each for each in found if each["estimator"] == estimator]
        of_estimator.sort(key=lambda each: -each["metrics"]["r2"])
        for rank, each in enumerate(of_estimator, start=1):
            each["rank"] = rank
    return sorted(found, key=lambda each: (each["rank"], -each["metrics"]["r2"]))


def _shap(run: Path, experiment: dict[str, Any]) -> list[tuple[str, float, str]]:
    path = experiment["artifacts"]["interpretability"]["global_summary"]
    relative = path.split(f"{run.name}/", 1)[1]
    with (run / relative).open(newline="") as stream:
        rows = [
            (r["feature"], float(r["mean_abs_shap"]), float(r["mean_shap"])) for r in csv.DictReader(stream)
        ]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return [(name, size, "positive" if mean >= 0 else "negative") for name, size, mean in rows]


def test_experiments_are_those_of_the_file(client: httpx.Client, expected: Experiments) -> None:
    body = client.get("/api/modeling/experiments").raise_for_status().json()
    assert body["count"] == len(body["experiments"]) == len(expected)
    for shown, wanted in zip(body["experiments"], expected, strict=True):
        for name in ("estimator", "groupby_label", "group_value", "duration_seconds"):
            assert shown[name] == wanted[name], name
        assert (shown["row_count"], shown["experiment_rank"]) == (wanted["rows"], wanted["rank"])
        for name in ("mae", "rmse", "r2", "mae_original", "rmse_original", "r2_original"):
            assert shown[name] == wanted["metrics"][name], name
        assert not shown["global_shap_path"].startswith("/")


def test_filters_and_limits(client: httpx.Client, run: Path, expected: Experiments) -> None:
    estimator = expected[-1]["estimator"]

    def ask(**parameters: Any) -> Experiments:
        found: Experiments = client.get("/api/modeling/experiments", params=parameters).json()["experiments"]
        return found

    assert {each["estimator"] for each in ask(estimator=estimator)} == {estimator}
    assert len(ask(limit=1)) == 1
    assert len(ask(run_id=run.name)) == len(expected)
    assert ask(run_id="19990101000000") == []
    assert ask(estimator="' or 1=1 --") == []


def test_summary_has_the_best_experiment(client: httpx.Client, run: Path, expected: Experiments) -> None:
    body = client.get("/api/modeling/summary").raise_for_status().json()
    summary = json.loads((run / "modeling" / "run_summary.json").read_text())
    first = summary[0] if isinstance(summary, list) else summary
    assert body["run"]["run_id"] == run.name
    assert body["run"]["status"] == first["status"]
    assert body["run"]["duration_seconds"] == first["duration_seconds"]
    assert body["run"]["groups"] == first["groups"]
    assert body["experiment_count"] == len(expected)
    best = max(each["metrics"]["r2"] for each in expected if math.isfinite(each["metrics"]["r2"]))
    assert body["best_experiment"]["r2"] == best


@pytest.mark.parametrize("top_n", [1, 3, 50])
def test_drivers_are_those_of_the_shap_file(
    client: httpx.Client, run: Path, expected: Experiments, top_n: int
) -> None:
    body = client.get("/api/modeling/drivers", params={"top_n": top_n}).raise_for_status().json()
    assert (body["run_id"], body["estimator"], body["top_n"]) == (run.name, expected[0]["estimator"], top_n)
    wanted = _shap(run, expected[0])[:top_n]
    assert [(d["feature_name"], d["shap_value"], d["direction"]) for d in body["drivers"]] == wanted
    assert [d["rank"] for d in body["drivers"]] == list(range(1, len(wanted) + 1))


@pytest.mark.parametrize(
    ("path", "parameters"),
    [("drivers", {"top_n": 0}), ("drivers", {"top_n": 51}), ("experiments", {"limit": 0}),
     ("experiments", {"limit": 1001})],
)  # fmt: skip
def test_limits_are_checked(client: httpx.Client, path: str, parameters: dict[str, int]) -> None:
    assert client.get(f"/api/modeling/{path}", params=parameters).status_code == 422
