"""`compass preview`: marts of a run on a laptop, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transforms.cli.options import Format, OutputFormat, RunDirectory

if TYPE_CHECKING:
    import polars as pl

_PUBLISHED = "published"


def preview(
    run_directory: RunDirectory,
    sql: Annotated[
        str | None, typer.Option(help="Query the marts, e.g. 'select * from fct_signals limit 5'.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each mart as Parquet into this folder.")
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|published",
            help="Another run, or the published one: show signals added, removed and changed since.",
        ),
    ] = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Build the marts of a run in DuckDB, in memory: no PostgreSQL, no dbt."""
    from contextlib import closing

    from transforms.cli.output import note, print_frame, print_json, print_text, progress_bars
    from transforms.errors import UsageError
    from transforms.preview import Preview
    from transforms.run import open_run
    from transforms.signal_diff import compare

    if sql is not None and diff is not None:
        raise UsageError("--sql and --diff are two results of one command", "ask for one of them")
    run = open_run(run_directory)
    other = None if diff is None or diff == _PUBLISHED else open_run(Path(diff))
    with progress_bars() as progress, closing(Preview(run, progress)) as built:
        if export is not None:
            for path in built.export(export):
                note(f"wrote {path}")
        if sql is not None:
            _print_rows(built.query(sql), output)
            return
        if diff is not None:
            signals = built.signals()
            if other is None:
                difference = compare(_published(run.graph_name, signals), signals)
            else:
                with closing(Preview(other, progress)) as earlier:
                    difference = compare(earlier.signals(), signals)
            if output is Format.JSON:
                print_json(difference.document())
            else:
                print_text(difference.text())
            return
        counts, types, top = built.row_counts(), built.signal_types(), built.top_signals()
        seconds = built.build.elapsed
    if output is Format.JSON:
        print_json(
            {
                "run_key": built.run_key,
                "seconds": round(seconds, 3),
                "rows": counts,
                "signal_types": types.to_dicts(),
                "top_signals": top.to_dicts(),
            }
        )
        return
    print_text(f"{built.run_key}: marts built in {seconds:.2f} s\n")
    for name, rows in sorted(counts.items()):
        print_text(f"{name:<28} {rows:>9,}")
    print_text("")
    print_frame(types)
    print_text("")
    print_frame(top)


def _published(graph_name: str, like: pl.DataFrame) -> pl.DataFrame:
    import asyncio

    from transforms.database import connection, database
    from transforms.schema import prepare
    from transforms.signal_diff import published_signals

    async def fetch(url: str) -> pl.DataFrame:
        await prepare(url)
        async with connection(url) as opened:
            return await published_signals(opened, graph_name, like.schema)

    with database() as url:
        return asyncio.run(fetch(url))


def _print_rows(rows: pl.DataFrame, output: Format) -> None:
    from transforms.cli.output import print_frame, print_json

    if output is Format.JSON:
        print_json(rows.to_dicts())
    else:
        print_frame(rows)
