"""Make the compiled manifest with dbt, and say whether the one checked in is still true."""

from __future__ import annotations

import tempfile
from pathlib import Path

from transforms.compiled.dbt_runner import run_dbt
from transforms.compiled.errors import ManifestOutOfDate
from transforms.compiled.manifest import Manifest, dump_manifest, load_manifest, manifest_path
from transforms.compiled.slim import slim_manifest
from transforms.compiled.sources import checksums, verify_sources

COMPILE = ("compile", "--no-introspect", "--no-populate-cache", "--no-partial-parse")
"""The dbt command: compiled SQL must not depend on a database, so dbt may not ask one, nor on an
earlier parse."""


async def compile_manifest(project: Path) -> Manifest:
    """Compile the dbt project into a slim manifest. Needs dbt, but no database.

    Raises DbtNotInstalled, DbtFailed, or UnsupportedByEngines.
    """
    files = checksums(project)
    with tempfile.TemporaryDirectory(prefix="compass-compile-") as target:
        run = await run_dbt(project, COMPILE, target=Path(target))
        run.require_success()
        return slim_manifest(run.artifact("manifest.json"), project, files)


async def write_manifest(project: Path) -> Manifest:
    """Compile the project and write its manifest where it is checked in."""
    manifest = await compile_manifest(project)
    save_manifest(manifest, project)
    return manifest


def save_manifest(manifest: Manifest, project: Path) -> None:
    """Write ``manifest`` where it is checked in; a reader never sees half of it."""
    write_whole(manifest_path(project), dump_manifest(manifest))


def write_whole(path: Path, text: str) -> None:
    """Put ``text`` in the place of a file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".json.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def load_verified(project: Path) -> Manifest:
    """The checked-in manifest of ``project``, refused when its sources changed. Needs no dbt.

    Raises ManifestUnreadable or ManifestOutOfDate.
    """
    manifest = load_manifest(manifest_path(project))
    verify_sources(manifest, project)
    return manifest


async def check_manifest(project: Path) -> Manifest:
    """The checked-in manifest; raises ManifestOutOfDate when compiling again says anything else."""
    present = load_verified(project)
    differences = compare(present, await compile_manifest(project))
    if differences:
        raise ManifestOutOfDate(manifest_path(project), differences)
    return present


def compare(present: Manifest, fresh: Manifest) -> list[str]:
    """What differs between two manifests of one project, in words; empty when nothing does."""
    if dump_manifest(present) == dump_manifest(fresh):
        return []
    differences = [
        f"{unique_id} compiles differently"
        for unique_id in sorted(present.nodes.keys() | fresh.nodes.keys())
        if present.nodes.get(unique_id) != fresh.nodes.get(unique_id)
    ]
    return differences or ["its metadata differs"]
