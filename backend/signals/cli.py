"""``python -m backend.signals.cli hydrate|count``: signals from the command line.

One JSON document on stdout; exit code 0, 1 (failed), 2 (wrong use) or 4 (database).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from backend.config import SETTINGS_HINT, get_settings, wrong_settings
from backend.db.schema_status import status_on
from backend.db.session import begin, connect, create_engine
from backend.errors import DomainError, NothingPublished
from backend.services.runs import find_run_key, published_runs
from backend.services.signal_hydrator import HydrationResult, count_signals, hydrate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = _parser().parse_args(arguments)
    work = _hydrate(options) if options.command == "hydrate" else _count(options)
    try:
        document = asyncio.run(work)
    except DomainError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except ValidationError as error:
        sys.stderr.write(f"error: {wrong_settings(error)} ({SETTINGS_HINT})\n")
        return 2
    print(json.dumps(document))
    return 0


async def _hydrate(options: argparse.Namespace) -> dict[str, int]:
    engine = create_engine(get_settings().DATABASE_URL)
    try:
        async with begin(engine) as connection:
            (await status_on(connection)).require()
            if options.run_id is not None:
                run_keys = [await find_run_key(connection, options.run_id)]
            else:
                run_keys = [run.run_key for run in await published_runs(connection)]
            if not run_keys:
                raise NothingPublished
            total = HydrationResult()
            for run_key in run_keys:
                total += await hydrate(
                    connection, run_key, facility_ids=options.facility_id, limit=options.limit
                )
            return total.as_dict()
    finally:
        await engine.dispose()


async def _count(options: argparse.Namespace) -> dict[str, int]:
    engine = create_engine(get_settings().DATABASE_URL)
    try:
        async with connect(engine) as connection:
            (await status_on(connection)).require()
            return {"count": await count_signals(connection, options.facility_id)}
    finally:
        await engine.dispose()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m backend.signals.cli", description="Signals in the database of DATABASE_URL."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    hydrating = commands.add_parser("hydrate", help="copy signals of published runs from the marts")
    hydrating.add_argument(
        "--run-id", metavar="ID", help="run id or <graph>/<run_id>; default: the published run of each graph"
    )
    hydrating.add_argument(
        "--facility-id", metavar="ID", action="append", help="this facility only; may be repeated"
    )
    hydrating.add_argument(
        "--limit", metavar="N", type=_positive, help="the N most severe signals of each run only"
    )
    counting = commands.add_parser("count", help="count active signals")
    counting.add_argument("--facility-id", metavar="ID", help="of this facility only")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
