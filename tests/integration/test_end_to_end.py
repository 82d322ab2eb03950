"""A run goes in by the command line and comes out of the API, value by value."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.artifacts import Artifacts
from tests.support.compass import compass, serving

PAGE = 100
TECHNICAL_SIGNALS = 200
"""Signals, spread over all, whose technical details are compared one request at a time."""


def _runs(shared: Path) -> list[Path]:
    return [
        *sorted((shared / "runs").glob("*/*")),
        *sorted((shared / "runs_generated").glob("*/*")),
    ]


def _all_signals(client: httpx.Client, **filters: Any) -> dict[str, dict[str, Any]]:
    """Every signal that the list gives, page by page."""
    found: dict[str, dict[str, Any]] = {}
    offset = 0
    while True:
        page = client.get("/api/signals", params={"limit": PAGE, "offset": offset, **filters})
        page.raise_for_status()
        body = page.json()
        for signal in body["signals"]:
            assert signal["id"] not in found, "a signal came on two pages"
            found[signal["id"]] = signal
        offset += PAGE
        if offset >= body["total_count"]:
            assert len(found) == body["total_count"]
            return found


def _assert_same(actual: Any, expected: Any, place: str) -> None:
    if isinstance(expected, float) and isinstance(actual, int | float):
        assert math.isclose(actual, expected, rel_tol=0, abs_tol=0), place
    elif isinstance(expected, dict):
        assert isinstance(actual, dict), place
        for name, value in expected.items():
            _assert_same(actual.get(name), value, f"{place}/{name}")
    elif isinstance(expected, list):
        assert isinstance(actual, list), place
        assert len(actual) == len(expected), place
        for index, value in enumerate(expected):
            _assert_same(actual[index], value, f"{place}/{index}")
    else:
        assert actual == expected, place


def _assert_served(client: httpx.Client, runs: list[Artifacts]) -> None:
    """Every signal of ``runs`` and no other is served, with the values its artifacts hold."""
    served = _all_signals(client)
    expected = {key: signal for run in runs for key, signal in run.signals.items()}
    assert served.keys() == expected.keys()
    for key, signal in expected.items():
        listed = {name: value for name, value in signal.items() if name != "technical"}
        _assert_same(served[key], listed, key)
    for key in sorted(expected)[:: max(1, len(expected) // TECHNICAL_SIGNALS)]:
        details = client.get(f"/api/signals/{key}/technical-details").raise_for_status().json()
        _assert_same(details, expected[key]["technical"], f"{key} technical")
        timeline = expected[key]["metric_trend_timeline"]
        if timeline is not None:
            temporal = client.get(f"/api/signals/{key}/temporal").raise_for_status().json()
            _assert_same(
                temporal["monthly_values"], [point["value"] for point in timeline], f"{key} temporal"
            )


@pytest.fixture
def sample() -> Path:
    """The sample run that ships with the product."""
    from transforms.sample import sample_run

    return sample_run()


def test_sample_run_is_served_as_its_artifacts_say(fresh_migrated_url: str, sample: Path) -> None:
    """Preflight, COPY, build, hydrate, HTTP: every value of every signal."""
    done = compass("ingest", str(sample), "--format", "json", database_url=fresh_migrated_url).json()
    run = Artifacts(sample)
    assert done["run_key"] == run.run_key
    assert done["signals"]["signals_created"] == len(run.signals)
    with serving(fresh_migrated_url) as client:
        _assert_served(client, [run])


@pytest.mark.slow
def test_reference_runs_are_served_as_their_artifacts_say(
    fresh_migrated_url: str, shared_folder: Path
) -> None:
    """Real runs and one in full shape, one after the other into one database."""
    runs = _runs(shared_folder)
    assert len(runs) == 3
    for path in runs:
        compass("ingest", str(path), database_url=fresh_migrated_url)
    newest = {run.graph: run for run in map(Artifacts, runs)}
    with serving(fresh_migrated_url) as client:
        _assert_served(client, list(newest.values()))


@pytest.mark.slow
def test_ingesting_twice_changes_nothing(fresh_ingested_url: str, sample: Path) -> None:
    """The second ingest is a no-op; a forced one leaves every signal once, with its id."""
    with serving(fresh_ingested_url) as client:
        before = _all_signals(client)
    again = compass("ingest", str(sample), "--format", "json", database_url=fresh_ingested_url).json()
    assert again["unchanged"] is True
    forced = compass(
        "ingest", str(sample), "--force", "--format", "json", database_url=fresh_ingested_url
    ).json()
    assert forced["signals"]["signals_created"] == 0
    assert forced["signals"]["signals_updated"] == 0
    with serving(fresh_ingested_url) as client:
        after = _all_signals(client)
    for signal in (*before.values(), *after.values()):
        signal.pop("days_open")
    assert after == before


def test_a_broken_run_changes_nothing(fresh_ingested_url: str, sample: Path, tmp_path: Path) -> None:
    """A truncated node file: exit code 1, file and line named, the database as before."""
    import shutil

    runs_before = compass("runs", "list", "--format", "json", database_url=fresh_ingested_url).json()
    copy = tmp_path / "synthetic" / sample.name
    shutil.copytree(sample, copy)
    node = next((copy / "results" / "nodes").glob("*.jsonl"))
    content = node.read_bytes()
    node.write_bytes(content[: len(content) - 200])
    lines = content.count(b"\n")
    failed = compass("ingest", str(copy), database_url=fresh_ingested_url, check=False)
    assert failed.code == 1
    assert f"results/nodes/{node.name}:{lines}" in failed.stdout
    assert "QC201" in failed.stdout
    assert compass("runs", "list", "--format", "json", database_url=fresh_ingested_url).json() == runs_before


def test_incomplete_run_fails_with_one_finding_each(fresh_migrated_url: str, shared_folder: Path) -> None:
    """Missing shards, classifications and contributions: named one by one, nothing loaded."""
    path = next((shared_folder / "runs_incomplete").glob("*/*"))
    failed = compass("ingest", str(path), "--format", "json", database_url=fresh_migrated_url, check=False)
    assert failed.code == 1
    findings = failed.json()["findings"]
    codes = [finding["code"] for finding in findings if finding["severity"] == "error"]
    assert sorted(codes) == ["QC102"] * 4 + ["QC104"] + ["QC105"] * 3
    assert compass("runs", "list", "--format", "json", database_url=fresh_migrated_url).json() == []


@pytest.mark.parametrize(
    ("name", "reason"), [("missing", "no such directory"), ("empty", "results/index.json")]
)
def test_what_is_not_a_run_gets_exit_code_3(
    fresh_migrated_url: str, tmp_path: Path, name: str, reason: str
) -> None:
    """One clear line, and the documented exit code."""
    (tmp_path / "empty").mkdir()
    failed = compass("ingest", str(tmp_path / name), database_url=fresh_migrated_url, check=False)
    assert failed.code == 3
    assert reason in failed.stderr
    assert failed.stderr.count("error:") == 1


def test_database_without_schema_is_refused(fresh_database_url: str, sample: Path) -> None:
    """A server of the user's is never fresh_migrated_url by the way."""
    failed = compass("ingest", str(sample), database_url=fresh_database_url, check=False)
    assert failed.code == 4
    assert "compass db upgrade" in failed.stderr


def test_unreachable_database(sample: Path) -> None:
    """No server: exit code 4."""
    failed = compass("ingest", str(sample), database_url="postgresql://nobody@127.0.0.1:1/none", check=False)
    assert failed.code == 4
    assert "does not answer" in failed.stderr
