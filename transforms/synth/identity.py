"""Name, id and clock of a run, and the paths its documents mention."""

from __future__ import annotations

import re
from dataclasses import dataclass

from transforms.synth.clock import Clock
from transforms.synth.errors import InvalidSynthesis

_GRAPH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_RUN_ID = re.compile(r"[0-9]{14}")
_ROOT_FOLDER = "insight_graph"
"""A folder that may lie above graph folders, and so names no graph."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which run is written."""

    graph_name: str
    run_id: str
    clock: Clock

    @property
    def root(self) -> str:
        """Run directory on the engine's host: a path that exists nowhere else."""
        return f"/data/runs/{self.graph_name}/{self.run_id}"


def identify(graph_name: str, run_id: str) -> Identity:
    """Check and join the names of a run; raises InvalidSynthesis."""
    if not _GRAPH_NAME.fullmatch(graph_name) or graph_name == _ROOT_FOLDER:
        raise InvalidSynthesis(
            "graph_name", graph_name, f"letters, digits, '_', '.' or '-', and not {_ROOT_FOLDER}"
        )
    if not _RUN_ID.fullmatch(run_id):
        raise InvalidSynthesis("run_id", run_id, "14 digits, YYYYMMDDHHMMSS")
    try:
        clock = Clock.of_run(run_id)
    except ValueError as error:
        raise InvalidSynthesis("run_id", run_id, "a date and time, YYYYMMDDHHMMSS") from error
    return Identity(graph_name, run_id, clock)
