"""`compass`: the command line. Command modules import what they run only when they run."""

from __future__ import annotations

import signal
import sys
from types import FrameType

_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM


def main() -> None:
    """Run the command line; documented errors end with their own exit code and one clear message."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        from transforms.cli.app import app

        app()
    except KeyboardInterrupt:
        # Before the command began: from then on it says itself what the interruption means.
        sys.exit(_INTERRUPTED)
    except Exception as error:
        from transforms.cli.failures import report_failure

        sys.exit(report_failure(error))


def _terminate(number: int, frame: FrameType | None) -> None:
    """End as an exception does, so that transactions roll back and an embedded server is stopped."""
    sys.exit(_TERMINATED)
