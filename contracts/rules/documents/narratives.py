"""QC911-QC913: facility narratives."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contracts.findings import Finding, Severity
from contracts.rules.gather import limited
from contracts.rules.rule import Rule
from contracts.run_data import RunData

TITLE_MISSING = Rule(
    "QC911",
    "narrative-title-missing",
    Severity.ERROR,
    "A narrative does not begin with its title",
    "The title says whose narrative it is",
    "Begin with `# Contribution Analysis: Medicare ID <id>`",
)
FACILITY_DIFFERS = Rule(
    "QC912",
    "narrative-facility-differs",
    Severity.WARNING,
    "A narrative's title, its file name and the run's facilities do not agree",
    "The narrative would be shown under another facility, or never",
    "Name the file contribution_<id>.md after the facility of its title",
)
HEADER_INCOMPLETE = Rule(
    "QC913",
    "narrative-header-incomplete",
    Severity.WARNING,
    "A narrative's header lacks the facility's value or the time it was generated, or they cannot be read",
    "The narrative is shown without them",
    "Write `**Facility ...**: 1.2345` and `**Generated**: YYYY-MM-DD HH:MM:SS UTC`",
)

RULES = (TITLE_MISSING, FACILITY_DIFFERS, HEADER_INCOMPLETE)

_TITLE = re.compile(r"\s*# Contribution Analysis: Medicare ID ([\w-]+)[ \t]*$", re.MULTILINE)
_GENERATED = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} UTC")


def check_narratives(data: RunData) -> list[Finding]:
    """Title, facility and header lines of each narrative."""
    facilities = set(data.frames["raw_entity_results"]["facility_id"].unique().to_list())
    rows = data.frames["raw_narratives"].to_dicts()
    return limited(finding for row in rows for finding in _check(row, facilities))


def _check(row: dict[str, object], facilities: set[str]) -> Iterator[Finding]:
    file, content = str(row["source_file"]), str(row["content"])
    title = _TITLE.match(content)
    if title is None:
        yield TITLE_MISSING.finding(
            "the first line is not the title", file=file, line=1, actual=content.strip().split("\n")[0][:80]
        )
        return
    if title.group(1) != row["facility_id"]:
        yield FACILITY_DIFFERS.finding(
            "the title names another facility than the file name",
            file=file,
            line=1,
            expected=str(row["facility_id"]),
            actual=title.group(1),
        )
    elif facilities and row["facility_id"] not in facilities:
        yield FACILITY_DIFFERS.finding(
            "the run has no such facility", file=file, line=1, actual=str(row["facility_id"])
        )
    if row["metric_value"] is None:
        yield HEADER_INCOMPLETE.finding("the facility's value cannot be read", file=file)
    if not _GENERATED.fullmatch(str(row["generated_at"])):
        yield HEADER_INCOMPLETE.finding(
            "the time it was generated cannot be read",
            file=file,
            actual=None if row["generated_at"] is None else str(row["generated_at"]),
        )
