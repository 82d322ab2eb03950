"""How often a caller may do something: a bucket of tokens for each, kept by the worker."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from backend.auth.errors import TooManyRequests

_SECONDS = 60.0
# Callers that are remembered; whoever has been quiet for longest is forgotten first.
_REMEMBERED = 10_000


class Limit:
    """``per_minute`` of something for each caller; 0 = any number. A full minute may come at once."""

    def __init__(self, what: str, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._capacity = float(per_minute)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def require(self, caller: str) -> None:
        """Raise TooManyRequests when the caller has used up what it may."""
        if self._capacity and (left := self._now(caller)) < 1:
            raise TooManyRequests(self._what, math.ceil((1 - left) * _SECONDS / self._capacity))

    def count(self, caller: str) -> None:
        """The caller has done it once more."""
        if not self._capacity:
            return
        self._left[caller] = (max(0.0, self._now(caller) - 1), self._clock())
        self._left.move_to_end(caller)
        while len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)

    def _now(self, caller: str) -> float:
        left, since = self._left.get(caller, (self._capacity, self._clock()))
        return min(self._capacity, left + (self._clock() - since) * self._capacity / _SECONDS)
