"""Soak the service for COMPASS_SOAK_SECONDS (default 900), print what came of it; 1 if anything is wrong."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.soak.report import as_table
from tests.soak.soak import soak

if __name__ == "__main__":
    seconds = float(os.environ.get("COMPASS_SOAK_SECONDS", "900"))
    with tempfile.TemporaryDirectory(prefix="compass-soak-") as folder:
        verdicts = soak(Path(folder), seconds)
    Console().print(as_table(verdicts, seconds))
    sys.exit(not all(verdict.good for verdict in verdicts))
