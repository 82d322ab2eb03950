"""Preflight: stage a run and check it against the contracts, before anything of it counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from contracts.check import check, check_rules, check_schemas
from contracts.findings import Finding, Report, Severity
from contracts.rules import parsing, schema
from contracts.rules.registry import RULES
from contracts.run_data import RunData
from transforms.errors import RunNotReadable
from transforms.helper import HelperProcess
from transforms.progress import Progress
from transforms.run import Run
from transforms.stage import stage_run


@dataclass(slots=True)
class Staged:
    """A run in memory, and what is known of its faults so far: files that parse, rows that fit."""

    run: Run
    data: RunData
    findings: list[Finding]
    started: float = field(repr=False)

    @property
    def fits(self) -> bool:
        """Whether the rows can be loaded at all, whatever the rules will say."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    def judge(self, progress: Progress, *, rules: bool = True) -> Report:
        """The report; with ``rules`` after running them, else of what is known so far."""
        if rules:
            with progress.step("Checking"):
                findings = [*self.findings, *check_rules(self.data)]
        else:
            findings = self.findings
        return _report(self.run, self.data, findings, self.started, rules=rules)


def stage(run: Run, progress: Progress) -> Staged:
    """Read ``run`` and check that its rows fit the schemas. Raises RunNotReadable."""
    started = time.perf_counter()
    data = _read(run, progress)
    return Staged(run, data, check_schemas(data), started)


def preflight(
    run: Run, progress: Progress, *, rules: bool = True, ahead: HelperProcess | None = None
) -> tuple[RunData, Report]:
    """Stage ``run`` and check it; the report says whether it may be loaded.

    Without ``rules`` only what loading needs is checked: that files parse and rows fit the schemas.
    A helper may have been started ``ahead``.
    """
    started = time.perf_counter()
    data = _read(run, progress, ahead)
    with progress.step("Checking"):
        findings = check(data) if rules else check_schemas(data)
    return data, _report(run, data, findings, started, rules=rules)


def _read(run: Run, progress: Progress, ahead: HelperProcess | None = None) -> RunData:
    size = sum(_sizes(run.path))
    try:
        with progress.step("Reading", size) as advance:
            return stage_run(run, advance, ahead=ahead)
    except PermissionError as error:
        # A folder whose files have names, and nothing else that may be looked at.
        reason = f"{error.filename}: {error.strerror}"
        raise RunNotReadable(run.path, reason, "check its permissions") from error


def _report(run: Run, data: RunData, findings: list[Finding], started: float, *, rules: bool) -> Report:
    return Report(
        run_key=run.run_key,
        path=str(run.path),
        findings=findings,
        rows=data.row_counts,
        rules_run=len(RULES) if rules else len(parsing.RULES) + len(schema.RULES),
        seconds=time.perf_counter() - started,
    )


def _sizes(root: Path) -> Iterator[int]:
    """Bytes of each file below ``root``; staging reports those that may not even be looked at."""
    for path in root.rglob("*"):
        with suppress(PermissionError):
            if path.is_file() and not path.is_symlink():
                yield path.stat().st_size
