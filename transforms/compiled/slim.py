"""From dbt's manifest.json to the slim one: what engines need, nothing of the machine it was made on."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from transforms.compiled.errors import UnsupportedByEngines
from transforms.compiled.manifest import (
    Column,
    Index,
    Manifest,
    Materialized,
    Node,
    SeedConfig,
    TestConfig,
)

Document = Mapping[str, Any]

_MATERIALIZED = get_args(Materialized)
_RESOURCES = ("model", "seed", "test")
# Where dbt writes what depends on the machine, the moment or the database of the compilation.
_VOLATILE_KEYS = frozenset(
    {
        "created_at",
        "relation_name",
        "root_path",
        "patch_path",
        "build_path",
        "unrendered_config",
        "database",
        "checksum",
        "doc_blocks",
    }
)


def slim_manifest(dbt_manifest: Document, project: Path, files: dict[str, str]) -> Manifest:
    """Reduce dbt's manifest, taken after ``dbt compile``, to the compiled manifest of ``project``.

    ``files`` are the checksums of the sources. Raises UnsupportedByEngines for anything in the
    project that an engine other than dbt would silently run differently.
    """
    raw_nodes: dict[str, Document] = dbt_manifest["nodes"]
    for unique_id, raw in raw_nodes.items():
        _refuse_unsupported(unique_id, raw)
    return Manifest(
        project_name=dbt_manifest["metadata"]["project_name"],
        dbt_version=dbt_manifest["metadata"]["dbt_version"],
        nodes={unique_id: _node(raw, project) for unique_id, raw in sorted(raw_nodes.items())},
        sources={unique_id: _source(raw) for unique_id, raw in sorted(dbt_manifest["sources"].items())},
        semantic_models=_documents(dbt_manifest, "semantic_models"),
        metrics=_documents(dbt_manifest, "metrics"),
        saved_queries=_documents(dbt_manifest, "saved_queries"),
        time_spines=[
            {"model": unique_id, **_slim(raw["time_spine"])}
            for unique_id, raw in sorted(raw_nodes.items())
            if raw.get("time_spine")
        ],
        files=files,
    )


def _refuse_unsupported(unique_id: str, raw: Document) -> None:
    config = raw["config"]
    file_path = raw["original_file_path"]

    def refuse(construct: str, hint: str) -> None:
        raise UnsupportedByEngines(unique_id, file_path, construct, hint)

    if raw["resource_type"] not in _RESOURCES:
        refuse(f"a {raw['resource_type']}", f"use only {', '.join(_RESOURCES)}")
    if config["materialized"] not in _MATERIALIZED:
        refuse(f"materialized='{config['materialized']}'", f"use one of {', '.join(_MATERIALIZED[:3])}")
    if config.get("store_failures"):
        refuse("store_failures", "remove it: no engine but dbt stores them")
    if raw.get("contract", {}).get("enforced"):
        refuse("an enforced contract", "cast the columns in the final select instead")
    for key in ("grants", "sql_header", "unlogged"):
        if config.get(key):
            refuse(f"the configuration {key}", "remove it")
    for hook in (*config.get("pre-hook", ()), *config.get("post-hook", ())):
        if "{{" in hook["sql"] or "{%" in hook["sql"]:
            refuse("a hook with Jinja", "write the hook in plain SQL")
        if not hook["transaction"]:
            refuse("a hook outside the transaction", "let it run inside")


def _node(raw: Document, project: Path) -> Node:
    config = raw["config"]
    sql = raw.get("compiled_code")
    return Node(
        unique_id=raw["unique_id"],
        name=raw["name"],
        resource_type=raw["resource_type"],
        schema=raw["schema"],
        alias=raw["alias"],
        materialized=config["materialized"],
        file_path=raw["original_file_path"],
        sql=sql.strip() if sql is not None else None,
        depends_on=tuple(sorted(set(raw["depends_on"].get("nodes", ())))),
        columns=_columns(raw),
        tags=tuple(sorted(set(raw["tags"]))),
        description=raw["description"],
        meta=dict(config.get("meta") or {}),
        indexes=tuple(
            Index(
                columns=tuple(index["columns"]),
                unique=bool(index.get("unique")),
                method=index.get("type") or "btree",
            )
            for index in config.get("indexes") or ()
        ),
        pre_hooks=tuple(hook["sql"] for hook in config.get("pre-hook", ())),
        post_hooks=tuple(hook["sql"] for hook in config.get("post-hook", ())),
        test=_test(raw) if raw["resource_type"] == "test" else None,
        seed=_seed(raw, project) if raw["resource_type"] == "seed" else None,
    )


def _columns(raw: Document) -> tuple[Column, ...]:
    return tuple(
        Column(name=column["name"], description=column["description"], data_type=column["data_type"])
        for column in raw["columns"].values()
    )


def _test(raw: Document) -> TestConfig:
    config = raw["config"]
    generic = raw.get("test_metadata") or {}
    return TestConfig(
        severity=config["severity"].lower(),
        error_if=config["error_if"],
        warn_if=config["warn_if"],
        fail_calc=config["fail_calc"],
        limit=config["limit"],
        kind=generic.get("name"),
        arguments={name: value for name, value in generic.get("kwargs", {}).items() if name != "model"},
        column_name=raw.get("column_name"),
        attached_node=raw.get("attached_node"),
    )


def _seed(raw: Document, project: Path) -> SeedConfig:
    config = raw["config"]
    delimiter = config.get("delimiter", ",")
    with (project / raw["original_file_path"]).open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file, delimiter=delimiter))
    untyped = [name for name in header if name not in config["column_types"]]
    if untyped:
        raise UnsupportedByEngines(
            raw["unique_id"],
            raw["original_file_path"],
            f"a seed whose column {untyped[0]} has a guessed type",
            "declare every column of the seed in +column_types",
        )
    return SeedConfig(
        column_types=tuple((name, config["column_types"][name]) for name in header),
        delimiter=delimiter,
    )


def _source(raw: Document) -> Node:
    return Node(
        unique_id=raw["unique_id"],
        name=raw["name"],
        resource_type="source",
        schema=raw["schema"],
        alias=raw["identifier"],
        materialized="source",
        file_path=raw["original_file_path"],
        columns=_columns(raw),
        tags=tuple(sorted(set(raw["tags"]))),
        description=raw["description"],
        meta=dict(raw["meta"]),
        source_name=raw["source_name"],
    )


def _documents(dbt_manifest: Document, key: str) -> list[dict[str, Any]]:
    return [_slim(raw) for _, raw in sorted(dbt_manifest[key].items())]


def _slim(value: Any) -> Any:
    """``value`` without nulls, empty containers and what changes from machine to machine."""
    if isinstance(value, Mapping):
        slim = {key: _slim(item) for key, item in value.items() if key not in _VOLATILE_KEYS}
        return {key: item for key, item in slim.items() if item is not None and item not in ({}, [], "")}
    if isinstance(value, list):
        return [_slim(item) for item in value]
    return value
