"""Logs: one event a line on stderr, as text for people or JSON for machines; never with values of rows."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import structlog

from backend.config import Settings

_DATA_EXCEPTION = "22"
_WITHHELD = "(withheld: it may hold values)"


class _Handler(logging.StreamHandler[Any]):
    """The one handler that this module installs."""


def configure_logging(settings: Settings) -> None:
    """Send logs of this program and of its server to stderr in the form that LOG_FORMAT names."""
    as_json = settings.LOG_FORMAT == "json" or (settings.LOG_FORMAT == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    # Prettier tracebacks show local variables: the headers of the request, with their tokens.
    renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(format_exception),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    for former in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(former)
    root.addHandler(handler)
    # Libraries tell of trouble only; what they do is not what happens to the service.
    root.setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.INFO)
    logging.getLogger("backend").setLevel(logging.DEBUG if settings.DEBUG else logging.INFO)


def format_exception(
    exc_info: tuple[type[BaseException], BaseException, TracebackType | None],
) -> str:
    """The traceback, without what the database repeats of the data that it could not take."""
    text = "".join(traceback.format_exception(*exc_info)).rstrip("\n")
    for error in _chain(exc_info[1], set()):
        for value in _values(error):
            # Tracebacks of groups begin each line with a bar, also within a value of several lines.
            text = re.sub(r"\n[ |]*".join(map(re.escape, value.split("\n"))), _WITHHELD, text)
    return text


def _values(error: BaseException) -> Iterator[str]:
    # Rows stand in the detail ("Failing row contains ..."), malformed values in the message itself.
    detail = getattr(error, "detail", None)
    if isinstance(detail, str) and detail:
        yield detail
    if str(getattr(error, "sqlstate", None)).startswith(_DATA_EXCEPTION):
        yield from (str(each) for each in error.args if each)


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """``error`` and all that it came from."""
    if not isinstance(error, BaseException) or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for other in (error.__cause__, error.__context__, getattr(error, "orig", None)):
        yield from _chain(other, seen)
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _chain(member, seen)
