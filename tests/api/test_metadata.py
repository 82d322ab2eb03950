"""/api/metadata: the dbt project, its models, their lineage and documentation."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from backend.config import Settings
from backend.main import create_app
from tests.api.conftest import running
from transforms.lifecycle.project_documents import store_project_documents

DOCS = "http://localhost:8080/#!"


@pytest.fixture
async def data(connection: asyncpg.Connection) -> asyncpg.Connection:
    """The project's documents."""
    await store_project_documents(connection)
    return connection


def _manifest() -> dict[str, Any]:
    """The checked-in manifest, read apart from the product."""
    path = Path(__file__).resolve().parents[2] / "dbt" / "compiled" / "manifest.json"
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


async def test_summary(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    manifest = _manifest()
    body = (await client.get("/api/metadata/summary")).json()
    generated_at = body.pop("generated_at")
    assert datetime.fromisoformat(generated_at).tzinfo is not None
    assert body == {
        "project_name": "quality_compass",
        "dbt_version": manifest["dbt_version"],
        "model_count": sum(node["resource_type"] == "model" for node in manifest["nodes"].values()),
        "source_count": len(manifest["sources"]),
        "metric_count": len(manifest["metrics"]),
        "semantic_model_count": 4,
        "docs_base_url": "http://localhost:8080",
    }


async def test_models_are_those_of_the_project(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    nodes = _manifest()["nodes"]
    models = (await client.get("/api/metadata/models")).json()
    expected = sorted(node["name"] for node in nodes.values() if node["resource_type"] == "model")
    assert [model["name"] for model in models] == expected
    for model in models:
        node = nodes[model["unique_id"]]
        assert model["description"] == node["description"]
        assert model["columns"] == [
            {
                "name": column["name"],
                "description": column["description"],
                "data_type": column["data_type"],
            }
            for column in node["columns"]
        ]
        readers = [
            unique_id
            for unique_id, each in nodes.items()
            if each["resource_type"] == "model" and model["unique_id"] in each.get("depends_on", [])
        ]
        assert model["referenced_by"] == sorted(readers)
        assert (await client.get(f"/api/metadata/models/{model['name']}")).json() == model


async def test_one_model(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    model = (await client.get("/api/metadata/models/dim_metrics")).json()
    assert model["unique_id"] == "model.quality_compass.dim_metrics"
    assert model["schema_name"] == "public_marts"
    assert model["database"] == await data.fetchval("select current_database()")
    assert model["materialization"] == "incremental_by_run"
    assert model["tags"] == ["marts"]
    assert model["depends_on"] == [
        "model.quality_compass.fct_signals",
        "model.quality_compass.int_metrics",
        "model.quality_compass.stg_build_scope",
        "model.quality_compass.stg_node_results",
    ]
    assert model["docs_url"] == f"{DOCS}/model/model.quality_compass.dim_metrics"
    assert {"name": "metric_id", "description": "Metric", "data_type": "text"} in model["columns"]
    tests = {(test["kind"], test["column_name"]) for test in model["tests"]}
    assert {
        ("accepted_values", "domain"),
        ("not_negative", "signal_count"),
        ("unique_combination", None),
    } <= tests


async def test_singular_tests_belong_to_what_they_read(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    model = (await client.get("/api/metadata/models/fct_contributions")).json()
    assert {
        "name": "contribution_shares_sum_to_one",
        "kind": "singular",
        "column_name": None,
        "severity": "warn",
    } in model["tests"]


@pytest.mark.parametrize(
    ("query", "prefixes", "count"),
    [
        ({"layer": "staging"}, ("stg_",), 14),
        ({"layer": "intermediate"}, ("int_",), 4),
        ({"layer": "marts"}, ("fct_", "dim_"), 7),
        ({"layer": "semantic"}, ("time_spine_daily",), 1),
        ({"tag": "marts"}, ("fct_", "dim_"), 7),
        ({"layer": "marts", "tag": "marts"}, ("fct_", "dim_"), 7),
        ({"layer": "marts", "tag": "staging"}, ("none",), 0),
        ({"tag": "nothing"}, ("none",), 0),
    ],
)
async def test_layer_and_tag_must_both_hold(
    client: httpx.AsyncClient,
    data: asyncpg.Connection,
    query: dict[str, str],
    prefixes: tuple[str, ...],
    count: int,
) -> None:
    models = (await client.get("/api/metadata/models", params=query)).json()
    assert len(models) == count
    assert all(model["name"].startswith(prefixes) for model in models)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("models?layer=gold", 422),
        ("models?layer=", 422),
        ("models?tag=%00", 422),
        ("models/nothing", 404),
        ("models/fct_signals%00", 422),
        ("models/nothing/lineage", 404),
        ("models/fct_signals/lineage?depth=0", 422),
        ("models/fct_signals/lineage?depth=101", 422),
        ("models/fct_signals/lineage?depth=all", 422),
        ("docs-url/model/%00", 422),
    ],
)
async def test_what_is_unknown_or_malformed(
    client: httpx.AsyncClient, data: asyncpg.Connection, path: str, status: int
) -> None:
    answer = await client.get(f"/api/metadata/{path}")
    assert answer.status_code == status
    assert answer.json()["status"] == status


def _closure(edges: dict[str, list[str]], start: str) -> set[str]:
    found: set[str] = set()
    frontier = [start]
    while frontier:
        frontier = [each for node in frontier for each in edges.get(node, []) if each not in found]
        found.update(frontier)
    return found


async def test_lineage_is_transitive_both_ways(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    manifest = _manifest()
    nodes = {**manifest["nodes"], **manifest["sources"]}
    tables = {key: node for key, node in nodes.items() if node["resource_type"] != "test"}
    up = {key: node.get("depends_on", []) for key, node in tables.items()}
    down: dict[str, list[str]] = {}
    for child, parents in up.items():
        for parent in parents:
            down.setdefault(parent, []).append(child)
    for unique_id, node in tables.items():
        if node["resource_type"] != "model":
            continue
        body = (await client.get(f"/api/metadata/models/{node['name']}/lineage")).json()
        assert body["target_model"] == node["name"]
        for side, edges in (("upstream", up), ("downstream", down)):
            ids = [each["unique_id"] for each in body[side]]
            assert len(ids) == len(set(ids))
            assert set(ids) == _closure(edges, unique_id), (node["name"], side)
            for each in body[side]:
                assert each["resource_type"] == tables[each["unique_id"]]["resource_type"]
                assert "None" not in each["docs_url"]


async def test_lineage_of_one_model(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    full = (await client.get("/api/metadata/models/int_metrics/lineage")).json()
    nodes = {each["unique_id"]: each for each in full["upstream"] + full["downstream"]}
    assert nodes["source.quality_compass.raw.raw_metric_definitions"] == {
        "unique_id": "source.quality_compass.raw.raw_metric_definitions",
        "name": "raw_metric_definitions",
        "resource_type": "source",
        "layer": "raw",
        "docs_url": f"{DOCS}/source/source.quality_compass.raw.raw_metric_definitions",
    }
    assert nodes["seed.quality_compass.metric_catalog"]["layer"] == "other"
    assert (
        nodes["seed.quality_compass.metric_catalog"]["docs_url"]
        == f"{DOCS}/seed/seed.quality_compass.metric_catalog"
    )
    assert nodes["model.quality_compass.stg_metric_definitions"]["layer"] == "staging"
    assert nodes["model.quality_compass.dim_metrics"]["layer"] == "marts"
    # Depth first: what a table is made of comes before its siblings.
    names = [each["name"] for each in full["upstream"]]
    assert names.index("raw_metric_definitions") < names.index("stg_node_results")
    near = (await client.get("/api/metadata/models/int_metrics/lineage", params={"depth": 1})).json()
    assert {each["name"] for each in near["upstream"]} == {
        "stg_node_results",
        "stg_metric_definitions",
        "metric_catalog",
    }
    assert {each["name"] for each in near["downstream"]} == {"dim_metrics", "fct_signals"}
    lineage = (await client.get("/api/metadata/models/fct_signals/lineage")).json()
    layers = {each["name"]: each["layer"] for each in lineage["upstream"]}
    assert layers["int_metrics"] == "intermediate"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("model/fct_signals", "model/model.quality_compass.fct_signals"),
        ("model/not_there", "model/model.quality_compass.not_there"),
        ("seed/metric_catalog", "seed/seed.quality_compass.metric_catalog"),
        ("source/raw_runs", "source/source.quality_compass.raw.raw_runs"),
        ("source/runs", "source/source.quality_compass.app.runs"),
        ("source/runs?source_name=other", "source/source.quality_compass.other.runs"),
        ("source/not_there", "overview"),
        ("overview/anything", "overview"),
        ("exposure/x", "overview"),
        ("model/a%2Fb%20c", None),
        ("model/%22%3E%3Cscript%3E", "model/model.quality_compass.%22%3E%3Cscript%3E"),
    ],
)
async def test_docs_url(
    client: httpx.AsyncClient, data: asyncpg.Connection, path: str, url: str | None
) -> None:
    answer = await client.get(f"/api/metadata/docs-url/{path}")
    if url is None:
        assert answer.status_code == 404
        return
    assert answer.status_code == 200
    kind, _, name = path.partition("?")[0].partition("/")
    body = answer.json()
    assert body["resource_type"] == kind
    assert body["name"] == httpx.URL(f"http://x/{name}").path[1:]
    assert body["url"] == f"{DOCS}/{url}"


async def test_docs_url_without_manifest_and_with_a_slash(
    settings: Settings, connection: asyncpg.Connection
) -> None:
    await connection.execute("delete from public.project_documents")
    changed = settings.model_copy(update={"DBT_DOCS_URL": "https://docs.example/dbt/"})
    async with running(create_app(changed)) as client:
        body = (await client.get("/api/metadata/docs-url/source/raw_runs")).json()
        assert body["url"] == "https://docs.example/dbt/#!/overview"
        body = (await client.get("/api/metadata/docs-url/model/x")).json()
        assert body["url"] == "https://docs.example/dbt/#!/model/model.quality_compass.x"


async def test_without_a_manifest_there_is_no_project(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await data.execute("delete from public.project_documents")
    for path in ("summary", "models", "models/fct_signals", "models/fct_signals/lineage"):
        answer = await client.get(f"/api/metadata/{path}")
        assert answer.status_code == 404
        assert answer.json()["detail"] == "dbt manifest not found"


async def test_documents_are_stored_when_they_change_only(data: asyncpg.Connection) -> None:
    versions = "select version from public.data_versions where scope = 'metadata'"
    stamps = "select name, checksum, updated_at from public.project_documents order by name"
    version, stored = await data.fetchval(versions), await data.fetch(stamps)
    assert [row["name"] for row in stored] == ["manifest", "metric_catalog"]
    await store_project_documents(data)
    assert await data.fetch(stamps) == stored
    assert await data.fetchval(versions) == version
    await data.execute(
        "update public.project_documents set content = '{}', checksum = '' where name = 'manifest'"
    )
    await store_project_documents(data)
    assert [row["checksum"] for row in await data.fetch(stamps)] == [row["checksum"] for row in stored]
    assert await data.fetchval(versions) > version


async def test_a_new_manifest_is_served_at_once(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    assert (await client.get("/api/metadata/summary")).json()["model_count"] == 26
    manifest = _manifest()
    del manifest["nodes"]["model.quality_compass.dim_metrics"]
    content = json.dumps(manifest)
    await data.execute(
        "update public.project_documents set content = $1, checksum = $2 where name = 'manifest'",
        content,
        hashlib.sha256(content.encode()).hexdigest(),
    )
    # A listener hears of the change in a moment; whoever cannot wait says so.
    now = {"Cache-Control": "no-cache"}
    assert (await client.get("/api/metadata/summary", headers=now)).json()["model_count"] == 25
    assert (await client.get("/api/metadata/models/dim_metrics")).status_code == 404


async def test_refresh_tells_every_worker(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    heard: list[object] = []
    await data.add_listener("compass_data_changed", lambda *event: heard.append(event[3]))
    version = await data.fetchval("select version from public.data_versions where scope = 'metadata'")
    answer = await client.post("/api/metadata/refresh")
    assert answer.status_code == 200
    assert answer.json()["status"] == "refreshed"
    assert isinstance(answer.json()["message"], str)
    assert (
        await data.fetchval("select version from public.data_versions where scope = 'metadata'")
        == version + 1
    )
    await data.execute("select 1")
    assert heard == ["metadata"]
    assert (await client.get("/api/metadata/summary")).status_code == 200


async def test_refresh_drops_what_this_worker_keeps(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    """Content that changed under an unchanged checksum is read anew, by metadata and by metrics."""
    assert (await client.get("/api/metadata/summary")).json()["metric_count"] == 25
    assert len((await client.get("/api/metrics/definitions")).json()) == 25
    manifest = _manifest()
    manifest["metrics"] = manifest["metrics"][:3]
    await data.execute("alter table public.project_documents disable trigger touch_metadata")
    await data.execute(
        "update public.project_documents set content = $1 where name = 'manifest'", json.dumps(manifest)
    )
    await data.execute("alter table public.project_documents enable trigger touch_metadata")
    now = {"Cache-Control": "no-cache"}
    assert (await client.get("/api/metadata/summary", headers=now)).json()["metric_count"] == 25
    assert (await client.post("/api/metadata/refresh")).status_code == 200
    assert (await client.get("/api/metadata/summary", headers=now)).json()["metric_count"] == 3
    assert len((await client.get("/api/metrics/definitions", headers=now)).json()) == 3
    # Other tests must not find this content under the checksum of the true one.
    await data.execute("delete from public.project_documents")
    await client.post("/api/metadata/refresh")
