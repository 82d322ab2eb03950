"""Run every model, seed and test of the project with an engine."""

from __future__ import annotations

from transforms.compiled.build import load_verified
from transforms.compiled.manifest import PROJECT
from transforms.engines.base import BuildResult
from transforms.engines.base import Progress as NodeProgress
from transforms.engines.dbt import DbtEngine
from transforms.engines.postgres import PostgresEngine
from transforms.engines.turn import BuildTurn
from transforms.progress import Progress


async def run_models(engine: PostgresEngine | DbtEngine, turn: BuildTurn, progress: Progress) -> BuildResult:
    """Build the runs that count as building, in the caller's ``turn``.

    Raises BuildFailed when a model or test fails, ManifestOutOfDate.
    """
    manifest = load_verified(PROJECT)
    with progress.step(f"Building ({engine.name})", len(manifest.nodes)) as advance:

        def on_node(event: NodeProgress) -> None:
            if event.kind == "finished":
                advance(1)

        result = await engine.build(manifest, on_progress=on_node, turn=turn)
        result.raise_for_problems()
        return result
