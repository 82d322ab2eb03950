"""Answers that lie ready: what HTTP costs with this server when nothing is computed at all.

The file that BENCH_ANSWERS names maps targets to bodies; every ETag given is taken to be right.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send


def create_app() -> ASGIApp:
    """The application."""
    texts: dict[str, str] = json.loads(Path(os.environ["BENCH_ANSWERS"]).read_bytes())
    answers = {target.encode(): text.encode() for target, text in {"/health": "{}", **texts}.items()}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        query = scope["query_string"]
        body = answers[scope["raw_path"] + (b"?" + query if query else b"")]
        stands = any(name == b"if-none-match" for name, _ in scope["headers"])
        headers = [(b"etag", b'"bench"')]
        if not stands:
            headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        status = 304 if stands else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if stands else body})

    return app
