"""Parts of a run that can be staged whatever the others hold: here, or by a helper process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from contracts.rules.gather import Findings
from transforms.stage.keys import KeyRing
from transforms.stage.reader import Source

if TYPE_CHECKING:
    from transforms.stage.nodes import StagedHeader


@dataclass(slots=True)
class Shard:
    """Rows by table of a part of the run, and the header if that is a node file with one."""

    frames: dict[str, pl.DataFrame]
    header: StagedHeader | None = None


@dataclass(frozen=True, slots=True)
class Performed:
    """What a task gave, and what was wrong with its files."""

    shard: Shard
    findings: Findings
    refused: set[str]


@dataclass(frozen=True, slots=True)
class Task:
    """A part of the run to stage: a call of ``stage`` with a source, keys and ``arguments``.

    Helpers import ``stage`` by its name. ``size`` is that of the files it reads, in bytes.
    """

    stage: Callable[..., Shard]
    size: int
    arguments: tuple[object, ...] = ()

    def perform(self, source: Source, keys: KeyRing) -> Performed:
        """Stage the part; ``source`` itself is left as it is."""
        own = replace(source, findings=Findings(), refused=set())
        return Performed(self.stage(own, keys, *self.arguments), own.findings, own.refused)
