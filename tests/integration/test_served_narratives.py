"""Narratives of an ingested run, against the figures in its Markdown files."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.compass import compass, serving
from transforms.sample import sample_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """Texts of the sample run's narratives by facility."""
    folder = Path(sample_run()) / "analysis" / "narrative"
    return {path.stem.removeprefix("contribution_"): path.read_text() for path in folder.glob("*.md")}


@pytest.fixture(scope="module")
def client(ingested_url: str) -> Iterator[httpx.Client]:
    """A client of a server of the sample run."""
    with serving(ingested_url) as opened:
        yield opened


def test_facilities_with_a_narrative(client: httpx.Client, files: dict[str, str]) -> None:
    assert client.get("/api/narratives").json() == {"facilities": sorted(files), "count": len(files)}


def test_narratives_say_what_the_files_say(client: httpx.Client, files: dict[str, str]) -> None:
    for facility, text in files.items():
        body = client.get(f"/api/narratives/{facility}").raise_for_status().json()
        (value,) = re.findall(r"^\*\*Facility LOS Index\*\*: (\S+)$", text, re.MULTILINE)
        (generated,) = re.findall(r"^\*\*Generated\*\*: (\S+) (\S+) UTC$", text, re.MULTILINE)
        assert (body["facility_id"], body["metric_value"]) == (facility, float(value))
        assert body["generated_at"] == "{}T{}Z".format(*generated)
        contributors = re.findall(r"^  - \[(.+?)\] (.+): ([+-][\d.]+)(?:, (.*))?$", text, re.MULTILINE)
        summary = body["executive_summary"]
        shown = [*summary["top_contributors_higher"], *summary["top_contributors_lower"]]
        assert [(c["dimension"], c["segment"], c["excess"], c["trend"]) for c in shown] == [
            (dimension, segment, float(excess), trend or None)
            for dimension, segment, excess, trend in contributors
        ]
        drivers = [*body["top_drivers"]["higher_los"], *body["top_drivers"]["lower_los"]]
        rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([\d.]+) \|", text, re.MULTILINE)
        assert [(d["rank"], d["dimension"], d["segment"], d["value"]) for d in drivers] == [
            (int(rank), dimension, segment, float(shown_value))
            for rank, dimension, segment, shown_value in rows
        ]
        assert len(body["hierarchical_breakdown"]) == text.count("| **SL** |")
        assert client.get(f"/api/narratives/{facility}/document").text == text
        brief = client.get(f"/api/narratives/{facility}/summary").json()
        assert brief == {
            "facility_id": facility,
            "metric_value": float(value),
            **{
                name: summary[name]
                for name in ("pareto_insight", "top_contributors_higher", "top_contributors_lower")
            },
        }


@pytest.mark.parametrize(
    ("facility", "status"),
    [("000000", 404), ("..%2F..%2Fetc", 404), ("a.b", 404), ("x" * 51, 422), ("%00", 404), ("' or 1=1", 404)],
)
def test_others_have_none(client: httpx.Client, facility: str, status: int) -> None:
    for path in (facility, f"{facility}/summary"):
        answer = client.get(f"/api/narratives/{path}")
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


ODD = """# Contribution Analysis: Medicare ID ZZ-99
**Facility Readmission Rate**: -0.2500

## Cross-Metric Peer Comparison
| Rank | Level | z | Status |
|---|---|---|---|
| Level I Trauma: days (all) | -3.5 | - | low (of 9 peers) |
| Cost | unknown | +1.00 | normal |

## Executive Summary
**Top contributors to HIGHER readmission** (worse):
- [Service Line] Trauma: Level I (adult): +0.2210, up
"""


def test_odd_narratives_lose_nothing_that_can_be_read(tmp_path: Path, fresh_migrated_url: str) -> None:
    """Another metric, another facility in the title, no time, a cell that is no number."""
    run = tmp_path / sample_run().parent.name / sample_run().name
    shutil.copytree(sample_run(), run)
    file = min((run / "analysis" / "narrative").glob("*.md"))
    file.write_text(ODD)
    os.utime(file, (0, 1_750_000_000))
    report = compass("preflight", str(run), "--format", "json").json()
    found = {(each["code"], each["line"]) for each in report["findings"] if each["file"].endswith(file.name)}
    assert found == {("QC912", 1), ("QC913", None), ("QC914", 8)}
    compass("ingest", str(run), database_url=fresh_migrated_url)
    facility = file.stem.removeprefix("contribution_")
    with serving(fresh_migrated_url) as client:
        body = client.get(f"/api/narratives/{facility}").raise_for_status().json()
    assert (body["facility_id"], body["metric_name"], body["metric_value"]) == (
        facility,
        "Readmission Rate",
        -0.25,
    )
    assert body["generated_at"] == "2025-06-15T15:06:40Z"
    assert body["cross_metric_comparison"] == [
        {
            "metric_name": "Level I Trauma: days (all)",
            "value": -3.5,
            "z_score": None,
            "peer_status": "low (of 9 peers)",
        },
        {"metric_name": "Cost", "value": None, "z_score": 1.0, "peer_status": "normal"},
    ]
    assert body["executive_summary"]["top_contributors_higher"] == [
        {
            "dimension": "Service Line",
            "segment": "Trauma: Level I (adult)",
            "excess": 0.221,
            "trend": "up",
            "flags": [],
        }
    ]
    assert body["hierarchical_breakdown"] == []
