"""`compass synth` and `compass manifest`: making runs and the compiled manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write <graph>/<run_id> into.")],
    facilities: Annotated[int, typer.Option(min=1, help="Facilities; 20 or more give peer statistics.")] = 24,
    metrics: Annotated[int, typer.Option(min=1, help="Metrics, each with its own nodes.")] = 1,
    months: Annotated[int, typer.Option(min=1, help="Months of the timelines.")] = 12,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    graph: Annotated[str, typer.Option(help="Name of the graph.")] = "synthetic",
    run_id: Annotated[str, typer.Option(help="Run id, 14 digits.")] = "20260301070000",
) -> None:
    """Write a complete, valid, made-up run."""
    from transforms.cli.output import print_text, progress_bars
    from transforms.synth import generate_run

    with progress_bars() as progress, progress.step("Generating"):
        path = generate_run(
            out,
            facilities=facilities,
            metrics=metrics,
            months=months,
            seed=seed,
            graph_name=graph,
            run_id=run_id,
        )
    print_text(str(path))


def manifest(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the manifest is current (exit code 1 if not).")
    ] = False,
) -> None:
    """Rebuild the compiled manifest from the dbt project, or verify it (needs dbt)."""
    import asyncio

    from transforms.cli.output import print_text
    from transforms.compiled.build import check_manifest, write_manifest
    from transforms.compiled.manifest import PROJECT
    from transforms.transpile.compiled import check_translations, write_translations

    if check:
        checked = asyncio.run(check_manifest(PROJECT))
        check_translations(checked, PROJECT)
        print_text("the compiled manifest and its DuckDB SQL are current")
    else:
        written = asyncio.run(write_manifest(PROJECT))
        write_translations(written, PROJECT)
        print_text(f"compiled {len(written.nodes)} nodes")
