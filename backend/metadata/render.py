"""Nodes of the dbt project and run manifests as the API gives them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import RowMapping

from backend.metadata.bundle import text
from backend.metadata.links import docs_url
from backend.metadata.project import Node, Project
from backend.metadata.stored import MODELING_FILES

_UNKNOWN = "unknown"


def model(project: Project, node: Node, docs_base: str, database: str) -> dict[str, Any]:
    """A model with its columns and tests."""
    raw = node.raw
    return {
        "unique_id": node.unique_id,
        "name": node.name,
        "description": raw.get("description", ""),
        "schema_name": raw.get("schema", ""),
        "database": database,
        "materialization": raw.get("materialized", _UNKNOWN),
        "columns": [
            {
                "name": column["name"],
                "description": column.get("description", ""),
                "data_type": column.get("data_type"),
            }
            for column in raw.get("columns", ())
        ],
        "tests": [_test(each) for each in project.tests.get(node.unique_id, ())],
        "tags": list(node.tags),
        "depends_on": _models(node.depends_on),
        "referenced_by": _models(node.referenced_by),
        "docs_url": docs_url(docs_base, "model", node.name),
    }


def lineage_node(node: Node, docs_base: str) -> dict[str, Any]:
    """A table of a lineage."""
    return {
        "unique_id": node.unique_id,
        "name": node.name,
        "resource_type": node.resource_type,
        "layer": node.layer,
        "docs_url": docs_url(docs_base, node.resource_type, node.name, node.source_name),
    }


def run_manifest(run: RowMapping | None, manifest: Mapping[str, Any] | None) -> dict[str, Any]:
    """The manifest of the active run; what it does not say comes from the registry."""
    said = manifest or {}
    registered: dict[str, Any] = {} if run is None else dict(run)
    loaded_at = registered.get("loaded_at") or datetime.now(UTC)
    return {
        "run_id": text(said.get("run_id")) or registered.get("run_id", _UNKNOWN),
        "graph_name": text(said.get("graph_name")) or registered.get("graph_name", _UNKNOWN),
        "requirements_path": _relative(text(said.get("requirements_path"))),
        "taxonomy_hash": text(said.get("taxonomy_hash")),
        "generated_at": text(said.get("generated_at")) or loaded_at.isoformat().replace("+00:00", "Z"),
        "metadata_bundle_version": text(said.get("metadata_bundle_version")) or "1.0.0",
        "modeling": _modeling(said.get("modeling"), registered),
    }


def _test(raw: Mapping[str, Any]) -> dict[str, Any]:
    test = raw.get("test", {})
    return {
        "name": raw["name"],
        "kind": test.get("kind") or "singular",
        "column_name": test.get("column_name"),
        "severity": test.get("severity", "error"),
    }


def _models(unique_ids: tuple[str, ...]) -> list[str]:
    return [each for each in unique_ids if each.startswith("model.")]


def _modeling(said: Any, registered: Mapping[str, Any]) -> dict[str, str]:
    files = {name: path for name, path in MODELING_FILES.items() if registered.get(name)}
    if isinstance(said, Mapping):
        files |= {
            name: _relative(path) for name, path in said.items() if isinstance(path, str) and path.strip()
        }
    return files


def _relative(path: str) -> str:
    """``path``, of which only the name is left where it would tell about the folders of a host."""
    windows = path.replace("\\", "/")
    parts = PurePosixPath(windows).parts
    inside = not windows.startswith("/") and ".." not in parts and ":" not in windows
    return path if inside or not parts else parts[-1]
