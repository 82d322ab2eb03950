"""Documents of the dbt project, kept in the database: the API serves them and has no other source."""

from __future__ import annotations

import hashlib
from pathlib import Path

import asyncpg

from transforms.compiled.manifest import PROJECT, manifest_path

DOCUMENTS = {
    "manifest": manifest_path(PROJECT),
    "metric_catalog": PROJECT / "seeds" / "metric_catalog.csv",
}
"""Name of each document, and its file: the compiled manifest and the seed of known metrics."""


async def store_project_documents(connection: asyncpg.Connection) -> None:
    """Write the documents that differ from the stored ones; equal ones are left untouched.

    Every write counts as a change of the metadata, so that readers ask again.
    """
    found = await connection.fetch("select name, checksum from public.project_documents")
    stored = {row["name"]: row["checksum"] for row in found}
    for name, path in DOCUMENTS.items():
        content, checksum = _read(path)
        if stored.get(name) == checksum:
            continue
        await connection.execute(
            "insert into public.project_documents (name, content, checksum) values ($1, $2, $3)"
            " on conflict (name) do update set content = excluded.content, checksum = excluded.checksum",
            name,
            content,
            checksum,
        )


def _read(path: Path) -> tuple[str, str]:
    content = path.read_bytes()
    return content.decode("utf-8-sig"), hashlib.sha256(content).hexdigest()
