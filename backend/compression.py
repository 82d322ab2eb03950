"""Answers are compressed for clients that say they take gzip."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

_GZIP = frozenset({"gzip", "x-gzip"})


def accepts_gzip(headers: Headers) -> bool:
    """Whether Accept-Encoding allows gzip (RFC 9110, section 12.5.3): named, or any, with a weight over 0."""
    weights: dict[str, float] = {}
    for each in ",".join(headers.getlist("accept-encoding")).split(","):
        coding, _, parameters = each.partition(";")
        weights[coding.strip().lower()] = _weight(parameters)
    named = [weight for coding, weight in weights.items() if coding in _GZIP]
    return max(named, default=weights.get("*", 0.0)) > 0


def _weight(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


class Compression(GZipMiddleware):
    """ASGI middleware; what it is built on looks for letters, and must not be misled by them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            accepted = "gzip" if accepts_gzip(Headers(scope=scope)) else "identity"
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
            scope["headers"].append((b"accept-encoding", accepted.encode()))
        await super().__call__(scope, receive, send)
