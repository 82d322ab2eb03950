"""Fixtures every test folder shares: a real PostgreSQL and a fresh database per module."""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Folder with reference runs that are not part of the repository; skips where it is absent."""
    folder = Path(os.environ.get("COMPASS_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "runs").is_dir():
        pytest.skip("reference runs are not on this machine")
    return folder


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """DSN of a running PostgreSQL: that of DATABASE_URL, or an embedded one for this session."""
    configured = os.environ.get("DATABASE_URL")
    if configured:
        yield configured
        return
    from transforms.embedded import EmbeddedPostgres

    # Not below pytest's own folder: that one is long for a socket, and other sessions clear it.
    with (
        tempfile.TemporaryDirectory(prefix="compass-pg-") as folder,
        EmbeddedPostgres(Path(folder)) as server,
    ):
        # Nothing here has to outlive the machine; a killed server keeps what the system was given.
        # Commits are synchronous all the same: vacuum finds no page all-visible before their record is out.
        for setting in ("fsync", "full_page_writes"):
            _execute(server.url, f"alter system set {setting} = off")
        _execute(server.url, "select pg_reload_conf()")
        yield server.url


def _with_database(url: str, database: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).set(database=database).render_as_string(hide_password=False)


def _plain(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


def _execute(url: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(_plain(url))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def _fresh_database(server_url: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    _execute(server_url, f'create database "{name}"')
    yield _with_database(server_url, name)
    _execute(server_url, f'drop database "{name}" with (force)')


@pytest.fixture(scope="module")
def database_url(server_url: str) -> Iterator[str]:
    """Async DSN (``postgresql+asyncpg://``) of an empty database, dropped after the module."""
    yield from _fresh_database(server_url)


@pytest.fixture
def fresh_database_url(server_url: str) -> Iterator[str]:
    """As ``database_url``, but one database a test."""
    yield from _fresh_database(server_url)
