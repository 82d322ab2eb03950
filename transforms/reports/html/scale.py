"""Axes of pictures: where values lie, which ticks to draw, how numbers read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_NICE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale from values in ``[low, high]`` to pixels in ``[start, end]``."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float) -> Scale | None:
        """A scale that shows ``values`` with a small margin; None where no picture can be drawn.

        That is: no finite value, or values so large that their span is not finite.
        """
        finite = [value for value in values if math.isfinite(value)]
        if not finite:
            return None
        low, high = min(finite), max(finite)
        margin = (high - low) * 0.04 or abs(low) * 0.1 or 1.0
        low, high = low - margin, high + margin
        if not math.isfinite(high - low) or not high > low:
            return None
        return cls(low, high, start, end)

    def __call__(self, value: float) -> float:
        """Pixel of ``value``, to a tenth."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, count: int = 6) -> list[float]:
        """At most about ``count`` round values within the scale."""
        rough = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 0.0
        if not power:
            return []
        step = next((nice * power for nice in _NICE_STEPS if nice * power >= rough), 10 * power)
        first = math.ceil(self.low / step)
        last = math.floor(self.high / step)
        return [index * step for index in range(first, min(last, first + 3 * count) + 1)]


def number(value: float) -> str:
    """``value`` as people read it: at most four significant digits, thousands separated."""
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
