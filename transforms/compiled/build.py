"""Make the compiled manifest with dbt, and say whether the one checked in is still true."""

from __future__ import annotations

import tempfile
from pathlib import Path

from transforms.compiled.dbt_runner import run_dbt
from transforms.compiled.errors import ManifestOutOfDate
from transforms.compiled.manifest import Manifest, dump_manifest, load_manifest, manifest_path
from transforms.compiled.slim import slim_manifest
from transforms.compiled.sources import checksums, verify_sources

# Compiled SQL must not depend on a database, so dbt may not ask one; nor on an earlier parse.
_COMPILE = ("compile", "--no-introspect", "--no-populate-cache", "--no-partial-parse")


async def compile_manifest(project: Path) -> Manifest:
    """Compile the dbt project into a slim manifest. Needs dbt, but no database.

    Raises DbtNotInstalled, DbtFailed, or UnsupportedByEngines.
    """
    files = checksums(project)
    with tempfile.TemporaryDirectory(prefix="compass-compile-") as target:
        run = await run_dbt(project, _COMPILE, target=Path(target))
        run.require_success()
        return slim_manifest(run.artifact("manifest.json"), project, files)


async def write_manifest(project: Path) -> Manifest:
    """Compile the project and write its manifest where it is checked in."""
    manifest = await compile_manifest(project)
    path = manifest_path(project)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and renamed: a reader never sees half a manifest.
    partial = path.with_suffix(".json.partial")
    partial.write_text(dump_manifest(manifest), encoding="utf-8")
    partial.replace(path)
    return manifest


def load_verified(project: Path) -> Manifest:
    """The checked-in manifest of ``project``, refused when its sources changed. Needs no dbt.

    Raises ManifestUnreadable or ManifestOutOfDate.
    """
    manifest = load_manifest(manifest_path(project))
    verify_sources(manifest, project)
    return manifest


async def check_manifest(project: Path) -> None:
    """Compile again and raise ManifestOutOfDate when the checked-in manifest says anything else."""
    present = load_verified(project)
    fresh = await compile_manifest(project)
    if dump_manifest(present) == dump_manifest(fresh):
        return
    ids = present.nodes.keys() | fresh.nodes.keys()
    differences = [
        f"{unique_id} compiles differently"
        for unique_id in sorted(ids)
        if present.nodes.get(unique_id) != fresh.nodes.get(unique_id)
    ]
    raise ManifestOutOfDate(manifest_path(project), differences or ["its metadata differs"])
