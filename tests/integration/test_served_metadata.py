"""Metadata of really ingested runs, compared with their artifacts and the dbt project's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.compass import compass, serving

pytestmark = pytest.mark.slow

Json = dict[str, Any]


def _read(path: Path) -> Json:
    document: Json = json.loads(path.read_text(encoding="utf-8"))
    return document


def _assert_bundle(client: httpx.Client, run: Path) -> None:
    """What the run's bundle says is served: every entry, no more keys than promised."""
    written = _read(run / "metadata_bundle.json")
    served = client.get("/api/metadata/bundle").raise_for_status().json()
    for name in ("version", "generated_at", "taxonomy_hash"):
        assert served[name] == written[name]
    for name, key in (
        ("metrics", "metric_id"),
        *((name, "id") for name in ("edge_types", "tag_types", "comparison_modes")),
        *((name, "id") for name in ("group_by_types", "group_by_sets")),
    ):
        entries = sorted(written[name], key=lambda entry, key=key: str(entry[key]))
        assert [entry[key] for entry in served[name]] == [entry[key] for entry in entries]
        for shown, entry in zip(served[name], entries, strict=True):
            assert shown.keys() <= entry.keys()
            assert {field: entry[field] for field in shown} == shown


def _assert_run_manifest(client: httpx.Client, run: Path) -> None:
    written = _read(run / "run_manifest.semantic.json")
    served = client.get("/api/metadata/run-manifest").raise_for_status().json()
    for name in ("run_id", "graph_name", "taxonomy_hash", "generated_at", "metadata_bundle_version"):
        assert served[name] == written[name]
    assert served["modeling"] == written.get("modeling", {})
    for path in served["modeling"].values():
        assert (run / path).is_file()
    assert served["requirements_path"] == written["requirements_path"].rpartition("/")[2]


def test_metadata_of_the_sample_run(ingested_url: str, repository: Path) -> None:
    from transforms.sample import sample_run

    with serving(ingested_url) as client:
        _assert_bundle(client, sample_run())
        _assert_run_manifest(client, sample_run())
        models = {model["name"]: model for model in client.get("/api/metadata/models").json()}
        files = (repository / "dbt" / "models").rglob("*.sql")
        assert models.keys() == {path.stem for path in files}
        described = [
            model
            for path in (repository / "dbt" / "models").rglob("*.yml")
            for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", [])
        ]
        assert len(described) == len(models)
        for written in described:
            served = models[written["name"]]
            assert served["description"] == written["description"]
            assert [column["name"] for column in served["columns"]] == [
                column["name"] for column in written["columns"]
            ]


def test_the_run_published_last_is_the_active_one(fresh_migrated_url: str, shared_folder: Path) -> None:
    """Each ingest makes its run the active one; INSIGHT_GRAPH_RUN would pin another."""
    paths = [
        *sorted((shared_folder / "runs_generated").glob("*/*")),
        *sorted((shared_folder / "runs").glob("*/*")),
    ]
    with serving(fresh_migrated_url) as client:
        assert client.get("/api/metadata/bundle").status_code == 404
        assert client.get("/api/metadata/run-manifest").json()["run_id"] == "unknown"
        for path in paths:
            compass("ingest", str(path), database_url=fresh_migrated_url)
            _assert_bundle(client, path)
            _assert_run_manifest(client, path)


def test_a_build_stores_the_project(fresh_migrated_url: str) -> None:
    """A database that the service's own migrations made gets its documents with the first build."""
    import asyncio

    from transforms.database import connection
    from transforms.sample import sample_run

    async def forget() -> None:
        async with connection(fresh_migrated_url) as opened:
            await opened.execute("delete from public.project_documents")

    with serving(fresh_migrated_url) as client:
        asyncio.run(forget())
        assert client.get("/api/metadata/summary").status_code == 404
        compass("ingest", str(sample_run()), database_url=fresh_migrated_url)
        assert client.get("/api/metadata/summary").json()["model_count"] == 26
        asyncio.run(forget())
        # A run that is published already is built again in one transaction.
        compass("ingest", str(sample_run()), "--force", database_url=fresh_migrated_url)
        assert client.get("/api/metadata/summary").json()["model_count"] == 26
