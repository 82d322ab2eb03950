"""Taxonomy files (TAXONOMY_PATH), which a bundle is built from where the active run has none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
import yaml

_KEYS = {
    "metrics": "entries",
    "edge_types": "entries",
    "tag_types": "tags",
    "comparison_modes": "modes",
    "group_by_types": "entries",
    "group_by_sets": "sets",
}
"""Name of each file, and the key of the list in it."""

_HASH_DIGITS = 16

logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def read_taxonomy(folder: Path) -> dict[str, Any] | None:
    """What a bundle is made of, None without a readable folder. A broken file gives an empty list.

    ``generated_at`` is when a file was last changed.
    """
    try:
        files = sorted((path for path in folder.iterdir() if path.suffix == ".yaml"), key=lambda p: p.name)
        contents = {path: path.read_bytes() for path in files}
        changed = max((path.stat().st_mtime for path in files), default=folder.stat().st_mtime)
    except OSError:
        return None
    digest = hashlib.sha256()
    for path, content in contents.items():
        digest.update(path.name.encode())
        digest.update(content)
    by_name = {path.stem: content for path, content in contents.items()}
    return {
        "generated_at": datetime.fromtimestamp(changed, UTC).isoformat().replace("+00:00", "Z"),
        "taxonomy_hash": digest.hexdigest()[:_HASH_DIGITS],
        **{name: _entries(name, by_name.get(name), key) for name, key in _KEYS.items()},
    }


def _entries(name: str, content: bytes | None, key: str) -> Any:
    if content is None:
        return []
    try:
        document = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        logger.warning("taxonomy file left out", file=f"{name}.yaml", reason=str(error))
        return []
    return document.get(key) if isinstance(document, Mapping) else []
