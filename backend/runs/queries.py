"""Statements about runs: the registry first, then, of runs that are whole, what the tables hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    RowMapping,
    Select,
    TableClause,
    and_,
    func,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.models import Run
from backend.enums import WHOLE_ROWS, RunState
from backend.errors import RunAmbiguous, RunUnknown
from backend.runs.errors import RunNotFound
from backend.runs.stored import ANOMALIES, DOCUMENTS, ENTITIES, METHODS, NODES, RUNS, SCORES

Rows = Select[*tuple[Any, ...]]

# Where a run came from is a path on a server, and errors may hold SQL: neither leaves the database.
_REGISTRY = (
    Run.run_key,
    Run.graph_name,
    Run.run_id,
    Run.state,
    Run.row_counts,
    Run.preflight,
    Run.durations,
    func.split_part(Run.error, ":", 1).label("error"),
    Run.created_at,
    Run.updated_at,
    Run.loaded_at,
    Run.built_at,
    Run.published_at,
)
_DOT: Final = "dot"

_STATISTICS: Final = ("entity_key", "statistical_method", *SCORES, "percentile_rank")
_ANOMALY: Final = ("anomaly_method", "applies_to", "anomaly")


def registered(graph_name: str | None, state: RunState | None, limit: int, offset: int) -> Rows:
    """A page of the registry, newest runs first.

    Each row carries ``total_count``, and an empty page is one row without a run key.
    """
    conditions: list[ColumnElement[bool]] = []
    if graph_name is not None:
        conditions.append(Run.graph_name == graph_name)
    if state is not None:
        conditions.append(Run.state == state)
    total = select(func.count().label("total_count")).select_from(Run).where(*conditions).subquery("total")
    page = (
        select(*_REGISTRY)
        .where(*conditions)
        .order_by(Run.run_id.desc(), Run.graph_name)
        .limit(limit)
        .offset(offset)
        .subquery("page")
    )
    return (
        select(total.c.total_count, *page.c)
        .select_from(total.outerjoin(page, true()))
        .order_by(page.c.run_id.desc(), page.c.graph_name)
    )


def named(names: Sequence[str]) -> Rows:
    """Registry entries that any of ``names``, run keys or run ids, can mean."""
    return select(*_REGISTRY).where(or_(Run.run_key.in_(names), Run.run_id.in_(names))).order_by(Run.run_key)


def pick(rows: Sequence[RowMapping], name: str) -> RowMapping:
    """The one of ``rows`` that ``name`` means. Raises RunUnknown, RunAmbiguous."""
    found = [row for row in rows if name in (row["run_key"], row["run_id"])]
    if not found:
        raise RunUnknown(name)
    if len(found) > 1:
        raise RunAmbiguous(name, [row["run_key"] for row in found])
    return found[0]


async def held(connection: AsyncConnection, graph_name: str | None = None) -> list[RowMapping]:
    """Runs whose rows are whole, with when they were computed and how many nodes they have.

    By graph, newest first; two statements, for without runs there need not be raw tables.
    """
    conditions: list[ColumnElement[bool]] = [Run.state.in_(WHOLE_ROWS)]
    if graph_name is not None:
        conditions.append(Run.graph_name == graph_name)
    keys = (await connection.scalars(select(Run.run_key).where(*conditions))).all()
    if not keys:
        return []
    nodes = (
        select(NODES.c.run_key, func.count().label("node_count"))
        .where(NODES.c.run_key.in_(keys), NODES.c.result_path.is_not(None))
        .group_by(NODES.c.run_key)
        .subquery("nodes")
    )
    rows = await connection.execute(
        select(
            Run.graph_name,
            Run.run_id,
            RUNS.c.created_at,
            func.coalesce(nodes.c.node_count, 0).label("node_count"),
        )
        .outerjoin(RUNS, RUNS.c.run_key == Run.run_key)
        .outerjoin(nodes, nodes.c.run_key == Run.run_key)
        .where(Run.run_key.in_(keys))
        .order_by(Run.graph_name, Run.run_id.desc())
    )
    return list(rows.mappings())


async def held_run_key(connection: AsyncConnection, graph_name: str, run_id: str) -> str:
    """Key of a run whose rows are whole. Raises RunNotFound."""
    key = await connection.scalar(
        select(Run.run_key).where(
            Run.graph_name == graph_name, Run.run_id == run_id, Run.state.in_(WHOLE_ROWS)
        )
    )
    if key is None:
        raise RunNotFound(graph_name, run_id)
    return key


def nodes(run_key: str) -> Rows:
    """Nodes with results, and when the run was computed; a run without nodes is one row without id."""
    return (
        select(
            RUNS.c.created_at,
            *(column for column in NODES.c if column.name != "run_key"),
        )
        .select_from(
            RUNS.outerjoin(NODES, and_(NODES.c.run_key == RUNS.c.run_key, NODES.c.result_path.is_not(None)))
        )
        .where(RUNS.c.run_key == run_key)
        .order_by(NODES.c.canonical_node_id.collate("C"))
    )


def drawing(run_key: str) -> Rows:
    """The DOT document of a run."""
    return select(DOCUMENTS.c.content).where(
        DOCUMENTS.c.run_key == run_key, DOCUMENTS.c.document_type == _DOT
    )


def entities(run_key: str, node_id: str, limit: int, offset: int) -> Rows:
    """A page of a node's entities in the order of their file; no row at all without such a node.

    Each row carries ``total_count`` and the node's ``statistical_methods``; an empty page is one
    row without an entity key.
    """
    of_node = (ENTITIES.c.run_key == run_key, ENTITIES.c.canonical_node_id == node_id)
    total = select(func.count()).select_from(ENTITIES).where(*of_node).scalar_subquery()
    place = (ENTITIES.c.line_number, ENTITIES.c.entity_key)
    page = select(ENTITIES).where(*of_node).order_by(*place).limit(limit).offset(offset).subquery("page")
    return (
        select(
            NODES.c.statistical_methods,
            total.label("total_count"),
            *(column for column in page.c if column.name not in ("run_key", "canonical_node_id")),
        )
        .select_from(NODES.outerjoin(page, true()))
        .where(NODES.c.run_key == run_key, NODES.c.canonical_node_id == node_id)
        .order_by(page.c.line_number, page.c.entity_key)
    )


def statistics(run_key: str, node_id: str, page: Sequence[RowMapping]) -> CompoundSelect[*tuple[Any, ...]]:
    """Statistics and anomalies of a page's entities, a row each; a row holds nulls for the other.

    They are not joined here: both are few, and nothing tells the planner so.
    """
    keys = [row["entity_key"] for row in page]
    lines = [row["line_number"] for row in page if row["line_number"] is not None]

    def of_page(table: TableClause) -> Rows:
        columns = (table.c.get(name, default=null()) for name in (*_STATISTICS, *_ANOMALY))
        query = select(
            *(column.label(name) for column, name in zip(columns, (*_STATISTICS, *_ANOMALY), strict=True))
        ).where(
            table.c.run_key == run_key,
            table.c.canonical_node_id == node_id,
            table.c.entity_key.in_(keys),
        )
        # Entities of a page stand together in their file; documents without lines are small.
        if len(lines) == len(page):
            query = query.where(table.c.line_number.between(lines[0], lines[-1]))
        return query

    return union_all(of_page(METHODS), of_page(ANOMALIES))
