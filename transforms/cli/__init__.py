"""`compass`: the command line. Command modules import what they run only when they run."""

from __future__ import annotations

import signal
import sys
from types import FrameType

_TERMINATED = 128 + signal.SIGTERM


def main() -> None:
    """Run the command line; documented errors end with their own exit code and one clear message."""
    from transforms.cli.app import app
    from transforms.cli.failures import report_failure

    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except Exception as error:
        sys.exit(report_failure(error))


def _terminate(number: int, frame: FrameType | None) -> None:
    """End as an exception does, so that transactions roll back and an embedded server is stopped."""
    sys.exit(_TERMINATED)
