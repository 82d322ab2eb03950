"""What the repository's text may not hold, and what its documents promise."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

# Written in pieces, so that this file does not find itself.
FORBIDDEN = {
    "a package registry's host": re.compile(
        "|".join(
            (r"pypi" r"\.org", r"pythonhosted" r"\.org", r"registry\.npm" r"js", r"--(extra-)?index" r"-url")
        )
    ),
    "a path of one machine": re.compile(
        "|".join(
            (
                r"/wo" r"rk/",
                r"/ro" r"ot/",
                r"/ho" r"me/[a-z]",
                r"/Us" r"ers/",
            )
        )
    ),
    "a private key": re.compile(r"-----BEGIN " r"[A-Z ]*PRIVATE KEY"),
}
MARKDOWN_LINK = re.compile(
    r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\""
)
ADR_SECTIONS = ("## Context", "## Decision", "## Consequences")


@pytest.fixture(scope="module")
def product_files(repository: Path) -> list[Path]:
    """Every file that is checked in, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    files = [repository / name for name in listed if name and (repository / name).is_file()]
    assert len(files) > 50, "git lists next to nothing: is this a checkout?"
    return files


def _text(path: Path) -> str:
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8", errors="replace")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str, product_files: list[Path], repository: Path) -> None:
    found = [
        f"{path.relative_to(repository)}:{number}: {match.group()}"
        for path in product_files
        for number, line in enumerate(_text(path).splitlines(), 1)
        if (match := FORBIDDEN[what].search(line))
    ]
    assert not found, f"{what} stands in:\n" + "\n".join(found)


def test_forbidden_patterns_find_what_they_are_for() -> None:
    host = "https://files.python" + "hosted.org/packages"
    assert FORBIDDEN["a package registry's host"].search(host)
    assert FORBIDDEN["a path of one machine"].search("open('/ho" + "me/ada/run')")


def test_no_module_is_longer_than_500_lines(product_files: list[Path], repository: Path) -> None:
    long = {
        str(path.relative_to(repository)): lines
        for path in product_files
        if path.suffix == ".py" and (lines := len(_text(path).splitlines())) > 500
    }
    assert not long


def test_relative_links_lead_somewhere(product_files: list[Path], repository: Path) -> None:
    broken = [
        f"{page.relative_to(repository)} -> {target}"
        for page in product_files
        if page.suffix == ".md"
        for groups in MARKDOWN_LINK.findall(_text(page))
        for target in filter(None, groups)
        if not target.startswith(("http://", "https://", "mailto:", "#"))
        and not (page.parent / target.split("#")[0]).exists()
    ]
    assert not broken


def test_each_decision_has_context_decision_and_consequences(repository: Path) -> None:
    records = sorted((repository / "docs/decisions").glob("[0-9]*.md"))
    assert records
    for number, record in enumerate(records, 1):
        assert record.name.startswith(f"{number:04d}-"), "decisions are numbered without gaps"
        text = record.read_text()
        assert [text.find(section) >= 0 for section in ADR_SECTIONS] == [True] * 3, record.name


def test_the_index_of_decisions_lists_each(repository: Path) -> None:
    folder = repository / "docs/decisions"
    index = (folder / "README.md").read_text()
    assert [record.name for record in sorted(folder.glob("[0-9]*.md")) if record.name not in index] == []
