"""Find, describe and open a run directory safely: no path taken from it may leave it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from transforms.errors import RunNotReadable

RESULTS_INDEX = "results/index.json"
NODES_DIRECTORY = "results/nodes"
RUN_MANIFEST = "run_manifest.json"
SEMANTIC_MANIFEST = "run_manifest.semantic.json"
UTF8_BOM = b"\xef\xbb\xbf"


class PathEscapesRun(ValueError):
    """A path named by an artifact is absolute, or leads out of the run directory.

    ``place`` is the path itself or, where a link is to blame, the link.
    """

    def __init__(self, relative: str, place: str | None = None) -> None:
        self.relative = relative
        self.place = relative if place is None else place
        link = place is not None
        super().__init__(
            f"the link {self.place} leads out of the run" if link else f"the path {relative!r} leaves the run"
        )


@dataclass(frozen=True, slots=True)
class Run:
    """An opened run directory. ``run_key`` is ``<graph_name>/<run_id>``."""

    path: Path
    graph_name: str
    run_id: str

    @property
    def run_key(self) -> str:
        """Identity of the run in every table."""
        return f"{self.graph_name}/{self.run_id}"

    def resolve(self, relative: str) -> Path:
        """Path of an artifact inside the run; raises PathEscapesRun for any other place."""
        candidate = Path(relative)
        if candidate.is_absolute() or ".." in candidate.parts or "\x00" in relative:
            raise PathEscapesRun(relative)
        return resolve_inside(self.path, candidate)

    def relative(self, path: Path) -> str:
        """``path`` as written in findings and in ``source_file``: POSIX, relative to the run."""
        return path.relative_to(self.path).as_posix()


def resolve_inside(root: Path, relative: Path) -> Path:
    """``root / relative`` with links followed; raises PathEscapesRun where one leads out.

    Raises PermissionError where a folder on the way, and no link, may not be looked into.
    ``root`` is resolved already, ``relative`` neither absolute nor climbing.
    """
    path = root / relative
    try:
        try:
            # A circle of links is an error only where the path must exist: OSError, before 3.13 RuntimeError.
            resolved = path.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError):
            resolved = path.resolve()
    except (OSError, RuntimeError) as error:
        if isinstance(error, PermissionError) and _link(root, relative) is None:
            raise
        raise PathEscapesRun(relative.as_posix(), relative.as_posix()) from error
    if resolved.is_relative_to(root):
        return resolved
    raise PathEscapesRun(relative.as_posix(), (_link(root, relative) or relative).as_posix())


def _link(root: Path, relative: Path) -> Path | None:
    """The first link on the way from ``root`` to ``relative``, as far as that may be looked at."""
    for part in reversed([relative, *relative.parents]):
        try:
            if (root / part).is_symlink():
                return part
        except PermissionError:
            return None
    return None


def open_run(path: Path) -> Run:
    """Open the run at ``path``: a directory that holds ``results/index.json``.

    Graph name and run id come from the manifests, so that a run copied to another place keeps
    its identity; folder names stand in where the manifests do not say. Raises RunNotReadable.
    """
    try:
        return _open(path)
    except PermissionError as error:
        raise RunNotReadable(path, error.strerror or str(error), "check its permissions") from error


def _open(path: Path) -> Run:
    if not path.exists():
        raise RunNotReadable(path, "there is no such directory", "check the path")
    if not path.is_dir():
        raise RunNotReadable(path, "it is not a directory", "name the run directory, not a file in it")
    root = path.resolve()
    if not (root / RESULTS_INDEX).exists():
        raise RunNotReadable(path, f"it has no {RESULTS_INDEX}", _nested_run_hint(root))
    index = _document(root, RESULTS_INDEX)
    manifest = _document(root, RUN_MANIFEST)
    semantic = _document(root, SEMANTIC_MANIFEST)
    run_id = _text(index, "run_id") or _text(manifest, "run_id") or root.name
    graph_name = _text(manifest, "run_label") or _text(semantic, "graph_name") or root.parent.name
    return Run(path=root, graph_name=graph_name, run_id=run_id)


def _nested_run_hint(root: Path) -> str:
    nested = sorted(found.parent.parent for found in root.glob(f"*/{RESULTS_INDEX}"))
    if not nested:
        nested = sorted(found.parent.parent for found in root.glob(f"*/*/{RESULTS_INDEX}"))
    if nested:
        return f"did you mean {nested[-1]}?"
    return "name a directory like <graph>/<run_id> that the analytics engine wrote"


def _document(root: Path, relative: str) -> dict[str, Any]:
    """The JSON object of the run; empty where it cannot be read (staging reports that)."""
    try:
        path = resolve_inside(root, Path(relative))
        # Whoever opens a pipe waits for somebody to write to it.
        content = path.read_bytes() if path.is_file() else b""
        value = msgspec.json.decode(content.removeprefix(UTF8_BOM))
    except (OSError, PathEscapesRun, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(document: dict[str, Any], key: str) -> str | None:
    """A member that can be part of a run key: one line of text without slashes."""
    value = document.get(key)
    return value if isinstance(value, str) and value.isprintable() and value and "/" not in value else None
