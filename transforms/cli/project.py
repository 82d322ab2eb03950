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
    corrupt: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Break this rule of the contracts, e.g. QC601, and no other."),
    ] = None,
) -> None:
    """Write a complete, valid, made-up run, or one with a single defect."""
    from transforms.cli.output import note, print_text, progress_bars
    from transforms.synth import generate_run

    corruption = None
    if corrupt is not None:
        from transforms.synth.corruptions.registry import find_corruption, require_size

        corruption = find_corruption(corrupt)
        require_size(facilities, months)
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
    if corruption is not None:
        from transforms.synth.corruptions.registry import corrupt_run, describe

        path, place = corrupt_run(path, corruption)
        note(describe(corruption, place))
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
