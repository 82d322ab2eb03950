"""`compass parity`: proof that every engine gives the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from transforms.cli.options import Format, OutputFormat


def parity(
    run_directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Run directories.")],
    without_dbt: Annotated[
        bool, typer.Option("--without-dbt", help="Compare native and DuckDB only; needs no dbt.")
    ] = False,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Build runs with dbt, natively and in DuckDB, and compare every row of every model."""
    import asyncio

    from transforms.cli.output import print_json, print_text, progress_bars
    from transforms.database import database
    from transforms.parity.check import check_parity
    from transforms.preflight import preflight
    from transforms.run import open_run

    opened = [open_run(path) for path in run_directories]
    with database() as url, progress_bars() as progress:
        runs = [(run, preflight(run, progress, rules=False)[0]) for run in opened]
        comparisons = asyncio.run(check_parity(url, runs, progress, with_dbt=not without_dbt))
    if output is Format.JSON:
        print_json([comparison.document() for comparison in comparisons])
    else:
        for comparison in comparisons:
            print_text(comparison.text())
    if not all(comparison.equal for comparison in comparisons):
        raise typer.Exit(1)
