"""The pieces that narratives consist of: sections, tables, items, numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_HEADING = re.compile(r"(#{2,3})\s+(.*?)\s*$")
_SEPARATOR = re.compile(r"\|?[\s:|-]*-[\s:|-]*$")
_CELL_END = re.compile(r"(?<!\\)\|")
_NUMBER = re.compile(r"[+\-\N{MINUS SIGN}]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_MISSING = frozenset({"", "-", "n/a", "na", "\N{EN DASH}", "\N{EM DASH}"})


@dataclass(slots=True)
class Section:
    """A heading, the lines below it, and the sections one level deeper."""

    heading: str
    lines: list[str] = field(default_factory=list)
    parts: list[Section] = field(default_factory=list)


def sections(text: str) -> tuple[list[str], list[Section]]:
    """The lines before the first section, and the sections of level two with their parts."""
    before: list[str] = []
    found: list[Section] = []
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading is None:
            here = found[-1].parts[-1] if found and found[-1].parts else found[-1] if found else None
            (before if here is None else here.lines).append(line)
        elif heading.group(1) == "##" or not found:
            found.append(Section(heading.group(2)))
        else:
            found[-1].parts.append(Section(heading.group(2)))
    return before, found


def table(lines: list[str], columns: int) -> Iterator[list[str]]:
    """Rows of the first table that have ``columns`` cells; header and separator are known by their place."""
    rows = [line.strip() for line in lines if line.lstrip().startswith("|")]
    if len(rows) > 1 and _SEPARATOR.fullmatch(rows[1]):
        rows = rows[2:]
    for row in rows:
        cells = [
            cell.replace("\\|", "|") for cell in _CELL_END.split(row.removeprefix("|").removesuffix("|"))
        ]
        if len(cells) == columns:
            yield [plain(cell) for cell in cells]


def plain(text: str) -> str:
    """Text without bold marks and blanks around it."""
    return text.replace("**", "").strip()


def number(text: str | None) -> float | None:
    """The number that a cell holds, percent sign and plus left aside; None where there is none."""
    if text is None or text.strip().lower() in _MISSING:
        return None
    found = _NUMBER.fullmatch(text.strip().rstrip("%").strip())
    value = math.inf if found is None else float(found.group().replace("\N{MINUS SIGN}", "-"))
    return value if math.isfinite(value) else None


def text_or_none(text: str) -> str | None:
    """A cell's text; None where it says that there is none."""
    return None if text.strip().lower() in _MISSING else text.strip()
