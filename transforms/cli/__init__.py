"""`compass`: the command line. Command modules import what they run only when they run."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; documented errors end with their own exit code and one clear message."""
    from transforms.cli.app import app
    from transforms.cli.failures import report_failure

    try:
        app()
    except Exception as error:
        sys.exit(report_failure(error))
