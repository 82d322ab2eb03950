"""`compass watch`: bring in the runs that arrive in a folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transforms.cli.ingest import ingest_summary, stoppable
from transforms.cli.options import Format, OutputFormat

if TYPE_CHECKING:
    from transforms.lifecycle.watch import WatchEvent


@stoppable()
def watch(
    runs_root: Annotated[
        Path, typer.Argument(metavar="RUNS_ROOT", help="Folder that runs arrive in, as <graph>/<run_id>.")
    ],
    once: Annotated[bool, typer.Option("--once", help="Bring in what is there, then end.")] = False,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 10.0,
    stable: Annotated[
        float, typer.Option(min=0.0, help="Seconds that no file of a run may change before it is taken.")
    ] = 10.0,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Check, ingest and publish the runs that arrive in a folder; json prints a document a line."""
    import asyncio

    from transforms.cli.output import note
    from transforms.database import database
    from transforms.lifecycle.watch import Watcher
    from transforms.progress import NoProgress
    from transforms.schema import prepare

    failed: list[str] = []

    def tell(event: WatchEvent) -> None:
        if event.kind == "failed":
            failed.append(str(event.run_key))
        _print(event, output)

    with database() as url:
        asyncio.run(prepare(url))
        watcher = Watcher(url, runs_root, stable_seconds=stable, tell=tell, progress=NoProgress())
        if not once:
            note(f"watching {runs_root}; Ctrl-C stops it")
        asyncio.run(watcher.once() if once else watcher.watch(interval))
    if failed:
        raise typer.Exit(1)


def _print(event: WatchEvent, output: Format) -> None:
    from transforms.cli.output import print_json_line, print_text

    at = datetime.now(UTC)
    if output is Format.JSON:
        print_json_line({"at": at.isoformat(), **_document(event)})
    elif event.result is not None:
        print_text(f"{at:%H:%M:%S} {event.kind} {ingest_summary(event.result)}")
    else:
        print_text(f"{at:%H:%M:%S} {event.kind} {event.run_key or event.path}: {event.reason}")


def _document(event: WatchEvent) -> dict[str, object]:
    """The JSON document of an event."""
    document: dict[str, object] = {
        "event": event.kind,
        "run_key": event.run_key,
        "path": str(event.path),
        "reason": event.reason,
    }
    if event.result is not None:
        done = event.result
        document |= {
            "rows": sum(done.row_counts.values()),
            "signals": None if done.hydration is None else done.hydration.as_dict(),
            "durations": done.durations,
        }
    return document
