"""`compass`: the command line. Command modules import what they run only when they run."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn

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


def run() -> NoReturn:
    """`main` as a process of its own, which ends without giving back what it holds.

    The system takes that all the same: frames of a large run, one by one, cost as much as many a rule.
    """
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    else:
        code = 0
    # Threads that still run are waited for, and what cannot be said any more is told of, by Python.
    if isinstance(code, int) and threading.active_count() == 1:
        atexit._run_exitfuncs()
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    sys.exit(code)


def _terminate(number: int, frame: FrameType | None) -> None:
    """End as an exception does, so that transactions roll back and an embedded server is stopped."""
    sys.exit(_TERMINATED)
