"""What a model that cannot run on every engine is refused with."""

from __future__ import annotations

from typing import ClassVar

from transforms.compiled.manifest import Node
from transforms.errors import CompassError


class NotPortable(CompassError):
    """A model or data test uses SQL that is not known to mean the same in DuckDB.

    ``line`` counts the lines of the compiled SQL from 1; ``construct`` is the piece of SQL. Both are
    None where the statement as a whole is to blame.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, node: Node, reason: str, *, line: int | None = None, construct: str | None = None
    ) -> None:
        self.node = node
        self.reason = reason
        self.line = line
        self.construct = construct
        place = f"{node.resource_type} {node.name} (dbt/{node.file_path})"
        if line is not None:
            place += f", line {line} of its compiled SQL"
        piece = "" if construct is None else f"`{construct}`: "
        super().__init__(
            f"{place} is not portable: {piece}{reason}",
            "keep models inside the SQL subset of docs/architecture.md",
        )
