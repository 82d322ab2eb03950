"""What the compiled manifest holds, and how it is read from and written to disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from transforms.compiled.errors import ManifestUnreadable

ResourceType = Literal["model", "seed", "test", "source"]
Materialized = Literal["view", "table", "incremental_by_run", "seed", "test", "source"]

PROJECT = Path(__file__).resolve().parents[2] / "dbt"
"""The dbt project of this repository."""

_FORMAT = 1


def manifest_path(project: Path) -> Path:
    """Where the compiled manifest of a dbt project is checked in."""
    return project / "compiled" / "manifest.json"


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A documented column of a model, seed or source."""

    name: str
    description: str = ""
    data_type: str | None = None


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """An index a model declares. ``method`` is PostgreSQL's access method."""

    columns: tuple[str, ...]
    unique: bool = False
    method: str = "btree"


class TestConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a data test counts its failures and what they mean (dbt's configuration, as written).

    ``kind`` is the generic test's name (``not_null``), None for a singular test.
    """

    __test__ = False

    severity: Literal["error", "warn"] = "error"
    error_if: str = "!= 0"
    warn_if: str = "!= 0"
    fail_calc: str = "count(*)"
    limit: int | None = None
    kind: str | None = None
    arguments: dict[str, Any] = {}
    column_name: str | None = None
    attached_node: str | None = None


class SeedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a seed's CSV is read: the SQL type of every column, in the file's order."""

    column_types: tuple[tuple[str, str], ...]
    delimiter: str = ","


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A model, seed, data test or source. Paths are relative to the dbt project, POSIX."""

    unique_id: str
    name: str
    resource_type: ResourceType
    schema: str
    alias: str
    materialized: Materialized
    file_path: str
    sql: str | None = None
    depends_on: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    tags: tuple[str, ...] = ()
    description: str = ""
    meta: dict[str, Any] = {}
    indexes: tuple[Index, ...] = ()
    pre_hooks: tuple[str, ...] = ()
    post_hooks: tuple[str, ...] = ()
    test: TestConfig | None = None
    seed: SeedConfig | None = None
    source_name: str | None = None

    @property
    def compiled_sql(self) -> str:
        """The node's SQL; raises ValueError for nodes that have none (seeds, sources)."""
        if self.sql is None:
            raise ValueError(f"{self.unique_id} has no SQL")
        return self.sql


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the engines and the metadata endpoints need of a compiled dbt project.

    ``files`` maps each source file of the project to its sha256: what the manifest was compiled
    from. ``semantic_models``, ``metrics`` and ``saved_queries`` keep dbt's shape without the parts
    that name a machine or a database.
    """

    project_name: str
    dbt_version: str
    nodes: dict[str, Node]
    sources: dict[str, Node] = {}
    semantic_models: list[dict[str, Any]] = []
    metrics: list[dict[str, Any]] = []
    saved_queries: list[dict[str, Any]] = []
    time_spines: list[dict[str, Any]] = []
    files: dict[str, str] = {}

    def __getitem__(self, unique_id: str) -> Node:
        node = self.nodes.get(unique_id)
        return node if node is not None else self.sources[unique_id]


def _split_lines(nodes: Mapping[str, dict[str, Any]]) -> None:
    for node in nodes.values():
        if "sql" in node:
            node["sql"] = node["sql"].split("\n")


def _builtins(value: Any) -> Any:
    """``value`` as JSON knows it, without fields that have their default (compared by value)."""
    if isinstance(value, msgspec.Struct):
        items = ((field, getattr(value, field.name)) for field in msgspec.structs.fields(value))
        return {field.name: _builtins(item) for field, item in items if not _is_default(field, item)}
    if isinstance(value, Mapping):
        return {key: _builtins(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_builtins(item) for item in value]
    return value


def _is_default(field: msgspec.structs.FieldInfo, value: object) -> bool:
    if field.default_factory is not msgspec.NODEFAULT:
        return bool(value == field.default_factory())
    return bool(value == field.default)


def dump_manifest(manifest: Manifest) -> str:
    """JSON text of ``manifest``: the same bytes for the same project, SQL line by line for diffs."""
    document = _builtins(manifest)
    document["format"] = _FORMAT
    _split_lines(document["nodes"])
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def load_manifest(path: Path) -> Manifest:
    """Read a compiled manifest; raises ManifestUnreadable when it is absent, broken or of another format."""
    try:
        document = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise ManifestUnreadable(path, str(error)) from error
    if not isinstance(document, dict) or document.pop("format", None) != _FORMAT:
        raise ManifestUnreadable(path, f"it is not a compiled manifest of format {_FORMAT}")
    try:
        for node in document.get("nodes", {}).values():
            if "sql" in node:
                node["sql"] = "\n".join(node["sql"])
        return msgspec.convert(document, Manifest)
    except (AttributeError, TypeError, msgspec.ValidationError) as error:
        raise ManifestUnreadable(path, str(error)) from error
