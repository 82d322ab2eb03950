"""The project's DuckDB SQL, checked in beside its manifest: reading it takes neither sqlglot nor seconds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from transforms.compiled.build import write_whole
from transforms.compiled.errors import ManifestOutOfDate, ManifestUnreadable
from transforms.compiled.manifest import Manifest, Node

_FORMAT = 1


def translations_path(project: Path) -> Path:
    """Where the DuckDB SQL of a dbt project is checked in."""
    return project / "compiled" / "duckdb.json"


class _Translation(msgspec.Struct, frozen=True):
    source: str
    """sha256 of the compiled SQL this is the translation of."""
    sql: list[str]


class _Translations(msgspec.Struct, frozen=True):
    format: int
    nodes: dict[str, _Translation]


def dump_translations(manifest: Manifest, translated: Mapping[str, str]) -> str:
    """JSON text of what ``check_portable`` gave for ``manifest``: SQL line by line, for diffs."""
    nodes = {
        unique_id: {"source": _digest(manifest.nodes[unique_id]), "sql": sql.split("\n")}
        for unique_id, sql in translated.items()
    }
    document = {"format": _FORMAT, "nodes": nodes}
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_translations(manifest: Manifest, project: Path) -> None:
    """Translate ``manifest`` and write its DuckDB SQL where it is checked in; raises NotPortable."""
    from transforms.transpile.portable import check_portable

    write_whole(translations_path(project), dump_translations(manifest, check_portable(manifest)))


def check_translations(manifest: Manifest, project: Path) -> None:
    """Translate again and raise ManifestOutOfDate when what is checked in says anything else.

    Raises NotPortable as well.
    """
    from transforms.transpile.portable import check_portable

    present, fresh = load_translations(manifest, project), check_portable(manifest)
    differences = [
        f"{unique_id} translates differently" for unique_id in fresh if present[unique_id] != fresh[unique_id]
    ]
    if differences:
        raise ManifestOutOfDate(translations_path(project), sorted(differences))


def load_translations(manifest: Manifest, project: Path) -> dict[str, str]:
    """DuckDB SQL of every model and data test of ``manifest``, by unique id, as checked in.

    Raises ManifestUnreadable, or ManifestOutOfDate when it was made from other SQL.
    """
    path = translations_path(project)
    try:
        known = msgspec.json.decode(path.read_bytes(), type=_Translations)
    except (OSError, msgspec.DecodeError) as error:
        raise ManifestUnreadable(path, str(error)) from error
    if known.format != _FORMAT:
        raise ManifestUnreadable(path, f"it does not hold DuckDB SQL of format {_FORMAT}")
    wanted = {unique_id for unique_id, node in manifest.nodes.items() if node.sql is not None}
    differences = [
        *(f"{unique_id} has no DuckDB SQL" for unique_id in wanted - known.nodes.keys()),
        *(f"{unique_id} is gone" for unique_id in known.nodes.keys() - wanted),
        *(
            f"{unique_id} changed"
            for unique_id in wanted & known.nodes.keys()
            if known.nodes[unique_id].source != _digest(manifest.nodes[unique_id])
        ),
    ]
    if differences:
        raise ManifestOutOfDate(path, sorted(differences))
    return {unique_id: "\n".join(translation.sql) for unique_id, translation in known.nodes.items()}


def _digest(node: Node) -> str:
    return hashlib.sha256(node.compiled_sql.encode()).hexdigest()
