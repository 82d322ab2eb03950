"""How much tests try whose every example takes long: a little with `make slow`, more with `make soak`."""

from __future__ import annotations

import os

DAMAGES = int(os.environ.get("COMPASS_DAMAGES", "12"))
"""Random changes of a run's files."""
