"""`compass preflight`: check a run without any database."""

from __future__ import annotations

import typer

from transforms.cli.options import Format, OutputFormat, RunDirectory


def preflight(run_directory: RunDirectory, output: OutputFormat = Format.TEXT) -> None:
    """Check a run against the contracts; needs no database."""
    from transforms.cli.output import print_json, print_text, progress_bars
    from transforms.preflight import preflight as check_run
    from transforms.reports import as_json, as_text
    from transforms.run import open_run

    with progress_bars() as progress:
        _, report = check_run(open_run(run_directory), progress)
    if output is Format.JSON:
        print_json(as_json(report))
    else:
        print_text(as_text(report))
    if not report.ok:
        raise typer.Exit(1)
