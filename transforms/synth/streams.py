"""Named streams of random numbers that are the same on every platform and NumPy version.

Distributions are built from the raw bits of PCG64, whose output NumPy guarantees, with nothing
but additions and products: library functions such as exp and log may differ in the last bit.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_DOUBLE_BITS = 53
_UNIFORMS_PER_NORMAL = 12


class Stream:
    """Random numbers of one purpose: a stream never shifts because another one draws more."""

    def __init__(self, seed: int, *names: str) -> None:
        digest = hashlib.sha256("\x1f".join((str(seed), *names)).encode()).digest()
        self._bits = np.random.PCG64(int.from_bytes(digest, "big"))

    def uniform(self, shape: int | tuple[int, ...], low: float = 0.0, high: float = 1.0) -> FloatArray:
        """Uniform on [low, high): the upper 53 bits of each raw 64-bit number."""
        dimensions = (shape,) if isinstance(shape, int) else shape
        raw = self._bits.random_raw(int(np.prod(dimensions, dtype=np.int64)))
        unit = (raw >> np.uint64(64 - _DOUBLE_BITS)).astype(np.float64) / 2.0**_DOUBLE_BITS
        return low + (high - low) * unit.reshape(dimensions)

    def normal(self, shape: int | tuple[int, ...]) -> FloatArray:
        """Nearly standard normal: Irwin-Hall, twelve uniforms less six (mean 0, variance 1)."""
        total = self.uniform(shape)
        for _ in range(_UNIFORMS_PER_NORMAL - 1):
            total = total + self.uniform(shape)
        return total - _UNIFORMS_PER_NORMAL / 2

    def integers(self, shape: int | tuple[int, ...], low: int, high: int) -> IntArray:
        """Integers on [low, high]."""
        return np.floor(self.uniform(shape, low, high + 1)).astype(np.int64)

    def chance(self, shape: int | tuple[int, ...], probability: FloatArray | float) -> BoolArray:
        """True with the given probability, element by element."""
        return self.uniform(shape) < probability

    def permutation(self, size: int) -> IntArray:
        """The numbers 0 to size - 1 in random order."""
        return np.argsort(self.uniform(size), kind="stable").astype(np.int64)
