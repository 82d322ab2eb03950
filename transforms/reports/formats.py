"""Every format a report can be written in."""

from __future__ import annotations

import json
from collections.abc import Callable

from contracts.findings import Report
from contracts.run_data import RunData
from transforms.reports.document import as_json
from transforms.reports.github import as_github
from transforms.reports.html import as_html
from transforms.reports.junit import as_junit
from transforms.reports.sarif import as_sarif
from transforms.reports.terms import Terms
from transforms.reports.text import as_text

Renderer = Callable[[Report, Terms, RunData | None], str]

FORMATS: dict[str, Renderer] = {
    "text": lambda report, terms, data: as_text(report, terms) + "\n",
    "json": lambda report, terms, data: _document(as_json(report, terms)),
    "junit": lambda report, terms, data: as_junit(report, terms),
    "sarif": lambda report, terms, data: _document(as_sarif(report, terms)),
    "github": lambda report, terms, data: _lines(as_github(report)),
    "html": as_html,
}
"""Name of a format to what writes it; the run's data is there where the run could be read."""


def _document(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _lines(text: str) -> str:
    return text + "\n" if text else ""
