"""What each part of the API depends on: an answer stands while these scopes of data do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

# Age of a signal in days is part of its answers: they stand for so long at most.
_DAYS_OPEN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Policy:
    """Scopes that answers depend on; ``personal`` answers depend on who asks, ``ageing`` ones on the time."""

    scopes: tuple[str, ...]
    personal: bool = False
    ageing: bool = False

    def period(self) -> int:
        """The stretch of time that an ageing answer belongs to; 0 for others."""
        return int(time.time()) // _DAYS_OPEN_SECONDS if self.ageing else 0


_SIGNALS = Policy(("runs", "signals", "workflow"), ageing=True)
_HISTORY = Policy(("feed",), personal=True)

# The longest prefix counts. What is not listed is never answered from memory: the registry of
# runs changes with every load, and modeling and narratives can be those of a run not published.
_BY_PREFIX = {
    "/api/signals": _SIGNALS,
    "/api/feed": _HISTORY,
    "/api/users": Policy(("users",), personal=True),
    "/api/metadata": Policy(("runs", "metadata")),
    "/api/metrics": Policy(("runs", "metadata")),
    "/api/ontology": Policy(("runs", "signals")),
}
_ETAG = {"description": "Names this answer; for If-None-Match.", "schema": {"type": "string"}}
_STREAMS = ("/api/feed/stream", "/api/signals/export")
_NEVER = (
    *_STREAMS,
    # The run that INSIGHT_GRAPH_RUN names need not be published; taxonomy files change unannounced.
    "/api/metadata/bundle",
    "/api/metadata/run-manifest",
)


def is_stream(path: str) -> bool:
    """Whether answers of a path come in pieces, over whatever time."""
    return path.startswith(_STREAMS)


def document_validators(paths: dict[str, Any]) -> None:
    """Add what a client is told that holds an answer already to the operations of an OpenAPI document."""
    for path, operations in paths.items():
        if path.startswith("/api") and "get" in operations and not is_stream(path):
            responses = operations["get"]["responses"]
            responses["200"].setdefault("headers", {}).setdefault("ETag", _ETAG)
            responses["304"] = {"description": "If-None-Match names the answer: it stands."}


def policy(path: str) -> Policy | None:
    """The policy of a path; None where nothing is kept."""
    if path.startswith(_NEVER):
        return None
    if path.startswith("/api/signals/") and path.endswith(("/history", "/assignment")):
        # An assignment has a version of its own, which its ETag names.
        return _HISTORY if path.endswith("/history") else None
    prefix = "/".join(path.split("/", 3)[:3])
    return _BY_PREFIX.get(prefix)
