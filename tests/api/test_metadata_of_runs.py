"""/api/metadata: the vocabulary of the active run, and its manifest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from backend.config import Settings
from backend.main import create_app
from contracts.tables.run import RUN_DOCUMENTS
from tests.api import marts
from tests.api.conftest import running
from transforms.copy import create_raw_tables
from transforms.lifecycle.project_documents import store_project_documents


@pytest.fixture
async def data(connection: asyncpg.Connection) -> asyncpg.Connection:
    """The project's documents, and empty raw tables."""
    await store_project_documents(connection)
    await create_raw_tables(connection)
    await connection.execute(f"truncate public.{RUN_DOCUMENTS.name}, public.raw_modeling_runs")
    return connection


async def _add_run(
    connection: asyncpg.Connection,
    run_key: str,
    published: datetime | None = None,
    state: str = "published",
    **documents: str,
) -> None:
    graph, run_id = run_key.split("/")
    await connection.execute(
        "insert into public.runs (run_key, graph_name, run_id, state, published_at, loaded_at)"
        " values ($1, $2, $3, $4, $5, $6)",
        run_key,
        graph,
        run_id,
        state,
        published,
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    for document_type, content in documents.items():
        await connection.execute(
            "insert into public.raw_run_documents"
            " (run_key, run_id, document_type, media_type, content, source_file)"
            " values ($1, $2, $3, 'application/json', $4, $3)",
            run_key,
            run_id,
            document_type,
            content,
        )


async def _with(settings: Settings, **changed: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running(create_app(settings.model_copy(update=changed))) as client:
        yield client


BUNDLE = {
    "version": "2.0.0",
    "generated_at": "2026-03-01T07:00:18+00:00",
    "taxonomy_hash": "7e98ddda980c9673",
    "metrics": [
        {"metric_id": "b", "display_name": "B", "domain": "Safety", "null_fill_value": 0},
        {"metric_id": "a", "display_name": None, "description": 5, "polarity": True, "unit_type": ["x"]},
        {"display_name": "no id"},
        "not a metric",
        None,
    ],
    "edge_types": {"id": "not a list"},
    "tag_types": [{"id": "t", "ui_filter_ids": ["x", 1, None]}],
    "group_by_types": [{"id": "g", "allowed_values": [{"code": 1, "label": None}, "x"]}],
    "group_by_sets": [{"id": "s", "allowed_dimensions": [["a", "b"], "c", None]}],
    "more": [1],
}


async def test_bundle_keeps_its_shape_whatever_was_written(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await _add_run(
        data, "g/20260101000000", datetime(2026, 1, 1, tzinfo=UTC), metadata_bundle=json.dumps(BUNDLE)
    )
    answer = await client.get("/api/metadata/bundle")
    assert answer.status_code == 200
    assert answer.json() == {
        "version": "2.0.0",
        "generated_at": "2026-03-01T07:00:18+00:00",
        "taxonomy_hash": "7e98ddda980c9673",
        "metrics": [
            {
                "metric_id": "a", "display_name": "", "description": "5", "domain": "",
                "polarity": "true", "unit_type": "", "display_format": "",
            },
            {
                "metric_id": "b", "display_name": "B", "description": "", "domain": "Safety",
                "polarity": "", "unit_type": "", "display_format": "",
            },
        ],
        "edge_types": [],
        "tag_types": [
            {"id": "t", "display_name": "", "category": "", "description": "", "ui_filter_ids": ["x", "1"]}
        ],
        "comparison_modes": [],
        "group_by_types": [
            {
                "id": "g", "display_name": "", "category": "", "dataset_field": "", "description": "",
                "allowed_values": [{"code": "1", "identifier": "", "label": ""}],
            }
        ],
        "group_by_sets": [
            {
                "id": "s", "description": "", "allowed_metric_method_sets": [],
                "allowed_dimensions": [["a", "b"], []], "optional_time_dimensions": [],
            }
        ],
    }  # fmt: skip


async def test_the_active_run(settings: Settings, data: asyncpg.Connection) -> None:
    for day, key in ((1, "a/20260101000000"), (3, "b/20260103000000"), (2, "c/20260102000000")):
        await _add_run(
            data, key, datetime(2026, 1, day, tzinfo=UTC), metadata_bundle=json.dumps({"version": key})
        )
    await _add_run(data, "a/20250101000000", state="superseded", metadata_bundle='{"version": "superseded"}')
    await _add_run(data, "a/20260201000000", state="failed", metadata_bundle='{"version": "failed"}')
    for configured, active in (
        ("_unset", "b/20260103000000"),
        ("a/20260101000000", "a/20260101000000"),
        ("insight_graph/a/20260101000000/", "a/20260101000000"),
        ("a/20250101000000", "superseded"),
        ("a/20260201000000", "b/20260103000000"),
        ("a/20990101000000", "b/20260103000000"),
        ("20260101000000", "b/20260103000000"),
        ("", "b/20260103000000"),
    ):
        async for client in _with(settings, INSIGHT_GRAPH_RUN=configured):
            assert (await client.get("/api/metadata/bundle")).json()["version"] == active, configured


@pytest.mark.parametrize("content", ["{", "[]", "null", '"text"'])
async def test_broken_documents_are_as_if_they_were_not_there(
    client: httpx.AsyncClient, data: asyncpg.Connection, content: str
) -> None:
    published = datetime(2026, 1, 1, tzinfo=UTC)
    await _add_run(data, "g/20260101000000", published, metadata_bundle=content, semantic_manifest=content)
    bundle = await client.get("/api/metadata/bundle")
    assert bundle.status_code == 404
    assert bundle.json()["detail"] == "Taxonomy directory not found"
    manifest = await client.get("/api/metadata/run-manifest")
    assert manifest.status_code == 200
    assert manifest.json()["run_id"] == "20260101000000"


TAXONOMY = {
    "metrics.yaml": "entries:\n- {metric_id: z, domain: S, description: 5}\n- {metric_id: a, unit_type: ~}\n",
    "edge_types.yaml": "entries: 5\n",
    "tag_types.yaml": "tags:\n- {id: los, ui_filter_ids: [x]}\n",
    "comparison_modes.yaml": "- not a mapping\n",
    "group_by_types.yaml": "entries: [\n",
    "notes.txt": "not a part of it",
}


async def test_bundle_of_taxonomy_files(settings: Settings, data: asyncpg.Connection, tmp_path: Path) -> None:
    for name, content in TAXONOMY.items():
        (tmp_path / name).write_text(content)
        os.utime(tmp_path / name, (1_767_225_600, 1_767_225_600))
    digest = hashlib.sha256()
    for name in sorted(name for name in TAXONOMY if name.endswith(".yaml")):
        digest.update(name.encode() + TAXONOMY[name].encode())
    async for client in _with(settings, TAXONOMY_PATH=str(tmp_path)):
        body = (await client.get("/api/metadata/bundle")).json()
        assert body["version"] == "1.0.0"
        assert body["generated_at"] == "2026-01-01T00:00:00Z"
        assert body["taxonomy_hash"] == digest.hexdigest()[:16]
        assert [(each["metric_id"], each["domain"], each["description"]) for each in body["metrics"]] == [
            ("a", "", ""),
            ("z", "S", "5"),
        ]
        assert [each["id"] for each in body["tag_types"]] == ["los"]
        for name in ("edge_types", "comparison_modes", "group_by_types", "group_by_sets"):
            assert body[name] == []
        # A run's own bundle comes first.
        await _add_run(
            data, "g/20260101000000", datetime(2026, 1, 1, tzinfo=UTC), metadata_bundle='{"version": "r"}'
        )
        assert (await client.get("/api/metadata/bundle")).json()["version"] == "r"
        await data.execute("truncate public.runs cascade")
        shutil.rmtree(tmp_path)
        gone = await client.get("/api/metadata/bundle")
        assert gone.status_code == 404
        assert str(tmp_path) not in gone.text


async def test_run_manifest_is_that_of_the_run(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    written = {
        "run_id": "20260101000000",
        "graph_name": "g",
        "requirements_path": "/app/fixtures/requirements/x.md",
        "taxonomy_hash": "cc86d2cfba895105",
        "generated_at": "2026-02-14T09:15:20.123456+00:00",
        "metadata_bundle_version": "1.2.0",
        "modeling": {
            "run_summary_path": "modeling/run_summary.json",
            "other": "/srv/secret/x.json",
            "bad": 5,
        },
        "more": 1,
    }
    published = datetime(2026, 1, 1, tzinfo=UTC)
    await _add_run(data, "g/20260101000000", published, semantic_manifest=json.dumps(written))
    assert (await client.get("/api/metadata/run-manifest")).json() == {
        "run_id": "20260101000000",
        "graph_name": "g",
        "requirements_path": "x.md",
        "taxonomy_hash": "cc86d2cfba895105",
        "generated_at": "2026-02-14T09:15:20.123456+00:00",
        "metadata_bundle_version": "1.2.0",
        "modeling": {"run_summary_path": "modeling/run_summary.json", "other": "x.json"},
    }


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("requirements/x.md", "requirements/x.md"),
        ("../../etc/passwd", "passwd"),
        ("C:\\work\\x.md", "x.md"),
        ("s3://bucket/x.md", "x.md"),
        ("/", "/"),
        ("", ""),
        (None, ""),
    ],
)
async def test_requirements_tell_no_folder_of_the_host(
    client: httpx.AsyncClient, data: asyncpg.Connection, path: str | None, served: str
) -> None:
    published = datetime(2026, 1, 1, tzinfo=UTC)
    content = json.dumps({"requirements_path": path})
    await _add_run(data, "g/20260101000000", published, semantic_manifest=content)
    assert (await client.get("/api/metadata/run-manifest")).json()["requirements_path"] == served


async def test_run_manifest_of_a_run_without_one(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    await _add_run(data, "g/20260101000000", datetime(2026, 1, 5, tzinfo=UTC))
    await data.execute(
        "insert into public.raw_modeling_runs (run_key, run_id, run_index, source_file)"
        " values ('g/20260101000000', '20260101000000', 0, 'modeling/run_summary.json')"
    )
    assert (await client.get("/api/metadata/run-manifest")).json() == {
        "run_id": "20260101000000",
        "graph_name": "g",
        "requirements_path": "",
        "taxonomy_hash": "",
        "generated_at": "2026-01-01T00:00:00Z",
        "metadata_bundle_version": "1.0.0",
        "modeling": {"run_summary_path": "modeling/run_summary.json"},
    }


async def test_run_manifest_without_a_run(client: httpx.AsyncClient, data: asyncpg.Connection) -> None:
    before = datetime.now(UTC)
    body = (await client.get("/api/metadata/run-manifest")).json()
    assert before <= datetime.fromisoformat(body.pop("generated_at")) <= datetime.now(UTC)
    assert body == {
        "run_id": "unknown",
        "graph_name": "unknown",
        "requirements_path": "",
        "taxonomy_hash": "",
        "metadata_bundle_version": "1.0.0",
        "modeling": {},
    }


async def test_without_raw_tables_nothing_is_active(
    client: httpx.AsyncClient, data: asyncpg.Connection
) -> None:
    await marts.add_run(data, "20260101000000", [], state="published")
    await data.execute("drop table public.raw_run_documents")
    assert (await client.get("/api/metadata/bundle")).status_code == 404
    assert (await client.get("/api/metadata/run-manifest")).json()["run_id"] == "unknown"
