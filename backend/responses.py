"""JSON responses straight from plain values; times in UTC end in Z, NaN becomes null."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response


class JsonResponse(Response):
    """A response that orjson renders. Handlers return it themselves, so FastAPI does not copy it."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """``content`` (dicts, lists, numbers, strings, datetimes) as JSON."""
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)
