"""Failures of a build, with the node, file and database message they are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import asyncpg

from transforms.engines.base import NodeResult
from transforms.errors import CompassError


class BuildFailed(CompassError):
    """Nodes of a build failed; the others are built, what depends on the failed is as before."""

    exit_code: ClassVar[int] = 1

    def __init__(self, engine: str, problems: Sequence[NodeResult], skipped: int) -> None:
        self.engine = engine
        self.problems = tuple(problems)
        self.skipped = skipped
        super().__init__(
            "\n".join(
                [
                    f"{len(problems)} of the models and tests failed, {skipped} skipped",
                    *(describe(problem) for problem in problems),
                ]
            )
        )


class NodeFailed(Exception):
    """A node could not run; the text says why, without naming the node."""


class StatementFailed(NodeFailed):
    """PostgreSQL refused a node's compiled SQL, or failed in it."""

    def __init__(self, error: asyncpg.PostgresError, sql: str, offset: int) -> None:
        """``offset`` is where ``sql`` starts in the statement that failed."""
        self.error = error
        self.line, self.line_text = _locate(error, sql, offset)
        where = f"\n  line {self.line} of the compiled SQL: {self.line_text}" if self.line else ""
        super().__init__(postgres_message(error) + where)


class ColumnsChanged(NodeFailed):
    """A model's columns are not those of its table, which holds rows of other runs."""

    def __init__(
        self, relation: str, missing: Sequence[str], surplus: Sequence[str], retyped: Sequence[str]
    ) -> None:
        self.relation = relation
        self.missing = tuple(missing)
        self.surplus = tuple(surplus)
        self.retyped = tuple(retyped)
        types = f", of another type are {', '.join(retyped)}" if retyped else ""
        super().__init__(
            f"the columns of {relation} are not those of the model: the table lacks "
            f"{', '.join(missing) or 'none'}, the model lacks {', '.join(surplus) or 'none'}{types}; "
            "build once with --full-refresh while no run is building, which rebuilds every loaded run"
        )


def describe(problem: NodeResult) -> str:
    """One line or more on a failed node: what it is, where its SQL is, what went wrong."""
    node = problem.node
    return f"{node.resource_type} {node.name} (dbt/{node.file_path}): {problem.message}"


def postgres_message(error: asyncpg.PostgresError) -> str:
    """What PostgreSQL said: message, SQLSTATE, and detail and hint where it gave them."""
    facts = error.as_dict()
    extra = "".join(f"; {facts[key]}" for key in ("detail", "hint") if facts.get(key))
    return f"{facts.get('message', error)} (SQLSTATE {error.sqlstate}){extra}"


def _locate(error: asyncpg.PostgresError, sql: str, offset: int) -> tuple[int | None, str]:
    position = error.as_dict().get("position")
    if position is None or not offset < int(position) <= offset + len(sql):
        return None, ""
    line = sql.count("\n", 0, int(position) - offset - 1)
    return line + 1, sql.split("\n")[line].strip()
