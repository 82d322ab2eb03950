"""A report as JUnit XML: one test case a rule."""

from __future__ import annotations

import re
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from contracts.findings import Finding, Report
from contracts.rules.registry import RULES
from transforms.reports.terms import Terms
from transforms.reports.text import describe
from transforms.reports.wording import encodable, plural

# XML 1.0 cannot hold these, not even as character references.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(report: Report, terms: Terms | None = None) -> str:
    """The XML: failing findings are failures of their rule, the others its output."""
    terms = terms or Terms()
    found = {
        code: list(findings)
        for code, findings in groupby(
            sorted(report.findings, key=lambda finding: finding.code), key=lambda finding: finding.code
        )
    }
    codes = sorted({code for code in RULES if terms.selection.includes(code)} | found.keys())
    failed = [code for code in codes if any(terms.fails(finding) for finding in found.get(code, ()))]
    totals = {
        "tests": str(len(codes)),
        "failures": str(len(failed)),
        "errors": "0",
        "time": f"{report.seconds:.3f}",
    }
    root = Element("testsuites", {"name": "compass preflight", **totals})
    suite = SubElement(root, "testsuite", {"name": _xml(report.run_key), "skipped": "0", **totals})
    for code in codes:
        _case(suite, code, found.get(code, []), terms)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _case(suite: Element, code: str, findings: list[Finding], terms: Terms) -> None:
    rule = RULES.get(code)
    name = code if rule is None else f"{code} {rule.name}"
    family = _xml(f"compass.{code[:3]}xx")
    case = SubElement(suite, "testcase", {"classname": family, "name": _xml(name), "time": "0"})
    failures = [finding for finding in findings if terms.fails(finding)]
    if failures:
        first = failures[0]
        title = (
            first.message if len(failures) == 1 else f"{plural(len(failures), 'finding')}: {first.message}"
        )
        failure = SubElement(case, "failure", {"type": first.severity.value, "message": _xml(title)})
        failure.text = _xml("\n\n".join(map(describe, failures)))
    others = [finding for finding in findings if not terms.fails(finding)]
    if others:
        SubElement(case, "system-out").text = _xml("\n\n".join(map(describe, others)))


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", encodable(text))
