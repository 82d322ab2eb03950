"""Changing artifacts of a run in place, and saying where the change is to be found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transforms.errors import UsageError

Json = dict[str, Any]
Change = Callable[[bytes], bytes]
"""The raw bytes of a line, changed."""


class NothingToCorrupt(UsageError):
    """The run lacks what is to be broken; ``place`` and ``wanted`` say what was looked for where."""

    def __init__(self, place: str, wanted: str) -> None:
        self.place = place
        self.wanted = wanted
        super().__init__(
            f"{place} has no {wanted} to corrupt",
            "generate a run of the usual size: --facilities 24 --months 12",
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule finds fault: a file, a line of it from 1, a JSON pointer; without a file, the run."""

    file: str | None = None
    line: int | None = None
    json_path: str | None = None

    def __str__(self) -> str:
        if self.file is None:
            return "the run's folder"
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return place if self.json_path is None else f"{place} {self.json_path}"


@dataclass(slots=True)
class RunEditor:
    """A run directory that may be changed; paths are relative to it."""

    path: Path

    def file(self, relative: str) -> Path:
        """Path of an artifact."""
        return self.path / relative

    def one(self, pattern: str) -> str:
        """The first artifact that matches."""
        found = sorted(path.relative_to(self.path).as_posix() for path in self.path.glob(pattern))
        if not found:
            raise NothingToCorrupt(self.path.name, f"file like {pattern}")
        return found[0]

    def read(self, relative: str) -> bytes:
        """Bytes of an artifact."""
        return self.file(relative).read_bytes()

    def write(self, relative: str, content: bytes) -> None:
        """Put bytes in the place of an artifact."""
        self.file(relative).parent.mkdir(parents=True, exist_ok=True)
        self.file(relative).write_bytes(content)

    def move(self, relative: str, target: str) -> None:
        """Give an artifact another path."""
        self.write(target, self.read(relative))
        self.file(relative).unlink()

    def replace(self, relative: str, old: bytes, new: bytes, count: int = 1) -> None:
        """Replace the first bytes that equal ``old``; there must be some."""
        content = self.read(relative)
        if old not in content:
            raise NothingToCorrupt(relative, f"text {old.decode(errors='backslashreplace')!r}")
        self.write(relative, content.replace(old, new, count))

    def line_of(self, relative: str, text: bytes) -> int:
        """Number of the first line that holds ``text``, from 1."""
        for number, line in enumerate(self.read(relative).splitlines(), 1):
            if text in line:
                return number
        raise NothingToCorrupt(relative, f"text {text.decode(errors='backslashreplace')!r}")

    def edit(self, relative: str, change: Callable[[Any], Any]) -> None:
        """Change a JSON document in place, or by what ``change`` returns."""
        document = json.loads(self.read(relative))
        changed = change(document)
        self.write(relative, json.dumps(document if changed is None else changed).encode())

    def documents(self, relative: str) -> list[Json]:
        """The objects of all lines."""
        return [json.loads(line) for line in self.read(relative).splitlines()]

    def find(self, relative: str, wanted: Callable[[Json], bool], what: str) -> int:
        """Number of the first line, from 1, whose object is ``wanted``; ``what`` describes it."""
        for number, item in enumerate(self.documents(relative), 1):
            if wanted(item):
                return number
        raise NothingToCorrupt(relative, what)

    def edit_line(self, relative: str, number: int, change: Callable[[Json], Any]) -> None:
        """Change the JSON object on line ``number``, from 1."""
        lines = self.read(relative).splitlines()
        document = json.loads(lines[number - 1])
        changed = change(document)
        lines[number - 1] = json.dumps(
            document if changed is None else changed, separators=(",", ":")
        ).encode()
        self.write(relative, b"\n".join(lines) + b"\n")

    def edit_lines(self, relative: str, change: Callable[[list[bytes]], Iterable[bytes]]) -> None:
        """Change the list of raw lines, line ends included."""
        self.write(relative, b"".join(change(self.read(relative).splitlines(keepends=True))))


Edit = Callable[[RunEditor], object]
"""Changes a run; whatever it returns is of no interest."""
Apply = Callable[[RunEditor], Place]
"""Changes a run and tells where the rule finds fault with it."""


def at(edit: Edit, file: str | None, line: int | None = None, json_path: str | None = None) -> Apply:
    """An edit whose place is known beforehand."""

    def apply(run: RunEditor) -> Place:
        edit(run)
        return Place(file, line, json_path)

    return apply


def edit_document(relative: str, change: Callable[[Any], object]) -> Edit:
    """Change a JSON document in place, whatever ``change`` returns."""

    def apply(document: Any) -> None:
        change(document)

    return lambda run: run.edit(relative, apply)


def edit_line(relative: str, number: int, change: Callable[[Json], object]) -> Edit:
    """Change the object on a line in place, whatever ``change`` returns."""

    def apply(item: Json) -> None:
        change(item)

    return lambda run: run.edit_line(relative, number, apply)


def in_document(relative: str, change: Callable[[Any], object], json_path: str | None = None) -> Apply:
    """A document changed in place, which is where the rule finds fault."""
    return at(edit_document(relative, change), relative, None, json_path)


def in_line(
    relative: str, number: int, change: Callable[[Json], object], json_path: str | None = None
) -> Apply:
    """The object on a line changed in place, which is where the rule finds fault."""
    return at(edit_line(relative, number, change), relative, number, json_path)


def in_bytes(number: int, relative: str, change: Change, json_path: str | None = None) -> Apply:
    """The raw bytes of a line changed, which is where the rule finds fault."""
    return at(put(number, relative, change), relative, number, json_path)


def remove(relative: str) -> Edit:
    """Delete a file."""
    return lambda run: run.file(relative).unlink()


def whole(relative: str, content: bytes) -> Edit:
    """Put other bytes in the place of a file."""
    return lambda run: run.write(relative, content)


def replace(relative: str, old: bytes, new: bytes) -> Edit:
    """Replace bytes of a file."""
    return lambda run: run.replace(relative, old, new)


def put(line: int, relative: str, change: Change) -> Edit:
    """Change the raw bytes of one line."""

    def apply(run: RunEditor) -> None:
        def edit(lines: list[bytes]) -> list[bytes]:
            before = lines[line - 1]
            lines[line - 1] = change(before)
            if lines[line - 1] == before:
                raise NothingToCorrupt(relative, f"text to change on line {line}")
            return lines

        run.edit_lines(relative, edit)

    return apply


def swap(pattern: bytes, new: bytes) -> Change:
    """Replace the first match of a regular expression."""
    return lambda line: re.sub(pattern, lambda match: match.expand(new), line, count=1)


def cut(line: bytes) -> bytes:
    """The first half of a line, without its end."""
    return line[: len(line) // 2]


def cut_line(line: bytes) -> bytes:
    """The first half of a line and its end."""
    return cut(line) + b"\n"
