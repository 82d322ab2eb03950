"""Opaque cursors: where a page ended, as a token that is safe in a URL."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from backend.errors import CursorInvalid


def encode(*position: Any) -> str:
    """A token that holds ``position``: text, numbers, null, dates or UUIDs."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).rstrip(b"=").decode()


def decode(token: str, length: int) -> list[Any]:
    """The ``length`` values that ``encode`` was given, as JSON has them. Raises CursorInvalid."""
    try:
        text = token.encode("ascii")
        position = orjson.loads(base64.b64decode(text + b"=" * (-len(text) % 4), b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError) as error:
        raise CursorInvalid() from error
    if not isinstance(position, list) or len(position) != length:
        raise CursorInvalid()
    return position
