"""Frames of a large run lie in files mapped into memory: what nobody looks at, the system may take back."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import polars as pl

WORTH_SPOOLING_BYTES = 256 * 2**20
"""Below this, the frames of node files are small beside what else a machine has to hold."""
_WORTH_A_FILE_BYTES = 256 * 2**10


class Spool:
    """Where frames lie: in memory, or (``on_disk``) in unnamed files of the temporary folder."""

    def __init__(self, *, on_disk: bool) -> None:
        self.on_disk = on_disk
        self._maps: list[mmap.mmap] = []

    @classmethod
    def of(cls, size: int) -> Self:
        """The one for a run whose node files have ``size`` bytes."""
        return cls(on_disk=size >= WORTH_SPOOLING_BYTES)

    def keep(self, frame: pl.DataFrame) -> pl.DataFrame:
        """An equal frame that lies where it belongs; in memory also where the disk has no room."""
        if self.on_disk and frame.estimated_size() >= _WORTH_A_FILE_BYTES:
            with suppress(OSError):
                return self._mapped(frame)
        return frame

    def together(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Kept frames as one; those on disk are not read for that."""
        return pl.concat(frames, rechunk=not self.on_disk)

    def release(self) -> None:
        """Have no page of what lies on disk in memory; whoever looks at it again finds it there."""
        for each in self._maps:
            each.madvise(mmap.MADV_DONTNEED)

    def _mapped(self, frame: pl.DataFrame) -> pl.DataFrame:
        # Imported where a run is large: that takes a while.
        import pyarrow as pa
        import pyarrow.ipc

        # The system keeps a file, named or not, as long as it is mapped.
        with tempfile.NamedTemporaryFile(prefix="compass-", suffix=".arrow") as file:
            frame.write_ipc(file.name, compression="uncompressed")
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        mapped = pl.from_arrow(pyarrow.ipc.open_file(pa.py_buffer(content)).read_all(), rechunk=False)
        assert isinstance(mapped, pl.DataFrame)
        self._maps.append(content)
        return mapped
