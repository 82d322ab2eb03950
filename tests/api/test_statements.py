"""How many statements a GET sends to the database."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import event

from backend.config import Settings
from backend.main import create_app
from tests.api import furnished, hostile
from tests.api.conftest import running

MOST = 3

# What tells whether a kept answer still stands is asked before any handler.
_ASIDE = re.compile(r"SELECT data_versions\.scope\b")

READING = [
    operation
    for operation in hostile.operations(create_app(Settings(_env_file=None)).openapi())
    if not operation.writes
]


@pytest.fixture(scope="module")
def known(ingested_url: str) -> dict[str, str]:
    """Values that parameters can have, in a database with the sample run."""
    return furnished.furnish(ingested_url)


async def test_no_read_needs_more_than_three(known: dict[str, str], ingested_url: str) -> None:
    """Not even the first one, that fills what a worker keeps in memory."""
    app = create_app(Settings(_env_file=None, DATABASE_URL=ingested_url, RESPONSE_CACHE_BYTES=0))
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if not _ASIDE.search(statement):
            seen.append(statement)

    async with running(app) as client:
        event.listen(app.state.engine.sync_engine, "before_cursor_execute", note)
        counted = {}
        for operation in READING:
            seen.clear()
            answer = await client.get(hostile.url(operation, known, {}))
            assert answer.status_code == 200, (operation.name, answer.text)
            counted[operation.name] = list(seen)
    assert {name: said for name, said in counted.items() if len(said) > MOST} == {}
    # The listener does see what they send.
    assert counted["list_signals"]
    assert sum(bool(said) for said in counted.values()) > len(READING) / 2
