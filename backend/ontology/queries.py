"""Statements over the ontology, composed of the declarations of its vertices and edges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    Text,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.caching.standing import standing
from backend.db.session import is_undefined, snapshot
from backend.ontology.context import Context, Rows, active_signals
from backend.ontology.edges import EDGE_LABELS, EDGES, EdgeSource
from backend.ontology.errors import LabelUnknown, OntologyUnavailable
from backend.ontology.stored import DOCUMENTS, NODES
from backend.ontology.vertices import VERTEX_LABELS, VERTICES, VertexSource
from backend.services.runs import published_runs

_BUNDLE: Final = "metadata_bundle"


class Direction(StrEnum):
    """Which edges of a vertex are followed."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"
    BOTH = "both"


@asynccontextmanager
async def store(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection that reads one state of the ontology.

    Raises OntologyUnavailable where the marts lack a table, DatabaseUnavailable, StatementTimeout.
    """
    try:
        async with snapshot(engine) as connection:
            yield connection
    except DBAPIError as error:
        if is_undefined(error):
            raise OntologyUnavailable("a table of the marts is missing") from error
        raise


async def run_keys(connection: AsyncConnection) -> list[str]:
    """Keys of the published runs; without any the ontology is empty, and its tables may be missing."""
    return [run.run_key for run in await published_runs(connection)]


def require_vertex_label(label: str) -> None:
    """Raise LabelUnknown unless there are such vertices."""
    if label not in VERTEX_LABELS:
        raise LabelUnknown("vertex", label, VERTEX_LABELS)


def require_edge_label(label: str) -> None:
    """Raise LabelUnknown unless there are such edges."""
    if label not in EDGE_LABELS:
        raise LabelUnknown("edge", label, EDGE_LABELS)


def versions() -> Select[list[int] | None]:
    """Versions of the data that the counts of ``stats`` stand on."""
    return select(standing("runs", "signals").c.versions)


def stats(runs: Sequence[str]) -> CompoundSelect[*tuple[Any, ...]]:
    """Rows of kind (vertex or edge), label and count; a label may have several."""
    # Most declarations read the signals: all share one scan.
    context = Context(runs, active_signals(documents=False).cte("active_signals"))
    counts = [_count("vertex", source.label, _each_once(source, context)) for source in VERTICES]
    counts += [_count("edge", source.label, source.rows(context)) for source in EDGES]
    return union_all(*counts)


def _each_once(source: VertexSource, context: Context) -> Rows:
    """Rows of a declaration, with its properties only where the database tells them."""
    rows = source.rows(context)
    return rows if source.describe is None else rows.distinct()


def _count(kind: str, label: str, rows: Rows) -> Rows:
    return select(
        literal(kind, Text).label("kind"), literal(label, Text).label("label"), func.count().label("count")
    ).select_from(rows.subquery())


def page(runs: Sequence[str], label: str, limit: int) -> Rows:
    """The first vertices of a label, by id."""
    return _first(_vertices(runs, {label: None}, limit), limit)


def vertices(runs: Sequence[str], ids: Mapping[str, Collection[str]]) -> Rows | None:
    """The vertices with these ids, by label; None where no vertex can have such an id."""
    found = _vertices(runs, ids, None)
    return _first(found, None) if found else None


def exists(runs: Sequence[str], label: str, vertex_id: str) -> Rows | None:
    """The vertex with this id, at most one row; None where no vertex can have such an id."""
    # A limit to each declaration ends its scan at the first row that matches.
    found = _vertices(runs, {label: [vertex_id]}, None)
    return _first([query.limit(1) for query in found], 1) if found else None


def _vertices(
    runs: Sequence[str], wanted: Mapping[str, Collection[str] | None], limit: int | None
) -> list[Rows]:
    context = _context(runs)
    found = []
    for source in VERTICES:
        if source.label not in wanted:
            continue
        ids = wanted[source.label]
        rows = (source.rows(context) if ids is not None else _each_once(source, context)).subquery()
        properties = rows.c.properties if source.describe is None else cast(null(), JSONB)
        query = select(
            literal(source.label, Text).label("label"),
            source.key.shown(rows.c.id).label("id"),
            properties.label("properties"),
        )
        if ids is not None:
            values = [value for each in ids if (value := source.key.parse(each)) is not None]
            if not values:
                continue
            query = query.where(rows.c.id.in_(values))
        if limit is not None:
            query = query.order_by(source.key.ordered(rows.c.id)).limit(limit)
        found.append(query)
    return found


def _first(queries: Sequence[Rows], limit: int | None) -> Rows:
    together = union_all(*(select(query.subquery()) for query in queries)).subquery("vertices")
    return select(together).order_by(together.c.label, together.c.id.collate("C")).limit(limit)


def edges(
    runs: Sequence[str],
    label: str,
    vertex_id: str,
    edge_label: str | None,
    direction: Direction,
    limit: int,
) -> Rows | None:
    """Edges of a vertex, by label, then by the id at the other end; None where there can be none.

    Each row says in ``neighbor_label`` and ``neighbor_id`` what is at the other end.
    """
    context = _context(runs)
    found: list[Rows] = []
    for source in EDGES:
        if edge_label is not None and source.label != edge_label:
            continue
        if direction is not Direction.INCOMING and source.from_label == label:
            found += _ends(source, context, vertex_id, limit, outgoing=True)
        if direction is not Direction.OUTGOING and source.to_label == label:
            found += _ends(source, context, vertex_id, limit, outgoing=False)
    if not found:
        return None
    branches = (
        select(branch.add_columns(literal(place, Integer).label("place")).subquery())
        for place, branch in enumerate(found)
    )
    together = union_all(*branches).subquery("edges")
    return (
        select(together)
        .order_by(together.c.label, together.c.neighbor_id.collate("C"), together.c.place)
        .limit(limit)
    )


def _ends(source: EdgeSource, context: Context, vertex_id: str, limit: int, *, outgoing: bool) -> list[Rows]:
    """Edges of one declaration at a vertex; none where the vertex cannot be one of it."""
    rows = source.rows(context).subquery()
    here, there = (rows.c.from_id, rows.c.to_id) if outgoing else (rows.c.to_id, rows.c.from_id)
    here_key, there_key = (source.from_key, source.to_key) if outgoing else (source.to_key, source.from_key)
    value = here_key.parse(vertex_id)
    if value is None:
        return []
    neighbor: ColumnElement[str] = there_key.shown(there)
    query = (
        select(
            literal(source.label, Text).label("label"),
            source.from_key.shown(rows.c.from_id).label("from_id"),
            source.to_key.shown(rows.c.to_id).label("to_id"),
            rows.c.properties,
            literal(source.to_label if outgoing else source.from_label, Text).label("neighbor_label"),
            neighbor.label("neighbor_id"),
        )
        .where(here == value)
        .order_by(there_key.ordered(there))
        .limit(limit)
    )
    return [query]


def metrics(runs: Sequence[str]) -> Rows:
    """Metrics of the published runs, by id."""
    row = _context(runs).metrics()
    return select(row).order_by(row.c.metric_id.collate("C"))


def dimensions(runs: Sequence[str]) -> Rows:
    """Lists of dimensions (JSON) that nodes of the published runs divide by, and how many nodes do."""
    return (
        select(NODES.c.group_bys, func.count().label("node_count"))
        .where(NODES.c.run_key.in_(runs), NODES.c.group_bys.is_not(None))
        .group_by(NODES.c.group_bys)
    )


def bundles(runs: Sequence[str]) -> Rows:
    """Metadata bundles of the published runs, which name their dimensions."""
    return (
        select(DOCUMENTS.c.run_key, DOCUMENTS.c.content)
        .where(DOCUMENTS.c.run_key.in_(runs), DOCUMENTS.c.document_type == _BUNDLE)
        .order_by(DOCUMENTS.c.run_key)
    )


def _context(runs: Sequence[str]) -> Context:
    # Not a common table expression: conditions on a vertex must reach the tables and their indexes.
    return Context(runs, active_signals().subquery("active_signals"))
