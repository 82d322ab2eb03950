"""Frames in files that are mapped into memory: to hand them to another process, or to need none for them.

Nothing is copied or decoded when a frame is taken out of a file: Arrow has it in memory as it is written.
Of a large run all frames lie in files: what nobody looks at, the system may take back.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO, NamedTuple, Self

import polars as pl

WORTH_SPOOLING_BYTES = 256 * 2**20
"""Below this, the frames of node files are small beside what else a machine has to hold."""
_WORTH_A_FILE_BYTES = 256 * 2**10


class Place(NamedTuple):
    """Where in a file a frame lies, in bytes."""

    start: int
    size: int


def worth_a_file(frame: pl.DataFrame) -> bool:
    """Whether a frame is so large that mapping it is less work than anything else."""
    return frame.estimated_size() >= _WORTH_A_FILE_BYTES


def append(frame: pl.DataFrame, file: BinaryIO) -> Place:
    """Write ``frame`` to the end of a file, at a place that can be mapped. Raises OSError."""
    start = -(-file.tell() // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
    file.seek(start)
    frame.write_ipc_stream(file, compression="uncompressed")
    file.flush()
    return Place(start, file.tell() - start)


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
        if self.on_disk and worth_a_file(frame):
            with suppress(OSError), tempfile.TemporaryFile(prefix="compass-", suffix=".arrow") as file:
                return self.map(file.fileno(), append(frame, file))
        return frame

    def map(self, file: int, place: Place) -> pl.DataFrame:
        """The frame at ``place``; the system keeps a file, named or not, as long as it is mapped."""
        # Imported where a run is large: that takes a while.
        import pyarrow as pa
        import pyarrow.ipc

        content = mmap.mmap(file, place.size, access=mmap.ACCESS_READ, offset=place.start)
        mapped = pl.from_arrow(pyarrow.ipc.open_stream(pa.py_buffer(content)).read_all(), rechunk=False)
        assert isinstance(mapped, pl.DataFrame)
        if self.on_disk:
            self._maps.append(content)
        return mapped

    def together(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Kept frames as one; those on disk are not read for that."""
        return pl.concat(frames, rechunk=not self.on_disk)

    def release(self) -> None:
        """Have no page of what lies on disk in memory; whoever looks at it again finds it there."""
        for each in self._maps:
            each.madvise(mmap.MADV_DONTNEED)
