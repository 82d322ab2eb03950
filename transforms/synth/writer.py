"""Writes the files of a run: every byte is decided here, none by the platform."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from transforms.errors import FolderNotWritable
from transforms.synth.errors import RunAlreadyExists

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class RunWriter:
    """Writes below ``root``; folders are made as needed, text is UTF-8 with LF."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def text(self, relative: str, content: str) -> None:
        """A text file."""
        self._path(relative).write_bytes(content.encode())

    def json(self, relative: str, document: object) -> None:
        """A pretty document: two spaces, non-ASCII escaped, no newline at its end."""
        self.text(relative, json.dumps(document, indent=2, allow_nan=False))

    def lines(self, relative: str, documents: Iterable[object]) -> int:
        """A JSON document a line, compact; returns the number of lines."""
        count = 0
        with self._path(relative).open("wb") as file:
            for document in documents:
                file.write(_encode(document).encode())
                file.write(b"\n")
                count += 1
        return count

    def yaml(self, relative: str, document: object) -> None:
        """A YAML definition under the two comment lines each has."""
        body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000)
        self.text(relative, f"# A definition of a generated run.\n# Written by compass synth.\n{body}")

    def _path(self, relative: str) -> Path:
        path = self._root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@contextmanager
def new_run_directory(target: Path) -> Iterator[RunWriter]:
    """Write a run beside ``target`` and move it there when all of it is written.

    Raises RunAlreadyExists where ``target`` holds something, FolderNotWritable where files cannot be
    written. Nothing is left behind on failure.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        _refuse_content(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        yield RunWriter(partial)
        _refuse_content(target)
        _remove_empty(target)
        partial.rename(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise FolderNotWritable(target, error.strerror or str(error)) from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _refuse_content(target: Path) -> None:
    if target.is_symlink() or target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise RunAlreadyExists(target)


def _remove_empty(target: Path) -> None:
    if target.is_dir():
        target.rmdir()
