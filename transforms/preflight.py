"""Preflight: stage a run and check it against the contracts, before anything is loaded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from contracts.check import check, check_schemas
from contracts.findings import Report
from contracts.rules import parsing, schema
from contracts.rules.registry import RULES
from contracts.run_data import RunData
from transforms.progress import Progress
from transforms.run import Run
from transforms.stage import stage_run


def preflight(run: Run, progress: Progress, *, rules: bool = True) -> tuple[RunData, Report]:
    """Stage ``run`` and check it; the report says whether it may be loaded.

    Without ``rules`` only what loading needs is checked: that files parse and rows fit the schemas.
    """
    started = time.perf_counter()
    size = sum(path.stat().st_size for path in _files(run.path))
    with progress.step("Reading", size) as advance:
        data = stage_run(run, advance)
    with progress.step("Checking"):
        findings = check(data) if rules else check_schemas(data)
    report = Report(
        run_key=run.run_key,
        path=str(run.path),
        findings=findings,
        rows=data.row_counts,
        rules_run=len(RULES) if rules else len(parsing.RULES) + len(schema.RULES),
        seconds=time.perf_counter() - started,
    )
    return data, report


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
