"""`compass runs`: the registry."""

from __future__ import annotations

from typing import Annotated

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
            await registry.fail_interrupted(opened)
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
    """Show one run: state, error, rows of each raw table, seconds of each step, findings, and who."""
    import asyncio
    from dataclasses import asdict

    from transforms.cli.output import print_json, print_text
    from transforms.database import connection, database
    from transforms.lifecycle import registry
    from transforms.schema import prepare

    async def fetch(url: str) -> registry.RunRecord:
        await prepare(url)
        async with connection(url) as opened:
            await registry.fail_interrupted(opened)
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
            print_text(f"{name + ':':<16} {value}")


@app.command("diff")
def diff_runs(
    before: Annotated[str, typer.Argument(metavar="A", help="The run to compare with.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The run to compare.")],
    output: OutputFormat = Format.TEXT,
) -> None:
    """Show the signals that run B added, removed and changed against run A."""
    import asyncio

    from transforms.cli.output import print_json, print_text
    from transforms.database import database
    from transforms.lifecycle import diff
    from transforms.schema import prepare

    with database() as url:
        asyncio.run(prepare(url))
        first, second, difference = asyncio.run(diff.diff_runs(url, before, after))
    if output is Format.JSON:
        print_json({"before": first, "after": second, **difference.document()})
    else:
        print_text(f"{first} -> {second}: {difference.text()}")


@app.command("prune")
def prune_runs(
    keep: Annotated[int, typer.Option("--keep", min=0, metavar="N", help="Runs to keep besides.")],
    graph: Annotated[
        str | None, typer.Option("--graph", metavar="NAME", help="Only runs of this graph.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Delete the rows of old runs: each graph keeps its published run and the N newest others."""
    import asyncio

    from transforms.cli.output import note, print_json, print_text
    from transforms.database import database
    from transforms.lifecycle.prune import prune
    from transforms.schema import prepare

    with database() as url:
        asyncio.run(prepare(url))
        result = asyncio.run(prune(url, keep, graph, dry_run=dry_run))
    for run_key in result.busy:
        note(f"left {run_key}: another command is working on it")
    if output is Format.JSON:
        print_json({"dry_run": dry_run, "pruned": result.pruned, "busy": result.busy})
        return
    for run_key in result.pruned:
        print_text(f"{'would delete' if dry_run else 'deleted'} {run_key}")
    if not result.pruned:
        print_text("nothing to delete")
