"""What every node of one native build is run with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transforms.compiled.manifest import Manifest
from transforms.engines.relations import Relations


@dataclass(frozen=True, slots=True)
class BuildContext:
    """The manifest, the dbt project its seeds lie in, and what the database holds already."""

    manifest: Manifest
    project: Path
    relations: Relations
    full_refresh: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a node did: PostgreSQL's words for it, and the rows it wrote, if it writes rows."""

    message: str
    rows: int | None = None
