"""`compass preflight`: check a run without any database."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transforms.cli.options import RunDirectory
from transforms.helper import HelperProcess, helper_ahead

if TYPE_CHECKING:
    from contracts.findings import Report
    from contracts.run_data import RunData
    from transforms.reports.terms import Terms


class ReportFormat(StrEnum):
    """How a check reports."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    SARIF = "sarif"
    GITHUB = "github"
    HTML = "html"


class FailOn(StrEnum):
    """The least severity that makes a check fail."""

    ERROR = "error"
    WARNING = "warning"


Codes = list[str] | None


def preflight(
    run_directory: RunDirectory,
    output: Annotated[
        ReportFormat, typer.Option("--format", "-f", help="text for people; html for a page of its own.")
    ] = ReportFormat.TEXT,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report to a file.")
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="Least severity that ends with exit code 1.")
    ] = FailOn.ERROR,
    select: Annotated[
        Codes, typer.Option("--select", metavar="CODES", help="Only these rules, e.g. QC6,QC305.")
    ] = None,
    ignore: Annotated[Codes, typer.Option("--ignore", metavar="CODES", help="Not these rules.")] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", metavar="FILE", help="Leave out findings known from FILE.")
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option("--write-baseline", metavar="FILE", help="Write what is found to FILE, as known."),
    ] = None,
) -> None:
    """Check a run against the contracts; needs no database."""
    # What is imported from here on takes as long as a helper takes to start.
    with helper_ahead(run_directory) as ahead:
        from transforms.cli.output import note
        from transforms.errors import UsageError
        from transforms.reports.failure import as_report
        from transforms.reports.terms import Terms
        from transforms.reports.text import as_summary

        try:
            _require_places(out, write_baseline)
        except UsageError as error:
            # As below, but never to the file, which may be the very thing that is wrong.
            if output is not ReportFormat.TEXT:
                _deliver(as_report(run_directory, error), Terms(), None, output, None)
            raise
        try:
            data, report, terms = _check(
                run_directory, ahead, select or [], ignore or [], fail_on, baseline, write_baseline
            )
        except Exception as error:
            # Programs get their one document whatever happens; people read the message on stderr.
            failure = as_report(run_directory, error)
            if output is not ReportFormat.TEXT or out is not None:
                _deliver(failure, Terms(), None, output, out)
            _annotate(failure, output)
            raise
    _deliver(report, terms, data, output, out)
    _annotate(report, output)
    if out is not None:
        note(as_summary(report, terms))
    if terms.failed(report):
        raise typer.Exit(1)


def _require_places(out: Path | None, write_baseline: Path | None) -> None:
    """Raise UsageError unless each file can be written, without writing over the other."""
    from transforms.errors import UsageError
    from transforms.files import require_writable

    for path in (out, write_baseline):
        if path is not None:
            require_writable(path)
    if out is not None and write_baseline is not None and out.resolve() == write_baseline.resolve():
        raise UsageError(
            f"--output and --write-baseline name one file: {out}", "name two: one would replace the other"
        )


def _check(
    directory: Path,
    ahead: HelperProcess | None,
    select: list[str],
    ignore: list[str],
    fail_on: FailOn,
    baseline: Path | None,
    write_baseline: Path | None,
) -> tuple[RunData, Report, Terms]:
    """The staged run, and the report on it as far as codes and baseline let it count."""
    from contracts.findings import Severity
    from transforms.cli.output import note, progress_bars
    from transforms.errors import RunNotReadable
    from transforms.files import write_atomically
    from transforms.preflight import preflight as check_run
    from transforms.reports.baseline import Baseline, as_baseline, read_baseline
    from transforms.reports.terms import Selection, judge
    from transforms.run import open_run

    selection = Selection.of(select, ignore)
    known = Baseline() if baseline is None else read_baseline(baseline)
    try:
        with progress_bars() as progress:
            data, report = check_run(open_run(directory), progress, ahead=ahead)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunNotReadable(directory, reason, "check the path and its permissions") from error
    if write_baseline is not None:
        selected, _ = judge(report, selection, Baseline(), Severity.ERROR)
        write_atomically(write_baseline, as_baseline(selected.findings))
        note(f"wrote {len(selected.findings)} findings to {write_baseline}")
        known = read_baseline(write_baseline)
    return data, *judge(report, selection, known, Severity(fail_on))


def _deliver(
    report: Report, terms: Terms, data: RunData | None, output: ReportFormat, out: Path | None
) -> None:
    from transforms.cli.output import print_text, write
    from transforms.files import write_atomically
    from transforms.reports import as_text
    from transforms.reports.formats import FORMATS

    if out is not None:
        write_atomically(out, FORMATS[output](report, terms, data))
    elif output is ReportFormat.TEXT:
        print_text(as_text(report, terms, colour=_colour()))
    else:
        write(FORMATS[output](report, terms, data))


def _annotate(report: Report, output: ReportFormat) -> None:
    """In a GitHub workflow, say in the margin of the data what the text says."""
    if output is ReportFormat.TEXT and os.environ.get("GITHUB_ACTIONS") == "true":
        from transforms.cli.output import write
        from transforms.reports.formats import FORMATS
        from transforms.reports.terms import Terms

        write(FORMATS["github"](report, Terms(), None))


def _colour() -> bool:
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and sys.stdout.isatty()
