"""The sample run that ships with the product, written by `compass synth`."""

from __future__ import annotations

from pathlib import Path

GRAPH_NAME = "synthetic"
RUN_ID = "20260301070000"


def sample_run() -> Path:
    """Directory of the sample run."""
    return Path(__file__).resolve().parents[1] / "contracts" / "sample" / GRAPH_NAME / RUN_ID
