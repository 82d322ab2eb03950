"""A request to every operation of the API, on ids that exist."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import httpx

# No answer from memory: whoever reloads asks the database.
RELOAD = {"Cache-Control": "no-cache"}

_ENDLESS = "/api/feed/stream"
_BODIES: dict[tuple[str, str], Any] = {
    ("PATCH", "/api/signals/{signal_id}"): {"description": "a text"},
    ("POST", "/api/metrics/query/{metric_name}"): {},
    ("POST", "/api/signals/bulk-assign"): {"role_type": "administration"},
    ("POST", "/api/signals/{signal_id}/assign"): {"role_type": "administration"},
    ("PATCH", "/api/signals/{signal_id}/status"): {"status": "in_progress"},
    ("POST", "/api/signals/{signal_id}/comments"): {"content": "a comment"},
    ("POST", "/api/users"): {"email": "new@example.org", "name": "New"},
    ("PATCH", "/api/users/{user_id}"): {"name": "Renamed"},
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A request."""

    method: str
    path: str
    body: Any = field(default=None, hash=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations(client: httpx.Client) -> list[Operation]:
    """Every operation below /api but the endless stream; those that write come last."""
    names = _names(client)
    found = []
    for template, methods in client.get("/openapi.json").json()["paths"].items():
        if not template.startswith("/api") or template == _ENDLESS:
            continue
        for method in methods:
            body = _BODIES.get((method.upper(), template))
            if isinstance(body, dict) and "role_type" in body:
                signals = {"signal_ids": [names["signal_id"]]} if template.endswith("bulk-assign") else {}
                body = {**body, **signals, "assignee_id": names["user_id"]}
            path = re.sub(r"\{(\w+)\}", lambda match: names[match[1]], template)
            found.append(Operation(method.upper(), path, body))
    return sorted(found, key=lambda each: each.method != "GET")


def _names(client: httpx.Client) -> dict[str, str]:
    """A value of each path parameter."""

    def get(path: str) -> Any:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    signal = get("/api/signals?limit=1")["signals"][0]
    run = get("/api/runs")["runs"][0]
    vertex = get("/api/ontology/vertices/Facility?limit=1")["vertices"][0]
    return {
        "signal_id": signal["id"],
        "user_id": get("/api/users")[0]["id"],
        "event_id": get("/api/feed?limit=1")["events"][0]["id"],
        "facility_id": signal["facility_id"],
        "metric_id": signal["metric_id"],
        "metric_name": get("/api/metrics/definitions")[0]["name"],
        "graph_name": run["graph_name"],
        "run_id": run["run_id"],
        "run": run["run_id"],
        "before": run["run_id"],
        "after": run["run_id"],
        "node_id": signal["canonical_node_id"],
        "model_name": "fct_signals",
        "resource_type": "model",
        "name": "fct_signals",
        "label": "Facility",
        "vertex_id": vertex["id"],
    }
