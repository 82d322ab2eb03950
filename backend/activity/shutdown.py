"""Hear of the end of the process in time.

A server that was told to stop lets its open responses end before it tells the application. A
response that has no end of its own must therefore hear of the signal itself.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def told_of_shutdown(told: Callable[[], None]) -> Iterator[None]:
    """Call ``told`` on the event loop when the process gets a signal to stop, which then goes its way."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    restore = [_chain(number, lambda: loop.call_soon_threadsafe(told)) for number in _SIGNALS]
    try:
        yield
    finally:
        for each in restore:
            each()


def _chain(number: signal.Signals, told: Callable[[], object]) -> Callable[[], None]:
    former = signal.getsignal(number)
    # Nobody handles it: the process ends at once, and there is nothing to wait for.
    if not callable(former):
        return lambda: None

    def handle(received: int, frame: FrameType | None) -> None:
        told()
        former(received, frame)

    signal.signal(number, handle)

    def restore() -> None:
        if signal.getsignal(number) is handle:
            signal.signal(number, former)

    return restore
