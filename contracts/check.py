"""Check a staged run against every contract: what parsing found, schemas, then rules."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain

from contracts.findings import Finding
from contracts.rules.registry import CHECKS
from contracts.run_data import RunData
from contracts.schemas import validate
from contracts.tables import RAW_TABLES

CHECKS_AT_ONCE = 2
"""Polars takes all cores for an expression; what one check leaves of them between two is another's."""
_TURN_SECONDS = 0.0005

Check = Callable[[], Iterable[Finding]]


def check_schemas(data: RunData) -> list[Finding]:
    """What parsing found and what breaks the schemas of the raw tables: the least loading needs."""
    return [*data.findings, *_found(data, _schemas(data))]


def check(data: RunData) -> list[Finding]:
    """All findings of ``data``.

    Checks leave out what is already known to be broken, so that one defect is found once.
    """
    return [*data.findings, *_found(data, [*_schemas(data), *_rules(data)])]


def check_rules(data: RunData) -> list[Finding]:
    """What the rules say beyond files that parse and rows that fit the schemas."""
    return _found(data, _rules(data))


def _schemas(data: RunData) -> list[Check]:
    return [partial(validate, table, data.frames[table.name], data.single) for table in RAW_TABLES]


def _rules(data: RunData) -> list[Check]:
    return [partial(check, data) for check in CHECKS]


def _found(data: RunData, checks: Iterable[Check]) -> list[Finding]:
    """Findings of ``checks`` in their order, some of which run at the same time."""

    def run(check: Check) -> list[Finding]:
        found = list(check())
        data.release()
        return found

    # Frames lie on disk where they are many: what two checks make of them must not be in memory together.
    with _taking_turns(), ThreadPoolExecutor(1 if data.on_disk else CHECKS_AT_ONCE) as workers:
        return list(chain.from_iterable(workers.map(run, checks)))


@contextmanager
def _taking_turns() -> Iterator[None]:
    """Let threads wait for the interpreter for a moment only: most of a check is Polars, in short calls."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
