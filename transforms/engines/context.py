"""What every node of one native build is run with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from transforms.compiled.manifest import Manifest
from transforms.engines.relations import Relations

if TYPE_CHECKING:
    import pyarrow as pa

ComputedRows = Mapping[str, "pa.Table"]
"""Rows by id of the model; columns are the model's less LOADED_AT, which PostgreSQL alone knows."""


@dataclass(frozen=True, slots=True)
class BuildContext:
    """The manifest, the dbt project its seeds lie in, and what the database holds already."""

    manifest: Manifest
    project: Path
    relations: Relations
    full_refresh: bool
    computed: ComputedRows = field(default_factory=dict)
    """Rows that need not be selected, but are copied in."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a node did: PostgreSQL's words for it, and the rows it wrote, if it writes rows."""

    message: str
    rows: int | None = None
