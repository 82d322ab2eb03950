"""Answers that lie ready, written to the connection at once where uvicorn serves.

What ASGI says in two messages uvicorn takes apart, checks header by header and puts together again, each
time. The head of an answer that was sent before has passed there already.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus

from starlette.types import Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from backend.caching.memory import Headers


def head_of(status: int, headers: Headers) -> bytes | None:
    """The lines of ``headers``, as HTTP/1.1 has them; None where they do not say where the body ends."""
    if status == HTTPStatus.NOT_MODIFIED or b"content-length" in dict(headers):
        return _lines(*headers)
    return None


def _lines(*headers: tuple[bytes, bytes]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)


# What the server says of itself is the same for a second.
_defaults = lru_cache(maxsize=1)(_lines)


def write_at_once(
    send: Send, status: int, head: bytes | None, body: bytes, further: tuple[bytes, bytes]
) -> bool:
    """Write an answer whole; False, and nothing is written, where only messages will do.

    That is behind another server, after the client has gone or before it has read what was sent, and
    where the connection ends with this answer. ``head`` is that of ``head_of``, of headers that were sent
    before; the ``further`` header has been checked.
    """
    cycle = getattr(send, "__self__", None)
    if (
        head is None
        or type(cycle) is not RequestResponseCycle
        or cycle.response_started
        or cycle.disconnected
        or cycle.waiting_for_100_continue
        or cycle.access_log
        or not cycle.keep_alive
        or cycle.flow.write_paused
    ):
        return False
    cycle.response_started = cycle.response_complete = True
    defaults = _defaults(*cycle.default_headers)
    cycle.transport.write(b"%b%b%b%b: %b\r\n\r\n%b" % (STATUS_LINE[status], defaults, head, *further, body))
    cycle.message_event.set()
    cycle.on_response()
    return True
