"""Made-up runs: complete, valid and the same for the same arguments."""

from __future__ import annotations

from transforms.synth.errors import InvalidSynthesis, RunAlreadyExists
from transforms.synth.generator import generate_run

__all__ = ["InvalidSynthesis", "RunAlreadyExists", "generate_run"]
