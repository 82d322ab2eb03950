"""QC911-QC914: facility narratives."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.findings import Finding, Severity
from contracts.narratives import parse
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
PART_UNREADABLE = Rule(
    "QC914",
    "narrative-part-unreadable",
    Severity.WARNING,
    "A heading, row, item, bar or number of a narrative cannot be read",
    "The narrative is shown without it",
    "Write sections, tables and lists as other narratives do; `-` stands for no value",
)

RULES = (TITLE_MISSING, FACILITY_DIFFERS, HEADER_INCOMPLETE, PART_UNREADABLE)


def check_narratives(data: RunData) -> list[Finding]:
    """Title, facility and header lines of each narrative."""
    facilities = set(data.frames["raw_entity_results"]["facility_id"].unique().to_list())
    rows = data.frames["raw_narratives"].to_dicts()
    return limited(finding for row in rows for finding in _check(row, facilities))


def _check(row: dict[str, object], facilities: set[str]) -> Iterator[Finding]:
    file, content = str(row["source_file"]), str(row["content"])
    found = parse(content)
    if found.narrative is None:
        yield TITLE_MISSING.finding(
            "the first line is not the title", file=file, line=1, actual=content.strip().split("\n")[0][:80]
        )
        return
    if found.facility_id != row["facility_id"]:
        yield FACILITY_DIFFERS.finding(
            "the title names another facility than the file name",
            file=file,
            line=1,
            expected=str(row["facility_id"]),
            actual=found.facility_id,
        )
    elif facilities and row["facility_id"] not in facilities:
        yield FACILITY_DIFFERS.finding(
            "the run has no such facility", file=file, line=1, actual=str(row["facility_id"])
        )
    if found.metric_value is None:
        yield HEADER_INCOMPLETE.finding("the facility's value cannot be read", file=file)
    if found.narrative["generated_at"] is None:
        yield HEADER_INCOMPLETE.finding(
            "the time it was generated cannot be read",
            file=file,
            actual=found.generated,
        )
    for problem in found.problems:
        yield PART_UNREADABLE.finding(problem.message, file=file, line=problem.line, actual=problem.text[:80])
