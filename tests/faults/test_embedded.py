"""The embedded server after a crash of one of its processes: it recovers, and stops as always."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from transforms.database import connection
from transforms.embedded import EmbeddedPostgres
from transforms.errors import DatabaseUnavailable

pytestmark = pytest.mark.slow


async def _lose_the_connection(database_url: str) -> None:
    async with connection(database_url) as opened:
        # Something to recover.
        await opened.execute("create table written as select generate_series(1, 500000) as number")
        os.kill(await opened.fetchval("select pg_backend_pid()"), signal.SIGKILL)
        await opened.execute("select pg_sleep(10)")


def test_a_command_whose_backend_was_killed_ends_soon() -> None:
    with tempfile.TemporaryDirectory(prefix="compass-pg-") as folder:
        started = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="was lost"), EmbeddedPostgres(Path(folder)) as server:
            asyncio.run(_lose_the_connection(server.url))
        assert time.monotonic() - started < 30
        _starts_again(folder)


def test_a_server_told_to_stop_before_it_has_recovered_ends_soon() -> None:
    with tempfile.TemporaryDirectory(prefix="compass-pg-") as folder:
        server = EmbeddedPostgres(Path(folder))
        server.start()
        with pytest.raises(DatabaseUnavailable, match="was lost"):
            asyncio.run(_lose_the_connection(server.url))
        started = time.monotonic()
        server.stop(at_once=True)
        assert time.monotonic() - started < 30
        _starts_again(folder)


def _starts_again(folder: str) -> None:
    with EmbeddedPostgres(Path(folder)) as server:
        assert server.url
