"""Whatever preflight accepts is loaded, built and published, and comes out as it was read."""

from __future__ import annotations

import asyncio
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.findings import Severity
from contracts.run_data import RunData
from contracts.tables import RAW_TABLES
from tests.support.lifecycle import assert_consistent
from tests.support.manifests import connected
from tests.support.run_copies import RunCopy
from tests.support.thoroughness import DAMAGES
from transforms.lifecycle.ingest import ingest
from transforms.preflight import preflight
from transforms.progress import NoProgress
from transforms.run import open_run
from transforms.synth import generate_run
from transforms.synth.corruptions.artifacts import (
    CLASSIFICATIONS,
    CONTRIBUTIONS,
    FACETED_AGGREGATE,
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
    SUMMARY,
)

pytestmark = pytest.mark.slow

FEWEST_ACCEPTED = DAMAGES // 5
"""Enough that the test says something of what is accepted."""

FILES = (
    FACILITY_AGGREGATE,
    FACILITY_MONTHLY,
    FACETED_AGGREGATE,
    CLASSIFICATIONS,
    CONTRIBUTIONS,
    SUMMARY,
    "metadata_bundle.json",
    "modeling/experiments.json",
)
_NUMBER = re.compile(rb"(?<=:)-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_TEXT = re.compile(rb'(?<=:")[^"\n]{1,60}(?=")')
NUMBERS = (
    b"-0.0",
    b"5e-324",
    b"1.7976931348623157e308",
    b"9007199254740993",
    b"18446744073709551616",
    b"1e30",
)
TEXTS = (
    "日本 \U0001f600 ß",
    r"line\nand\ttab",
    r"\u2028\u0001\ud83d\ude00",
    r"a \"quoted\" \\ text",
    "'; drop table signals; --",
    r"\\N",
    "{}",
    " ",
)


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, int, bytes | None, bytes | None]:
    """A file, a place in it (out of 10,000), and a number or text to put there; neither: a line twice."""
    return (
        draw(st.sampled_from(FILES)),
        draw(st.integers(0, 9_999)),
        *draw(
            st.one_of(
                st.tuples(st.sampled_from(NUMBERS), st.none()),
                st.tuples(st.none(), st.sampled_from([text.encode() for text in TEXTS])),
                st.just((None, None)),
            )
        ),
    )


def changed(content: bytes, place: int, number: bytes | None, text: bytes | None) -> bytes:
    """The content with one value replaced, or with one line repeated at its end."""
    position = place * len(content) // 10_000
    pattern, token = (_NUMBER, number) if number is not None else (_TEXT, text)
    if token is None:
        lines = content.splitlines(keepends=True)
        return content + lines[place * len(lines) // 10_000]
    match = pattern.search(content, position) or pattern.search(content)
    return content if match is None else content[: match.start()] + token + content[match.end() :]


def as_read(data: RunData) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of each raw table as staging made them."""
    return {table.name: _ordered(data.frames[table.name].rows()) for table in RAW_TABLES}


async def as_loaded(database_url: str, run_key: str) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of each raw table as PostgreSQL holds them."""
    rows = {}
    async with connected(database_url) as connection:
        for table in RAW_TABLES:
            columns = ", ".join(f'"{name}"' for name in table.column_names)
            query = f"select {columns} from public.{table.name} where run_key = $1"
            rows[table.name] = _ordered([tuple(row) for row in await connection.fetch(query, run_key)])
    return rows


def _ordered(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted((tuple(map(_exact, row)) for row in rows), key=repr)


def _exact(value: Any) -> Any:
    """``value``, a zero told from a negative zero."""
    return "-0.0" if value == 0 and isinstance(value, float) and math.copysign(1, value) < 0 else value


async def _brought_in(database_url: str, run: RunCopy) -> None:
    opened = open_run(run.path)
    await ingest(database_url, opened, progress=NoProgress(), force=True)
    data, _ = preflight(opened, NoProgress(), rules=False)
    assert await as_loaded(database_url, opened.run_key) == as_read(data)
    await assert_consistent(database_url)


@pytest.mark.timeout(600)
def test_what_is_accepted_comes_out_equal(tmp_path: Path, fresh_migrated_url: str) -> None:
    """Values are replaced in random places of real lines; many of these runs preflight refuses."""
    run = RunCopy(generate_run(tmp_path, facilities=6, seed=1))
    accepted = 0

    @settings(
        max_examples=DAMAGES,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(change=changes())
    def check(change: tuple[str, int, bytes | None, bytes | None]) -> None:
        nonlocal accepted
        relative, place, number, text = change
        before = run.read(relative)
        run.write(relative, changed(before, place, number, text))
        try:
            _, report = preflight(open_run(run.path), NoProgress())
            if all(finding.severity is not Severity.ERROR for finding in report.findings):
                asyncio.run(_brought_in(fresh_migrated_url, run))
                accepted += 1
        finally:
            run.write(relative, before)

    check()
    assert accepted >= FEWEST_ACCEPTED
