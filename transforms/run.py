"""Find, describe and open a run directory safely: no path taken from it may leave it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from transforms.errors import RunNotReadable

RESULTS_INDEX = "results/index.json"
RUN_MANIFEST = "run_manifest.json"
SEMANTIC_MANIFEST = "run_manifest.semantic.json"


class PathEscapesRun(ValueError):
    """A path named by an artifact is absolute, or leads out of the run directory."""

    def __init__(self, relative: str) -> None:
        self.relative = relative
        super().__init__(f"path leaves the run: {relative}")


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
        resolved = (self.path / candidate).resolve()
        if not resolved.is_relative_to(self.path):
            raise PathEscapesRun(relative)
        return resolved

    def relative(self, path: Path) -> str:
        """``path`` as written in findings and in ``source_file``: POSIX, relative to the run."""
        return path.relative_to(self.path).as_posix()


def open_run(path: Path) -> Run:
    """Open the run at ``path``: a directory that holds ``results/index.json``.

    Graph name and run id come from the manifests, so that a run copied to another place keeps
    its identity; folder names stand in where the manifests do not say. Raises RunNotReadable.
    """
    if not path.exists():
        raise RunNotReadable(path, "there is no such directory", "check the path")
    if not path.is_dir():
        raise RunNotReadable(path, "it is not a directory", "name the run directory, not a file in it")
    root = path.resolve()
    if not (root / RESULTS_INDEX).is_file():
        raise RunNotReadable(path, f"it has no {RESULTS_INDEX}", _nested_run_hint(root))
    index = _document(root / RESULTS_INDEX)
    manifest = _document(root / RUN_MANIFEST)
    semantic = _document(root / SEMANTIC_MANIFEST)
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


def _document(path: Path) -> dict[str, Any]:
    """The JSON object at ``path``; empty where it cannot be read (staging reports that)."""
    try:
        value = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(document: dict[str, Any], key: str) -> str | None:
    value = document.get(key)
    return value if isinstance(value, str) and value else None
