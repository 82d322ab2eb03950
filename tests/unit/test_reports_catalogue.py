"""The catalogue of rules and docs/contracts.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contracts.rules.registry import RULES
from contracts.tables import RAW_TABLES
from transforms.reports.catalogue import CONTRACTS_PAGE, explain, families, find_rules, main, render_page
from transforms.reports.terms import UnknownCode


def test_the_page_is_current() -> None:
    assert CONTRACTS_PAGE.read_text(encoding="utf-8") == render_page()


def test_the_page_describes_every_rule_and_column() -> None:
    page = render_page()
    for rule in RULES.values():
        assert f"### {rule.code} {rule.name}\n\n*{rule.severity}* {rule.summary}.\n" in page
        assert f"- Why: {rule.why}\n" in page
        assert f"- Fix: {rule.fix}\n" in page
    for table in RAW_TABLES:
        described = page.split(f"\n### {table.name}\n", 1)[1].split("\n### ", 1)[0]
        named = re.findall(r"^\| `([^`]+)` \| \w+ \| (?:yes|no) \| ", described, re.MULTILINE)
        assert tuple(named) == table.column_names


def test_links_within_the_page_lead_somewhere() -> None:
    page = render_page()
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= anchors


def test_tables_of_the_page_are_whole() -> None:
    for line in render_page().splitlines():
        if line.startswith("| `"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 5, line


def test_check_tells_a_page_that_is_not_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "contracts.md"
    assert main(["--check"], page) == 1
    assert "hint: run python -m transforms.reports.catalogue" in capsys.readouterr().err
    assert not page.exists()
    assert main([], page) == 0
    assert main(["--check"], page) == 0
    page.write_text(page.read_text() + "edited\n")
    assert main(["--check"], page) == 1


def test_every_family_has_a_title() -> None:
    listed = families(RULES.values())
    assert sum(len(members) for _, members in listed) == len(RULES)
    assert all(re.fullmatch(r"QC\dxx [A-Z].+", title) for title, _ in listed)


def test_rules_are_found_by_code_and_beginning() -> None:
    assert [rule.code for rule in find_rules("qc101")] == ["QC101"]
    assert len(find_rules(None)) == len(RULES)
    assert {rule.code[:3] for rule in find_rules("QC1")} == {"QC1"}
    with pytest.raises(UnknownCode):
        find_rules("QC0")


@pytest.mark.parametrize("code", sorted(RULES))
def test_each_rule_is_explained(code: str) -> None:
    rule = RULES[code]
    text = explain(rule)
    assert text.startswith(f"{code} {rule.name} ({rule.severity})")
    assert rule.why in text
    assert rule.fix in text
    assert not rule.summary.endswith("."), "reports add the full stop"
