"""The pieces that narratives consist of: sections, tables, bold fields and numbers.

Each takes time that grows with the text and no faster, whatever the text is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_MINUS = "\N{MINUS SIGN}"
NUMBER = rf"[+\-{_MINUS}]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBER = re.compile(NUMBER)
MISSING = ("-", "n/a", "na", "\N{EN DASH}", "\N{EM DASH}")
"""What stands where there is no value, in lower case."""
_CELL_END = re.compile(r"(?<!\\)\|")
_SEPARATOR = frozenset("|-: \t")

Line = tuple[int, str]
"""Its number in the file, from 1, and its text without blanks around it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A part that should say something, but cannot be read."""

    line: int
    message: str
    text: str


@dataclass(slots=True)
class Section:
    """A heading, the lines below it, and the sections one level deeper."""

    line: int
    heading: str
    lines: list[Line] = field(default_factory=list)
    parts: list[Section] = field(default_factory=list)


def sections(text: str) -> tuple[list[Line], list[Section]]:
    """The lines before the first section, and the sections of level two with their parts."""
    before: list[Line] = []
    found: list[Section] = []
    here = before
    # Not splitlines: that would break lines where no editor shows a break.
    for number_, written in enumerate(text.split("\n"), start=1):
        line = written.strip()
        if written.startswith("## "):
            found.append(Section(number_, line[3:].strip()))
            here = found[-1].lines
        elif written.startswith("### ") and found:
            found[-1].parts.append(Section(number_, line[4:].strip()))
            here = found[-1].parts[-1].lines
        elif line:
            here.append((number_, line))
    return before, found


def rows(lines: list[Line]) -> Iterator[tuple[int, list[str]]]:
    """Rows of a table, less header and separator, which are known by their place."""
    found = [(place, line) for place, line in lines if line.startswith("|")]
    headed = len(found) > 1 and "-" in found[1][1] and _SEPARATOR.issuperset(found[1][1])
    for place, line in found[2:] if headed else found:
        cells = _CELL_END.split(line)[1:]
        if cells and not cells[-1]:
            cells.pop()
        yield place, [plain(cell.replace("\\|", "|")) for cell in cells]


def bold_field(line: str) -> tuple[str, str] | None:
    """Name and value of ``**name**: value``, be it an item of a list or not."""
    line = unbulleted(line) or line
    end = line.find("**:", 2) if line.startswith("**") else -1
    return None if end < 0 else (line[2:end].strip(), line[end + 3 :].strip())


def unbulleted(line: str) -> str | None:
    """What an item of a list says; None for other lines."""
    return line[2:].strip() if line.startswith(("- ", "* ")) else None


def plain(text: str) -> str:
    """Text without bold marks and blanks around it."""
    return text.replace("**", "").strip()


def is_missing(text: str) -> bool:
    """Whether a cell says that there is no value."""
    return not text or text.lower() in MISSING


def text_or_none(text: str) -> str | None:
    """A cell's text; None where it says that there is none."""
    return None if is_missing(text) else text


def number(text: str) -> float | None:
    """The finite number that a cell holds, percent sign and plus left aside; None where there is none."""
    found = _NUMBER.fullmatch(text.strip().removesuffix("%").rstrip())
    value = math.inf if found is None else float(found.group().replace(_MINUS, "-"))
    return value if math.isfinite(value) else None
