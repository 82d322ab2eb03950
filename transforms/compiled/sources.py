"""Which files a compiled manifest depends on, and whether they are still what it was compiled from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from transforms.compiled.errors import ManifestOutOfDate
from transforms.compiled.manifest import Manifest, manifest_path

FOLDERS = ("macros", "models", "seeds", "tests")
PROJECT_FILES = ("dbt_project.yml", "packages.yml", "profiles.yml")


def source_files(project: Path) -> Iterator[Path]:
    """Files of a dbt project that its compiled SQL comes from; hidden files are none of it."""
    for name in PROJECT_FILES:
        if (project / name).is_file():
            yield project / name
    for folder in FOLDERS:
        for path in sorted((project / folder).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path


def checksums(project: Path) -> dict[str, str]:
    """sha256 of every source file, by path relative to the project."""
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in source_files(project)
    }


def verify_sources(manifest: Manifest, project: Path) -> None:
    """Raise ManifestOutOfDate unless ``manifest`` was compiled from the files now in ``project``.

    Compares checksums only (milliseconds, no dbt).
    """
    present = checksums(project)
    differences = [
        *(
            f"{path} changed"
            for path, digest in present.items()
            if manifest.files.get(path, digest) != digest
        ),
        *(f"{path} is new" for path in present if path not in manifest.files),
        *(f"{path} is gone" for path in manifest.files if path not in present),
    ]
    if differences:
        raise ManifestOutOfDate(manifest_path(project), sorted(differences))
