"""The page: its frame, its summary, and the sections in order."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from contracts.findings import Report, Severity
from contracts.run_data import RunData
from transforms.reports.html.contents import contents_section
from transforms.reports.html.distribution import distribution_section
from transforms.reports.html.findings import findings_section
from transforms.reports.html.lineage import lineage_section
from transforms.reports.html.markup import Markup, element, join, trusted
from transforms.reports.html.timeline import timeline_section
from transforms.reports.terms import Terms

_OF_THE_RUN = (contents_section, distribution_section, timeline_section, lineage_section)


def as_html(report: Report, terms: Terms | None = None, data: RunData | None = None) -> str:
    """The page; without ``data`` (the run could not be read) it holds the findings alone."""
    terms = terms or Terms()
    sections: list[Markup | None] = [findings_section(report)]
    if data is not None:
        sections += [section(data) for section in _OF_THE_RUN]
    drawn = [section for section in sections if section is not None]
    body = join(_header(report, terms), element("main", *drawn))
    return f"<!doctype html>\n{element('html', _head(report), element('body', body), lang='en')}\n"


def _head(report: Report) -> Markup:
    style, script = _asset("page.css"), _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Nothing is fetched, and no script runs but this page's own.
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"Preflight of {report.run_key or report.path}"),
        element("style", trusted(style)),
        element("script", trusted(script), type="module"),
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _header(report: Report, terms: Terms) -> Markup:
    if not report.ok:
        verdict, level = "Not loadable", "error"
    elif terms.failed(report):
        verdict, level = f"Loadable, but fails on {terms.fail_on}s", "warning"
    else:
        verdict, level = "Passed", "ok"
    figures = [
        ("Errors", report.count(Severity.ERROR), "error"),
        ("Warnings", report.count(Severity.WARNING), "warning"),
        ("Notes", report.count(Severity.NOTE), "note"),
        ("Known from baseline", terms.known, None),
        ("Not selected", terms.unselected, None),
        ("Rules", report.rules_run, None),
        ("Rows", sum(report.rows.values()), None),
    ]
    optional = ("Notes", "Known from baseline", "Not selected")
    tiles = [
        element(
            "div",
            element("dt", name),
            element("dd", f"{count:,}"),
            class_=f"tile {level if count else ''}".strip() if level else "tile",
        )
        for name, count, level in figures
        if count or name not in optional
    ]
    return element(
        "header",
        element("p", "Preflight report", class_="kicker"),
        element("h1", report.run_key or report.path, element("span", verdict, class_=f"verdict {level}")),
        element("p", f"{report.path} \N{MIDDLE DOT} checked in {report.seconds:.2f} s", class_="muted path"),
        element("dl", *tiles, class_="tiles"),
    )
