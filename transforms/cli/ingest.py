"""`compass ingest`, and its steps one by one: load, build, publish, hydrate."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from transforms.cli.options import (
    Engine,
    EngineOption,
    Format,
    IngestEngine,
    IngestEngineOption,
    OutputFormat,
    RunDirectory,
    RunName,
)

if TYPE_CHECKING:
    from backend.services.signal_hydrator import HydrationResult
    from transforms.lifecycle.ingest import IngestResult
    from transforms.lifecycle.lock import OnBusy

_INTERRUPTED = 128 + signal.SIGINT

Force = Annotated[bool, typer.Option("--force", help="Do everything again, even for an unchanged run.")]
SkipPreflight = Annotated[
    bool, typer.Option("--skip-preflight", help="Check schemas only, not the rules across rows.")
]

NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Fail at once when another command works on the run.")
]


def on_busy(no_wait: bool) -> OnBusy:
    """What to do about a run that another command works on: wait and say so, or fail."""
    from transforms.cli.output import note
    from transforms.lifecycle.lock import refuse

    if no_wait:
        return refuse
    return lambda run_key: note(f"another command is working on {run_key}; waiting for it to finish")


@contextmanager
def stoppable() -> Iterator[None]:
    """End with one line and the shell's code for Ctrl-C when the user presses it."""
    from transforms.cli.output import note

    try:
        yield
    except KeyboardInterrupt:
        note("interrupted; nothing is left half done, see `compass runs list`")
        raise typer.Exit(_INTERRUPTED) from None


@stoppable()
def ingest(
    run_directory: RunDirectory,
    force: Force = False,
    skip_preflight: SkipPreflight = False,
    no_publish: Annotated[bool, typer.Option("--no-publish", help="Stop after the build.")] = False,
    engine: IngestEngine = IngestEngineOption.NATIVE,
    no_wait: NoWait = False,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Bring a run from its directory to served signals: preflight, load, build, publish."""
    import asyncio

    from transforms.cli.output import note, print_json, print_text, progress_bars
    from transforms.database import database
    from transforms.lifecycle.ingest import ingest as ingest_run
    from transforms.run import open_run
    from transforms.schema import prepare

    run = open_run(run_directory)
    with database() as url, progress_bars() as progress:
        asyncio.run(prepare(url))
        result = asyncio.run(
            ingest_run(
                url,
                run,
                progress=progress,
                force=force,
                skip_preflight=skip_preflight,
                publish_after=not no_publish,
                engine=engine.value,
                on_busy=on_busy(no_wait),
            )
        )
    for remark in result.notes:
        note(remark)
    if output is Format.JSON:
        print_json(ingest_document(result))
    else:
        print_text(ingest_summary(result))


def ingest_document(result: IngestResult) -> dict[str, object]:
    """The JSON document of an ingest."""
    from transforms.reports import as_json

    return {
        "run_key": result.run_key,
        "unchanged": result.unchanged,
        "rows": result.row_counts,
        "signals": None if result.hydration is None else result.hydration.as_dict(),
        "durations": result.durations,
        "preflight": None if result.report is None else as_json(result.report),
    }


def ingest_summary(result: IngestResult) -> str:
    """What an ingest did, in one line or two."""
    if result.unchanged:
        return f"{result.run_key} is unchanged and published; nothing to do"
    rows = sum(result.row_counts.values())
    steps = ", ".join(f"{step} {seconds:.2f} s" for step, seconds in result.durations.items())
    signals = ""
    if result.hydration is not None:
        done = result.hydration
        signals = (
            f"; {done.processed:,} signals: {done.created:,} new, {done.updated:,} updated, "
            f"{done.unchanged:,} unchanged, {done.deactivated:,} gone, {done.skipped:,} skipped"
        )
    return f"{result.run_key}: {rows:,} rows{signals}\n{steps}"


@stoppable()
def load(
    run_directory: RunDirectory,
    skip_preflight: SkipPreflight = False,
    no_wait: NoWait = False,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Check a run and COPY it into the raw tables, replacing an earlier load of it."""
    import asyncio

    from transforms.cli.output import print_json, print_text, progress_bars
    from transforms.database import database
    from transforms.lifecycle.ingest import load_only
    from transforms.run import open_run
    from transforms.schema import prepare

    run = open_run(run_directory)
    with database() as url, progress_bars() as progress:
        asyncio.run(prepare(url))
        result = asyncio.run(
            load_only(url, run, progress=progress, skip_preflight=skip_preflight, on_busy=on_busy(no_wait))
        )
    if output is Format.JSON:
        print_json(ingest_document(result))
    else:
        print_text(ingest_summary(result))


@stoppable()
def build(
    engine: Engine = EngineOption.NATIVE,
    run: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="ID", help="Runs to build; default: every loaded run not built yet."),
    ] = None,
    no_wait: NoWait = False,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Build the marts of loaded runs; a published run is published again with them."""
    import asyncio

    from transforms.cli.output import print_json, print_text, progress_bars
    from transforms.database import database
    from transforms.lifecycle.build import build_named
    from transforms.schema import prepare

    with database() as url, progress_bars() as progress:
        asyncio.run(prepare(url))
        run_keys, builds = asyncio.run(
            build_named(url, run or [], engine=engine.value, progress=progress, on_busy=on_busy(no_wait))
        )
    seconds = sum(each.elapsed for each in builds)
    nodes = [result for each in builds for result in each.results]
    if output is Format.JSON:
        print_json(
            {
                "run_keys": run_keys,
                "engine": engine.value,
                "seconds": round(seconds, 3),
                "nodes": [
                    {"name": node.node.name, "status": node.status.value, "seconds": node.execution_time}
                    for node in nodes
                ],
            }
        )
    elif not builds:
        print_text("nothing to build: no run is loaded and not built yet")
    else:
        names = ", ".join(run_keys)
        print_text(f"built {names}: {len(nodes)} models, seeds and tests in {seconds:.2f} s")


@stoppable()
def publish(run: RunName, no_wait: NoWait = False, output: OutputFormat = Format.TEXT) -> None:
    """Make a built run the one its graph serves."""
    import asyncio

    from transforms.cli.output import progress_bars
    from transforms.database import database
    from transforms.lifecycle.publish import publish_named
    from transforms.schema import prepare

    with database() as url, progress_bars() as progress:
        asyncio.run(prepare(url))
        run_key, hydration = asyncio.run(publish_named(url, run, progress, on_busy(no_wait)))
    _print_published(run_key, hydration, output)


@stoppable()
def rollback(
    graph: Annotated[
        str | None, typer.Option("--graph", metavar="NAME", help="Needed when several graphs have runs.")
    ] = None,
    no_wait: NoWait = False,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Publish the run again that was published before; doing so twice undoes it."""
    import asyncio

    from transforms.cli.output import progress_bars
    from transforms.database import database
    from transforms.lifecycle.rollback import rollback as roll_back
    from transforms.schema import prepare

    with database() as url, progress_bars() as progress:
        asyncio.run(prepare(url))
        run_key, hydration = asyncio.run(roll_back(url, graph, progress, on_busy(no_wait)))
    _print_published(run_key, hydration, output)


def _print_published(run_key: str, hydration: HydrationResult, output: Format) -> None:
    from transforms.cli.output import print_json, print_text

    if output is Format.JSON:
        print_json({"run_key": run_key, "signals": hydration.as_dict()})
    else:
        print_text(f"published {run_key}: {hydration.processed:,} signals")


@stoppable()
def hydrate(
    run: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="Default: every published run.")
    ] = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Copy signals of published runs from the marts again."""
    import asyncio

    from transforms.cli.output import print_json, print_text, progress_bars
    from transforms.database import database
    from transforms.lifecycle.publish import hydrate_named
    from transforms.schema import prepare

    with database() as url, progress_bars() as progress:
        asyncio.run(prepare(url))
        hydrated = asyncio.run(hydrate_named(url, run, progress))
    if output is Format.JSON:
        print_json([{"run_key": key, "signals": result.as_dict()} for key, result in hydrated])
    for run_key, result in hydrated if output is Format.TEXT else ():
        print_text(f"{run_key}: {result.processed:,} signals, {result.updated:,} updated")
