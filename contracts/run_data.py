"""A run in memory: one typed Polars frame per raw table, and what only checks look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from contracts.findings import Finding, Severity
from contracts.rules.gather import READING

if TYPE_CHECKING:
    import polars as pl


def _as_it_is(frame: pl.DataFrame) -> pl.DataFrame:
    return frame


def _nothing() -> None:
    pass


@dataclass(slots=True)
class RunData:
    """Staged rows of one run.

    ``frames`` holds every declared raw table, empty where the run lacks the family; columns are
    those of the declaration. ``auxiliary`` holds the frames of ``contracts.tables.auxiliary``,
    which are checked but not loaded, and ``files`` every file of the run relative to it.
    ``findings`` are what parsing already found wrong: lines that could not be read are reported
    there and absent from the frames.
    """

    run_key: str
    graph_name: str
    run_id: str
    frames: dict[str, pl.DataFrame]
    findings: list[Finding] = field(default_factory=list)
    auxiliary: dict[str, pl.DataFrame] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    single: frozenset[str] = frozenset()
    """Documents that hold one object where others hold a list of them."""
    path: str = ""
    """Directory the run was read from, absolute."""
    derived: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)
    """Frames computed from the others, by name: ``contracts.derived`` keeps what checks share."""
    on_disk: bool = False
    """Whether large frames lie on disk, because memory is not to hold them all."""
    keep: Callable[[pl.DataFrame], pl.DataFrame] = field(default=_as_it_is, repr=False)
    """Gives back an equal frame that lies where large ones of the run do."""
    release: Callable[[], None] = field(default=_nothing, repr=False)
    """Frees the memory of frames that lie elsewhere, until somebody looks at them again."""
    _making: dict[str, Lock] = field(default_factory=dict, repr=False)
    _documents: dict[str, Any] = field(default_factory=dict, repr=False)

    def derive(self, name: str, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """The frame called ``name``, made by whoever asks first; others wait for it."""
        with self._making.setdefault(name, Lock()):
            if name not in self.derived:
                self.derived[name] = make()
        return self.derived[name]

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows per raw table."""
        return {name: frame.height for name, frame in self.frames.items()}

    @property
    def broken_files(self) -> frozenset[str]:
        """Files that could not be read in full: rules over their content would repeat that."""
        return frozenset(
            finding.file
            for finding in self.findings
            if finding.file is not None
            and finding.code.startswith(READING)
            and finding.severity is Severity.ERROR
        )

    def document(self, relative: str) -> dict[str, Any]:
        """The JSON object kept in raw_run_documents for ``relative``.

        Empty where the run has no such document or parsing found fault with it. The object is
        shared between callers: read it only.
        """
        if relative not in self._documents:
            self._documents[relative] = self._read_document(relative)
        found: dict[str, Any] = self._documents[relative]
        return found

    def _read_document(self, relative: str) -> dict[str, Any]:
        frame = self.frames["raw_run_documents"]
        contents = frame.filter(frame["source_file"] == relative)["content"].to_list()
        if not contents or relative in self.broken_files:
            return {}
        value = msgspec.json.decode(contents[0])
        return value if isinstance(value, dict) else {}
