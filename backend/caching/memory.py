"""Responses that a worker keeps, the least recently used going first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

Headers = list[tuple[bytes, bytes]]

# What an entry takes besides its body.
_OVERHEAD_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A successful response, whole."""

    headers: Headers
    body: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes, roughly."""
        return len(self.body) + _OVERHEAD_BYTES


class ResponseMemory:
    """At most ``capacity`` bytes of responses by key."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[str, Stored] = OrderedDict()
        self.size = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: str) -> Stored | None:
        """The response under ``key``, if it is kept."""
        found = self._entries.get(key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return found

    def put(self, key: str, response: Stored) -> None:
        """Keep a response, unless it alone would fill a quarter of the memory."""
        if response.size * 4 > self._capacity:
            return
        former = self._entries.pop(key, None)
        self.size += response.size - (former.size if former else 0)
        self._entries[key] = response
        while self.size > self._capacity:
            _, oldest = self._entries.popitem(last=False)
            self.size -= oldest.size
