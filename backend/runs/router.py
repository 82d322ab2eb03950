"""/api/runs: which runs there are, what is in them, and what changed between two of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Query
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response

from backend.db.session import snapshot
from backend.dependencies import ReadEngine
from backend.enums import WHOLE_MARTS, RunState
from backend.errors import RunAmbiguous, RunUnknown
from backend.problems import documented
from backend.responses import JsonResponse
from backend.runs import queries, render
from backend.runs.dot import parse_dot
from backend.runs.dot_tokens import DotError
from backend.runs.errors import GraphsDiffer, GraphUnreadable, NodeNotFound, RunHasNoSignals, RunNotFound
from backend.runs.network import network
from backend.schemas.runs import (
    NODE,
    RUN_KEY,
    GraphRuns,
    Network,
    NodeResults,
    RegisteredRunDetails,
    RunDetails,
    RunDiff,
    RunGraphs,
    RunPage,
)
from backend.schemas.signals import SearchText
from backend.services.run_diff import diff_signals

MAX_OFFSET = 1_000_000_000
_DRAWINGS_KEPT = 32

Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET)]
GraphName = Annotated[SearchText, Path(description="Name of the graph.", examples=["synthetic"])]
RunId = Annotated[SearchText, Path(description="Id of the run.", examples=["20260301070000"])]
RunName = Annotated[
    SearchText,
    Path(description="Run id, or, URL-encoded, run key: `<graph_name>/<run_id>`.", examples=[RUN_KEY]),
]

router = APIRouter(prefix="/runs", tags=["runs"])
logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class _RunName(Convertor[str]):
    """A run id or a run key in a path; servers decode the slash of a key before routes are chosen."""

    regex = "[^/]+(?:/[^/]+)?"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("run_name", _RunName())


@router.get("", response_model=RunPage, responses=documented())
async def list_runs(
    engine: ReadEngine,
    graph: Annotated[SearchText | None, Query(description="Runs of this graph only.")] = None,
    state: Annotated[RunState | None, Query(description="Runs in this state only.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 25,
    offset: Offset = 0,
) -> Response:
    """The registry: every run that was ever brought in and not pruned, newest first."""
    async with snapshot(engine) as connection:
        query = queries.registered(graph or None, state, limit, offset)
        rows = (await connection.execute(query)).mappings().all()
    return JsonResponse(
        {
            "total_count": rows[0]["total_count"],
            "offset": offset,
            "limit": limit,
            "runs": [render.registry_entry(row) for row in rows if row["run_key"] is not None],
        }
    )


@router.get("/graphs", response_model=RunGraphs, responses=documented(invalid=False))
async def list_graphs(engine: ReadEngine) -> Response:
    """Graphs that have runs, by name."""
    async with snapshot(engine) as connection:
        return JsonResponse({"graphs": render.graphs(await queries.held(connection))})


@router.get("/graphs/{graph_name}/runs", response_model=GraphRuns, responses=documented())
async def list_graph_runs(graph_name: GraphName, engine: ReadEngine) -> Response:
    """Runs of a graph that are whole, newest first; none for a graph that nobody knows."""
    async with snapshot(engine) as connection:
        rows = await queries.held(connection, graph_name)
    return JsonResponse(
        {
            "graph_name": graph_name,
            "runs": [
                {
                    "run_id": row["run_id"],
                    "created_at": render.created_at(row),
                    "node_count": row["node_count"],
                }
                for row in rows
            ],
        }
    )


@router.get(
    "/graphs/{graph_name}/runs/{run_id}", response_model=RunDetails, responses=documented(RunNotFound)
)
async def get_graph_run(graph_name: GraphName, run_id: RunId, engine: ReadEngine) -> Response:
    """A run and its nodes."""
    async with snapshot(engine) as connection:
        run_key = await queries.held_run_key(connection, graph_name, run_id)
        rows = (await connection.execute(queries.nodes(run_key))).mappings().all()
    if not rows:
        raise RunNotFound(graph_name, run_id)
    return JsonResponse(
        {
            "run_id": run_id,
            "created_at": render.instant(rows[0]["created_at"]),
            "nodes": [render.run_node(row) for row in rows if row["canonical_node_id"] is not None],
        }
    )


@router.get(
    "/graphs/{graph_name}/runs/{run_id}/graph",
    response_model=Network,
    responses=documented(RunNotFound, GraphUnreadable),
)
async def get_run_graph(graph_name: GraphName, run_id: RunId, engine: ReadEngine) -> Response:
    """The graph of a run, for vis-network; empty when the run has no drawing."""
    async with snapshot(engine) as connection:
        run_key = await queries.held_run_key(connection, graph_name, run_id)
        text = await connection.scalar(queries.drawing(run_key))
    if text is None:
        return JsonResponse({"nodes": [], "edges": []})
    try:
        return JsonResponse(_network(text))
    except DotError as error:
        logger.warning("graph left out", run=run_key, reason=str(error))
        raise GraphUnreadable(graph_name, run_id, str(error)) from error


@router.get(
    "/graphs/{graph_name}/runs/{run_id}/nodes/{node_id}/results",
    response_model=NodeResults,
    responses=documented(RunNotFound, NodeNotFound),
)
async def list_node_results(
    graph_name: GraphName,
    run_id: RunId,
    node_id: Annotated[SearchText, Path(description="Canonical id of the node.", examples=[NODE])],
    engine: ReadEngine,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    offset: Offset = 0,
) -> Response:
    """Results of a node, entity by entity, in the order of its file."""
    async with snapshot(engine) as connection:
        run_key = await queries.held_run_key(connection, graph_name, run_id)
        rows = (await connection.execute(queries.entities(run_key, node_id, limit, offset))).mappings().all()
        if not rows:
            raise NodeNotFound(graph_name, run_id, node_id)
        page = [row for row in rows if row["entity_key"] is not None]
        statistics = []
        if page:
            statistics = list(
                (await connection.execute(queries.statistics(run_key, node_id, page))).mappings()
            )
    return JsonResponse(
        {
            "node_id": node_id,
            "total_count": rows[0]["total_count"],
            "offset": offset,
            "limit": limit,
            "results": render.results(page, statistics),
        }
    )


@router.get(
    "/{before:run_name}/diff/{after:run_name}",
    response_model=RunDiff,
    responses=documented(RunUnknown, RunAmbiguous, GraphsDiffer, RunHasNoSignals),
)
async def diff_runs(
    before: RunName,
    after: RunName,
    engine: ReadEngine,
    limit: Annotated[int, Query(ge=0, le=1000, description="Signals of each kind to list.")] = 100,
) -> Response:
    """What a run changed against another of the same graph: new, gone, regressed, improved signals."""
    async with snapshot(engine) as connection:
        found = (await connection.execute(queries.named([before, after]))).mappings().all()
        runs = [queries.pick(found, name) for name in (before, after)]
        if runs[0]["graph_name"] != runs[1]["graph_name"]:
            raise GraphsDiffer(runs[0]["run_key"], runs[1]["run_key"])
        for run in runs:
            if run["state"] not in WHOLE_MARTS:
                raise RunHasNoSignals(run["run_key"], run["state"])
        rows = await diff_signals(connection, runs[0]["run_key"], runs[1]["run_key"], limit)
    return JsonResponse(render.diff(runs[0], runs[1], rows, limit))


@router.get(
    "/{run:run_name}", response_model=RegisteredRunDetails, responses=documented(RunUnknown, RunAmbiguous)
)
async def get_run(run: RunName, engine: ReadEngine) -> Response:
    """What the registry says of a run, whole or not."""
    async with snapshot(engine) as connection:
        rows = (await connection.execute(queries.named([run]))).mappings().all()
    return JsonResponse(render.registry_details(queries.pick(rows, run)))


@lru_cache(maxsize=_DRAWINGS_KEPT)
def _network(text: str) -> dict[str, list[dict[str, Any]]]:
    """The drawing as vis-network takes it; kept by text, so that a run loaded again is read again."""
    return network(parse_dot(text))
