"""/api/metadata: the dbt project behind the data, and the vocabulary of the active run."""

from __future__ import annotations

import asyncio
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from backend.auth.dependencies import Administrator
from backend.db.listener import CHANNEL
from backend.db.models import DataVersion
from backend.db.session import begin, snapshot
from backend.dependencies import AppSettings, Engine, ReadEngine
from backend.metadata import documents, links, render, stored
from backend.metadata.bundle import bundle as as_bundle
from backend.metadata.documents import MANIFEST, Document
from backend.metadata.errors import BundleMissing, ManifestMissing, ModelNotFound
from backend.metadata.project import Layer, Project, parse_project
from backend.metadata.taxonomy import read_taxonomy
from backend.problems import documented
from backend.responses import JsonResponse
from backend.schemas.metadata import (
    DocsUrl,
    Lineage,
    MetadataBundle,
    Model,
    ProjectSummary,
    Refreshed,
    RunManifest,
)
from backend.schemas.signals import SearchText

Name = Annotated[SearchText, Path(description="Name of the model.", examples=["fct_signals"])]

router = APIRouter(prefix="/metadata", tags=["metadata"])


@router.get("/summary", response_model=ProjectSummary, responses=documented(ManifestMissing, invalid=False))
async def metadata_summary(settings: AppSettings, engine: ReadEngine) -> Response:
    """The dbt project in numbers."""
    document = await _manifest(engine)
    project = parse_project(document)
    return JsonResponse(
        {
            "project_name": project.name,
            "dbt_version": project.dbt_version,
            "model_count": len(project.models),
            "source_count": len(project.sources),
            "metric_count": len(project.metrics),
            "semantic_model_count": len(project.semantic_models),
            "docs_base_url": settings.DBT_DOCS_URL,
            "generated_at": document.updated_at,
        }
    )


@router.get("/models", response_model=list[Model], responses=documented(ManifestMissing))
async def list_models(
    settings: AppSettings,
    engine: ReadEngine,
    layer: Annotated[Layer | None, Query(description="Models of this layer only.")] = None,
    tag: Annotated[SearchText | None, Query(description="Models with this tag only.")] = None,
) -> Response:
    """Models by name; ``layer`` and ``tag`` must both hold."""
    project = parse_project(await _manifest(engine))
    return JsonResponse(
        [
            render.model(project, node, settings.DBT_DOCS_URL, _database(engine))
            for _, node in sorted(project.models.items())
            if (layer is None or layer in node.layers) and (not tag or tag in node.tags)
        ]
    )


@router.get(
    "/models/{model_name}", response_model=Model, responses=documented(ManifestMissing, ModelNotFound)
)
async def get_model(model_name: Name, settings: AppSettings, engine: ReadEngine) -> Response:
    """One model with its columns and tests."""
    project = parse_project(await _manifest(engine))
    node = project.models.get(model_name)
    if node is None:
        raise ModelNotFound(model_name)
    return JsonResponse(render.model(project, node, settings.DBT_DOCS_URL, _database(engine)))


@router.get(
    "/models/{model_name}/lineage",
    response_model=Lineage,
    responses=documented(ManifestMissing, ModelNotFound),
)
async def model_lineage(
    model_name: Name,
    settings: AppSettings,
    engine: ReadEngine,
    depth: Annotated[
        int | None, Query(ge=1, le=100, description="Steps to follow each way; default: all of them.")
    ] = None,
) -> Response:
    """All tables that a model is made of, and all that are made of it."""
    project = parse_project(await _manifest(engine))
    node = project.models.get(model_name)
    if node is None:
        raise ModelNotFound(model_name)
    base = settings.DBT_DOCS_URL
    return JsonResponse(
        {
            "target_model": node.name,
            "upstream": [render.lineage_node(each, base) for each in project.upstream(node, depth)],
            "downstream": [render.lineage_node(each, base) for each in project.downstream(node, depth)],
        }
    )


@router.get("/docs-url/{resource_type}/{name}", response_model=DocsUrl, responses=documented())
async def get_docs_url(
    resource_type: Annotated[
        SearchText, Path(description="model, source, seed or overview; anything else gives the overview.")
    ],
    name: Annotated[SearchText, Path(description="Name of the resource.")],
    settings: AppSettings,
    engine: ReadEngine,
    source_name: Annotated[
        SearchText | None, Query(description="Source that a source table belongs to; default: looked up.")
    ] = None,
) -> Response:
    """Where a resource is documented; it need not exist."""
    if resource_type == "source" and not source_name:
        source_name = await _source_name(engine, name)
    url = links.docs_url(settings.DBT_DOCS_URL, resource_type, name, source_name)
    return JsonResponse({"resource_type": resource_type, "name": name, "url": url})


@router.post("/refresh", response_model=Refreshed, responses=documented(invalid=False))
async def refresh_metadata(admin: Administrator, engine: Engine) -> Response:
    """Drop what is cached of the project and its semantic layer, in every worker."""
    documents.forget()
    async with begin(engine) as connection:
        await connection.execute(
            update(DataVersion)
            .where(DataVersion.scope == documents.SCOPE)
            .values(version=DataVersion.version + 1)
        )
        await connection.execute(select(func.pg_notify(CHANNEL, documents.SCOPE)))
    return JsonResponse({"status": "refreshed", "message": "Metadata is read anew at the next request"})


@router.get("/bundle", response_model=MetadataBundle, responses=documented(BundleMissing, invalid=False))
async def metadata_bundle(settings: AppSettings, engine: ReadEngine) -> Response:
    """The vocabulary of the active run; without one, that of the taxonomy files."""
    _, written = await _active(engine, settings.INSIGHT_GRAPH_RUN, "metadata_bundle")
    if written is None:
        written = await asyncio.to_thread(read_taxonomy, FilePath(settings.TAXONOMY_PATH))
    if written is None:
        raise BundleMissing()
    return JsonResponse(as_bundle(written))


@router.get("/run-manifest", response_model=RunManifest, responses=documented(invalid=False))
async def run_manifest(settings: AppSettings, engine: ReadEngine) -> Response:
    """The active run: the one that INSIGHT_GRAPH_RUN names, else the one published last."""
    run, written = await _active(engine, settings.INSIGHT_GRAPH_RUN, "semantic_manifest")
    return JsonResponse(render.run_manifest(run, written))


async def _manifest(engine: AsyncEngine) -> Document:
    async with snapshot(engine) as connection:
        found = await documents.documents(connection, MANIFEST)
    if MANIFEST not in found:
        raise ManifestMissing()
    return found[MANIFEST]


async def _source_name(engine: AsyncEngine, table_name: str) -> str | None:
    async with snapshot(engine) as connection:
        found = await documents.documents(connection, MANIFEST)
    if MANIFEST not in found:
        return None
    return _source_of(parse_project(found[MANIFEST]), table_name)


def _source_of(project: Project, table_name: str) -> str | None:
    return next((node.source_name for node in project.sources if node.name == table_name), None)


async def _active(
    engine: AsyncEngine, configured: str, document_type: str
) -> tuple[Any | None, dict[str, Any] | None]:
    async with snapshot(engine) as connection:
        run = await stored.active_run(connection, configured, document_type)
    if run is None:
        return None, None
    return run, stored.parse(run["content"], run["run_key"], document_type)


def _database(engine: AsyncEngine) -> str:
    return engine.url.database or ""
