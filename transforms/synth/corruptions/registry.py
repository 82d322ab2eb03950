"""Every corruption, by the code of the rule it breaks."""

from __future__ import annotations

import shutil
from pathlib import Path

from contracts.rules.registry import RULES
from transforms.errors import UsageError
from transforms.synth.corruptions import (
    classification,
    contributions,
    documents,
    files,
    graph,
    parsing,
    references,
    schema,
    statistics,
    timelines,
    values,
)
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import NothingToCorrupt, Place, RunEditor
from transforms.synth.errors import InvalidSynthesis

_FAMILIES = (
    files,
    parsing,
    schema,
    values,
    references,
    graph,
    statistics,
    timelines,
    classification,
    contributions,
    documents,
)

CORRUPTIONS: dict[str, Corruption] = {
    corruption.code: corruption for family in _FAMILIES for corruption in family.CORRUPTIONS
}
"""Every corruption by the code of its rule, in the order of the catalogue."""

WITHOUT: dict[str, str] = {
    "QC302": "a value that is missing in a file is found while reading, as QC301",
    "QC306": "a number that is not finite is found while reading, as QC206, QC207 or QC304",
    "QC408": "generated timelines have gaps as they are",
}
"""Why no change of a file breaks the rule alone: the first two guard tables however they are made."""


MIN_FACILITIES, MIN_MONTHS = 16, 12
"""The least size of runs that have something to break for every rule."""


class NoCorruption(UsageError):
    """There is no corruption of that code; ``reason`` says why."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"no corruption breaks {code}: {reason}", "list the rules: compass rules")


def find_corruption(code: str) -> Corruption:
    """The corruption of the rule ``code``, upper or lower case; raises NoCorruption."""
    wanted = code.strip().upper()
    found = CORRUPTIONS.get(wanted)
    if found is None:
        raise NoCorruption(wanted, WITHOUT.get(wanted, "the catalogue has no such rule"))
    return found


def example(code: str) -> str:
    """A defect that breaks the rule ``code``, or why no run has one."""
    found = CORRUPTIONS.get(code)
    return f"None of its own: {WITHOUT[code]}" if found is None else found.description


def require_size(facilities: int, months: int) -> None:
    """Raise InvalidSynthesis for runs so small that rules have nothing to judge."""
    for argument, value, least in (
        ("facilities", facilities, MIN_FACILITIES),
        ("months", months, MIN_MONTHS),
    ):
        if value < least:
            raise InvalidSynthesis(argument, value, f"at least {least} for a corruption")


def corrupt_run(path: Path, corruption: Corruption) -> tuple[Path, Place]:
    """Break the generated run at ``path``; where it lies now, and where the rule finds fault.

    A run that has nothing to break is removed: whoever asked for a defect must not take it for
    one that has it. Raises NothingToCorrupt.
    """
    run = RunEditor(path)
    try:
        place = corruption.apply(run)
    except NothingToCorrupt:
        shutil.rmtree(path)
        raise
    return run.path, place


def describe(corruption: Corruption, place: Place) -> str:
    """Which rule is broken, how, where, and what breaks with it, for people."""
    rule = RULES[corruption.code]
    lines = [
        f"breaks {rule.code} {rule.name} ({rule.severity}): {rule.summary}",
        f"defect: {corruption.description}",
        f"place:  {place}",
    ]
    if corruption.also:
        lines.append(f"also breaks {', '.join(corruption.also)}: {corruption.because}")
    return "\n".join(lines)
