"""Work on the signals of an ingested run, and the feed that tells of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.artifacts import Artifacts
from tests.support.compass import compass, serving
from transforms.sample import sample_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run() -> Artifacts:
    """What the sample run says."""
    return Artifacts(sample_run())


@pytest.fixture(scope="module")
def client(ingested_url: str) -> Iterator[httpx.Client]:
    """A client of a server of the sample run."""
    with serving(ingested_url) as opened:
        yield opened


def _feed(client: httpx.Client, path: str = "/api/feed", **parameters: Any) -> list[dict[str, Any]]:
    """All events, page by page, newest first."""
    events: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        given = {"limit": 37, **parameters, **({"cursor": cursor} if cursor else {})}
        page = client.get(path, params=given).raise_for_status().json()
        events += page["events"]
        cursor = page["cursor"]
        if cursor is None:
            assert page["total_count"] == len(events) == len({event["id"] for event in events})
            return events


def test_the_feed_tells_of_every_signal_of_the_run(client: httpx.Client, run: Artifacts) -> None:
    events = _feed(client, event_type="new_signal")
    assert {event["signal_id"] for event in events} == run.signals.keys()
    assert len(events) == len(run.signals)
    for event in events:
        signal, payload = run.signals[event["signal_id"]], event["payload"]
        assert payload["signal_type"] == signal["simplified_signal_type"]
        assert payload["severity"] == signal["simplified_severity"]
        assert payload["domain"] == signal["domain"]
        assert payload["service_line"] == signal["service_line"]
        if signal["peer_mean"]:
            change = (signal["metric_value"] - signal["peer_mean"]) / abs(signal["peer_mean"]) * 100
            assert payload["variance_percent"] == pytest.approx(change, abs=0.0051)
        assert event["read"] is False
    one = events[0]["signal_id"]
    assert _feed(client, f"/api/signals/{one}/history") == _feed(client, signal_id=one)


def test_work_survives_the_next_ingest(client: httpx.Client, run: Artifacts, ingested_url: str) -> None:
    severe = sorted(run.signals.values(), key=lambda each: -each["simplified_severity"])[:3]
    first, second, third = (signal["id"] for signal in severe)
    user = client.post(
        "/api/users",
        json={"email": "ann@example.org", "name": "Ann Lee", "role": "clinical_leadership"},
    ).json()["id"]
    body = {"assignee_id": user, "role_type": "clinical_leadership", "notes": "since March"}
    client.post("/api/signals/bulk-assign", json={**body, "signal_ids": [first, second]}).raise_for_status()
    client.post(f"/api/signals/{third}/assign", json=body).raise_for_status()
    for status in ("in_progress", "resolved"):
        changed = client.patch(f"/api/signals/{first}/status", json={"status": status, "notes": "found"})
        assert changed.raise_for_status().json()["status"] == status
    before = {each: client.get(f"/api/signals/{each}/assignment").json() for each in (first, second, third)}
    assert (before[first]["resolution_notes"], before[first]["version"]) == ("found", 3)
    told = _feed(client)
    compass("ingest", str(sample_run()), "--force", database_url=ingested_url)
    assert {each: client.get(f"/api/signals/{each}/assignment").json() for each in before} == before
    assert _feed(client) == told
    assert [event["event_type"] for event in told[:5]] == [
        "status_change", "status_change", "assignment", "assignment", "assignment",
    ]  # fmt: skip
    listed = client.get("/api/signals", params={"assignee": user, "active": "all"}).json()
    assert {signal["id"]: signal["workflow_status"] for signal in listed["signals"]} == {
        first: "resolved", second: "assigned", third: "assigned",
    }  # fmt: skip


def test_reading_everything(client: httpx.Client, run: Artifacts) -> None:
    unread = client.get("/api/feed/unread-count").json()["count"]
    assert unread >= len(run.signals)
    assert client.post("/api/feed/mark-all-read").json() == {"marked": unread}
    assert client.get("/api/feed/unread-count").json() == {"count": 0}
    assert all(event["read"] for event in _feed(client))
