"""`compass runs`: the registry."""

from __future__ import annotations

import typer

from transforms.cli.options import Format, OutputFormat, RunName

app = typer.Typer(help="The runs that the database holds.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_runs(output: OutputFormat = Format.TEXT) -> None:
    """List every run with its state, newest first within each graph."""
    import asyncio
    from dataclasses import asdict

    from transforms.cli.output import print_json, print_table, print_text
    from transforms.database import connection, database
    from transforms.lifecycle import registry
    from transforms.schema import prepare

    async def fetch(url: str) -> list[registry.RunRecord]:
        await prepare(url)
        async with connection(url) as opened:
            return await registry.list_runs(opened)

    with database() as url:
        runs = asyncio.run(fetch(url))
    if output is Format.JSON:
        print_json([asdict(run) for run in runs])
    elif not runs:
        print_text("no run is loaded; try: compass ingest DIR")
    else:
        print_table(
            ["RUN", "STATE", "ROWS", "LOADED", "PUBLISHED"],
            [
                [
                    run.run_key,
                    run.state.value,
                    f"{sum(run.row_counts.values()):,}",
                    f"{run.loaded_at:%Y-%m-%d %H:%M}" if run.loaded_at else "-",
                    f"{run.published_at:%Y-%m-%d %H:%M}" if run.published_at else "-",
                ]
                for run in runs
            ],
        )


@app.command("show")
def show_run(run: RunName, output: OutputFormat = Format.TEXT) -> None:
    """Show one run: state, rows of each raw table, seconds of each step, error."""
    import asyncio
    from dataclasses import asdict

    from transforms.cli.output import print_json, print_text
    from transforms.database import connection, database
    from transforms.lifecycle import registry
    from transforms.schema import prepare

    async def fetch(url: str) -> registry.RunRecord:
        await prepare(url)
        async with connection(url) as opened:
            return await registry.find_run(opened, run)

    with database() as url:
        record = asyncio.run(fetch(url))
    if output is Format.JSON:
        print_json(asdict(record))
        return
    for name, value in asdict(record).items():
        if isinstance(value, dict):
            print_text(f"{name}:")
            for key, item in value.items():
                print_text(f"  {key:<28} {item:,}")
        elif value is not None:
            print_text(f"{name + ':':<14} {value}")
