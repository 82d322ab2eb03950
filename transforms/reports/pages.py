"""Pages of docs/ that are made from code: written when asked, compared with what is there on ``--check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"


def write_or_check(page: Path, text: str, arguments: list[str], *, made_by: str, source: str) -> int:
    """Write ``text`` to ``page``, or with ``--check`` say whether it is there (exit code 1 when not).

    ``made_by`` is the module that makes the page, ``source`` who speaks in it: "the rules say".
    """
    if "--check" not in arguments:
        page.write_text(text, encoding="utf-8")
        return 0
    if page.is_file() and page.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(
        f"error: docs/{page.name} is not what {source}\nhint: run python -m transforms.reports.{made_by}\n"
    )
    return 1


def prose(text: str) -> str:
    """As ``cell``, for text outside code: Markdown would take <graph> for a tag of HTML."""
    return cell(text).replace("<", "&lt;")


def cell(text: str) -> str:
    """``text`` on one line, as a table's cell takes it."""
    return " ".join(text.split()).replace("|", "\\|")
