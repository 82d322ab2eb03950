"""/api/metrics: the catalogue of metrics, the semantic layer, and questions to it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from backend.db.session import is_undefined_table, snapshot
from backend.dependencies import ReadEngine
from backend.metadata.documents import MANIFEST, documents
from backend.metadata.errors import ManifestMissing
from backend.metrics.catalogue import catalogue
from backend.metrics.compile import compile_question
from backend.metrics.errors import (
    DatesReversed,
    DimensionUnknown,
    GrainUnusable,
    MetricNotFound,
    MetricUnknown,
    MetricUnusable,
    NoTimeDimension,
    SemanticLayerMissing,
    WhereInvalid,
)
from backend.metrics.formulas import Plan
from backend.metrics.question import Question
from backend.metrics.semantic import Metric, SemanticLayer, parse_semantic_layer
from backend.problems import documented
from backend.responses import JsonResponse
from backend.schemas.metrics import (
    DEFAULT_LIMIT,
    MetricCatalogue,
    MetricDefinition,
    MetricInfo,
    MetricQuery,
    MetricResult,
    SemanticModelInfo,
)
from backend.schemas.signals import SearchText

router = APIRouter(prefix="/metrics", tags=["metrics"])


@router.get("", response_model=MetricCatalogue, responses=documented(invalid=False))
async def list_metrics(engine: ReadEngine) -> Response:
    """Every metric that is known, or that a published run has."""
    async with snapshot(engine) as connection:
        entries = await catalogue(connection)
    return JsonResponse({"metrics": list(entries.values()), "count": len(entries)})


@router.get("/definitions", response_model=list[MetricDefinition], responses=documented(SemanticLayerMissing))
async def list_metric_definitions(
    engine: ReadEngine,
    category: Annotated[SearchText | None, Query(description="Metrics of this category only.")] = None,
) -> Response:
    """Metrics of the semantic layer, by name."""
    layer = await _layer(engine)
    return JsonResponse(
        [
            _definition(layer, metric)
            for _, metric in sorted(layer.metrics.items())
            if not category or metric.category == category
        ]
    )


@router.get(
    "/definitions/{metric_name}",
    response_model=MetricDefinition,
    responses=documented(MetricNotFound, SemanticLayerMissing),
)
async def get_metric_definition(metric_name: Annotated[SearchText, Path()], engine: ReadEngine) -> Response:
    """One metric of the semantic layer."""
    layer = await _layer(engine)
    metric = layer.metrics.get(metric_name)
    if metric is None:
        raise MetricNotFound(metric_name)
    return JsonResponse(_definition(layer, metric))


@router.get(
    "/semantic-models",
    response_model=list[SemanticModelInfo],
    responses=documented(SemanticLayerMissing, invalid=False),
)
async def list_semantic_models(engine: ReadEngine) -> Response:
    """Tables of the semantic layer with their dimensions and measures."""
    layer = await _layer(engine)
    return JsonResponse(
        [
            {
                "name": model.name,
                "description": model.description,
                "table_name": model.table_name,
                "dimensions": list(model.dimensions),
                "measures": list(model.measures),
            }
            for model in layer.models.values()
        ]
    )


@router.get(
    "/categories", response_model=list[str], responses=documented(SemanticLayerMissing, invalid=False)
)
async def list_metric_categories(engine: ReadEngine) -> Response:
    """Categories of metrics, in order."""
    layer = await _layer(engine)
    return JsonResponse(sorted({metric.category for metric in layer.metrics.values() if metric.category}))


@router.post(
    "/query/{metric_name}",
    response_model=MetricResult,
    responses=documented(
        MetricUnknown,
        MetricUnusable,
        DimensionUnknown,
        WhereInvalid,
        DatesReversed,
        GrainUnusable,
        NoTimeDimension,
        SemanticLayerMissing,
    ),
)
async def query_metric(
    metric_name: Annotated[SearchText, Path(description="A metric of the semantic layer.")],
    engine: ReadEngine,
    query: Annotated[MetricQuery, Body()] = MetricQuery(),
) -> Response:
    """Values of a metric over the signals, contributions and facilities of published runs."""
    dimensions = tuple(dict.fromkeys(query.group_by))
    question = Question(
        group_by=dimensions,
        where=query.where,
        start=query.start_date,
        end=query.end_date,
        grain=query.grain,
        limit=query.limit or DEFAULT_LIMIT,
    )
    async with snapshot(engine) as connection:
        layer = await _read_layer(connection)
        metric = layer.metrics.get(metric_name)
        if metric is None:
            raise MetricUnknown(metric_name)
        rows = await _answer(connection, layer, metric, question)
    keys = (*dimensions, metric_name)
    return JsonResponse(
        {
            "metric_name": metric_name,
            "dimensions": query.group_by,
            "rows": [dict(zip(keys, row, strict=True)) for row in rows],
            "row_count": len(rows),
            "sql": None,
        }
    )


@router.get("/{metric_id}", response_model=MetricInfo, responses=documented(MetricNotFound))
async def get_metric(metric_id: Annotated[SearchText, Path()], engine: ReadEngine) -> Response:
    """One metric of the catalogue."""
    async with snapshot(engine) as connection:
        entry = (await catalogue(connection)).get(metric_id)
    if entry is None:
        raise MetricNotFound(metric_id)
    return JsonResponse(entry)


async def _layer(engine: ReadEngine) -> SemanticLayer:
    async with snapshot(engine) as connection:
        return await _read_layer(connection)


async def _read_layer(connection: AsyncConnection) -> SemanticLayer:
    found = await documents(connection, MANIFEST)
    if MANIFEST not in found:
        raise SemanticLayerMissing()
    try:
        return parse_semantic_layer(found[MANIFEST])
    except ManifestMissing as error:
        raise SemanticLayerMissing() from error


async def _answer(
    connection: AsyncConnection, layer: SemanticLayer, metric: Metric, question: Question
) -> list[Any]:
    """Rows of the answer; none while no run was ever built."""
    statement = compile_question(Plan(layer, metric), question)
    try:
        return list(await connection.execute(statement))
    except DBAPIError as error:
        if is_undefined_table(error):
            return []
        raise


def _definition(layer: SemanticLayer, metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "description": metric.description,
        "label": metric.label,
        "type": metric.kind,
        "category": metric.category,
        "display_format": metric.display_format,
        "available_dimensions": layer.dimensions_of(metric),
    }
