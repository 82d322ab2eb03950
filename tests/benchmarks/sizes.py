"""How much data the benchmarks take; variables make them small enough for a quick look."""

from __future__ import annotations

import os
from typing import Final

_REDUCED: list[str] = []


def _size(name: str, full: int) -> int:
    value = int(os.environ.get(f"COMPASS_BENCH_{name}", full))
    if value < full:
        _REDUCED.append(name)
    return value


FACILITIES: Final = _size("FACILITIES", 118)
"""Facilities of a run; a metric of 118 is 66 MB."""
METRICS: Final = tuple(int(each) for each in os.environ.get("COMPASS_BENCH_METRICS", "1,3,10").split(","))
"""Metrics of the runs that growth is measured over; `1,3,10,30` needs 20 GB of disk."""
PREFLIGHT_METRICS: Final = _size("PREFLIGHT_METRICS", 5)
"""Metrics of the run that is checked; five of 118 facilities are about 330 MB."""
LARGE_METRICS: Final = _size("LARGE_METRICS", 46)
"""Metrics of the run that is as large as they come; forty-six of 118 facilities are 3 GB."""
SIGNALS: Final = _size("SIGNALS", 200_000)
"""Signals that are hydrated and served."""
REPEATS: Final = _size("REPEATS", 3)
"""How often each way is measured, taking turns; the median counts."""
LOAD_SECONDS: Final = _size("LOAD_SECONDS", 3)
"""Seconds that each server answers each question."""
CONNECTIONS: Final = 32
"""Connections that ask at the same time."""

FULL: Final = not _REDUCED
"""Whether figures mean something: below full size what is constant outweighs what is measured."""
