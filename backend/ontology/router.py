"""/api/ontology: facilities, metrics, signals and what connects them, as a graph."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from backend.dependencies import ReadEngine, StandingValues
from backend.ontology import queries, render
from backend.ontology.edges import EDGE_LABELS
from backend.ontology.errors import LabelUnknown, OntologyUnavailable, VertexNotFound
from backend.ontology.queries import Direction, store
from backend.ontology.vertices import DESCRIBED, VERTEX_LABELS
from backend.problems import documented
from backend.responses import JsonResponse
from backend.schemas.ontology import (
    Neighbors,
    OntologyDimensions,
    OntologyLabels,
    OntologyMetrics,
    OntologyStats,
    Vertex,
    VertexPage,
)
from backend.schemas.signals import SearchText

Label = Annotated[
    SearchText, Path(description=f"One of {', '.join(VERTEX_LABELS)}.", examples=["Metric", "Facility"])
]
VertexId = Annotated[SearchText, Path(description="Id of the vertex, URL-encoded.", examples=["losIndex"])]
Limit = Annotated[int, Query(ge=1, le=1000)]

_STATS = "ontology stats"

router = APIRouter(prefix="/ontology", tags=["ontology"])


class _VertexId(Convertor[str]):
    """An id in a path. It may hold slashes, for servers decode them before routes are chosen."""

    regex = ".*[^/]"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("vertex_id", _VertexId())


@router.get("/labels", response_model=OntologyLabels, responses=documented(invalid=False))
async def list_ontology_labels() -> Response:
    """Labels of vertices."""
    return JsonResponse({"labels": list(VERTEX_LABELS)})


@router.get("/stats", response_model=OntologyStats, responses=documented(OntologyUnavailable, invalid=False))
async def get_ontology_stats(engine: ReadEngine, values: StandingValues) -> Response:
    """How many vertices and edges of each label the published runs make."""
    async with store(engine) as connection:
        versions = await connection.scalar(queries.versions())
        counts = values.get(_STATS, versions)
        if counts is None:
            runs = await queries.run_keys(connection)
            rows = (await connection.execute(queries.stats(runs))).mappings().all() if runs else []
            counts = render.stats(rows)
            values.put(_STATS, versions, counts)
    return JsonResponse(counts)


@router.get(
    "/metrics", response_model=OntologyMetrics, responses=documented(OntologyUnavailable, invalid=False)
)
async def list_ontology_metrics(engine: ReadEngine) -> Response:
    """Metrics of the published runs, by id."""
    async with store(engine) as connection:
        runs = await queries.run_keys(connection)
        rows = (await connection.execute(queries.metrics(runs))).mappings().all() if runs else []
    return JsonResponse({"metrics": [render.metric(row) for row in rows], "count": len(rows)})


@router.get(
    "/dimensions",
    response_model=OntologyDimensions,
    responses=documented(OntologyUnavailable, invalid=False),
)
async def list_ontology_dimensions(engine: ReadEngine) -> Response:
    """What the nodes of the published runs divide by, by id."""
    async with store(engine) as connection:
        runs = await queries.run_keys(connection)
        if not runs:
            return JsonResponse({"dimensions": [], "count": 0})
        groupings = (await connection.execute(queries.dimensions(runs))).mappings().all()
        bundles = (await connection.execute(queries.bundles(runs))).mappings().all()
    found = render.dimensions(groupings, bundles)
    return JsonResponse({"dimensions": found, "count": len(found)})


@router.get(
    "/vertices/{label}", response_model=VertexPage, responses=documented(LabelUnknown, OntologyUnavailable)
)
async def list_vertices(label: Label, engine: ReadEngine, limit: Limit = 100) -> Response:
    """The first vertices of a label, by id."""
    queries.require_vertex_label(label)
    async with store(engine) as connection:
        runs = await queries.run_keys(connection)
        rows = (await connection.execute(queries.page(runs, label, limit))).mappings().all() if runs else []
    return JsonResponse({"vertices": [render.vertex(row) for row in rows], "count": len(rows)})


@router.get(
    "/vertices/{label}/{vertex_id:vertex_id}/neighbors",
    response_model=Neighbors,
    responses=documented(LabelUnknown, OntologyUnavailable),
)
async def list_neighbors(
    label: Label,
    vertex_id: VertexId,
    engine: ReadEngine,
    edge_label: Annotated[
        SearchText | None, Query(description=f"Edges of this label only: one of {', '.join(EDGE_LABELS)}.")
    ] = None,
    direction: Annotated[
        Direction, Query(description="Edges that leave the vertex, that lead to it, or both.")
    ] = Direction.OUTGOING,
    limit: Limit = 100,
) -> Response:
    """What one edge connects a vertex with; nothing, for a vertex that nobody knows."""
    queries.require_vertex_label(label)
    if edge_label:
        queries.require_edge_label(edge_label)
    async with store(engine) as connection:
        runs = await queries.run_keys(connection)
        query = queries.edges(runs, label, vertex_id, edge_label or None, direction, limit)
        if not runs or query is None:
            return JsonResponse({"neighbors": [], "count": 0})
        edges = (await connection.execute(query)).mappings().all()
        wanted: dict[str, set[str]] = {}
        for edge in edges:
            if edge["neighbor_label"] not in DESCRIBED:
                wanted.setdefault(edge["neighbor_label"], set()).add(edge["neighbor_id"])
        found = queries.vertices(runs, wanted)
        rows = [] if found is None else (await connection.execute(found)).mappings().all()
    vertices = {(row["label"], row["id"]): row for row in rows}
    return JsonResponse(
        {"neighbors": [render.neighbor(edge, vertices) for edge in edges], "count": len(edges)}
    )


@router.get(
    "/vertices/{label}/{vertex_id:vertex_id}",
    response_model=Vertex,
    responses=documented(LabelUnknown, VertexNotFound, OntologyUnavailable),
)
async def get_vertex(label: Label, vertex_id: VertexId, engine: ReadEngine) -> Response:
    """One vertex."""
    queries.require_vertex_label(label)
    async with store(engine) as connection:
        runs = await queries.run_keys(connection)
        query = queries.exists(runs, label, vertex_id)
        row = None
        if runs and query is not None:
            row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise VertexNotFound(label, vertex_id)
    return JsonResponse(render.vertex(row))
