"""`compass serve` and `compass up`: the API, on a configured or an embedded database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Host = Annotated[str, typer.Option(help="Address to bind.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to bind.")]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
) -> None:
    """Serve the API."""
    import asyncio

    from transforms.database import database
    from transforms.schema import prepare
    from transforms.serving import require_free_port, require_safe_binding, run_server

    require_safe_binding(host)
    require_free_port(host, port)
    with database() as url:
        asyncio.run(prepare(url))
        run_server(url, host, port, workers)


def up(
    run: Annotated[
        Path | None, typer.Option("--run", metavar="DIR", help="Run to ingest; default: the sample run.")
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
) -> None:
    """Migrate, ingest a run and serve: everything, in one command."""
    import asyncio

    from transforms.cli.ingest import ingest_summary
    from transforms.cli.output import note, print_text, progress_bars
    from transforms.database import database
    from transforms.lifecycle.ingest import ingest
    from transforms.run import open_run
    from transforms.sample import sample_run
    from transforms.schema import upgrade_schema
    from transforms.serving import require_free_port, require_safe_binding, run_server

    require_safe_binding(host)
    require_free_port(host, port)
    opened = open_run(run if run is not None else sample_run())
    note("Starting PostgreSQL")
    with database() as url:
        asyncio.run(upgrade_schema(url))
        with progress_bars() as progress:
            result = asyncio.run(ingest(url, opened, progress=progress))
        print_text(ingest_summary(result))
        print_text(_welcome(f"http://{host}:{port}"))
        run_server(url, host, port, workers=1)


def _welcome(url: str) -> str:
    return f"""
Quality Compass serves on {url}

Try:
  {url}/docs
  curl '{url}/api/signals?sort_by=priority&limit=3'
  curl '{url}/api/signals/filter-options'

Ctrl-C stops it."""
