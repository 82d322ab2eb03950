"""Fixtures every test folder shares: a real PostgreSQL and a fresh database per module."""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.support import planted
from tests.support.compass import compass
from tests.support.databases import copy_database, database

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
        yield planted.plant(server.url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test whose own output, that of the application it runs included, shows a password."""
    report = yield
    for name, said in report.sections:
        if planted.PASSWORD in said and report.outcome != "failed":
            report.outcome = "failed"
            report.longrepr = f"{name} shows the password of the database"
    return report


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


@contextmanager
def _fresh_database(server_url: str, template: str | None = None) -> Iterator[str]:
    """DSN of a database, empty or equal to that of ``template``, dropped with the block."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    if template is None:
        _execute(server_url, f'create database "{name}"')
    else:
        asyncio.run(copy_database(template, name))
    yield database(server_url, name)
    _execute(server_url, f'drop database "{name}" with (force)')


@pytest.fixture(scope="module")
def database_url(server_url: str) -> Iterator[str]:
    """Async DSN (``postgresql+asyncpg://``) of an empty database, dropped after the module."""
    with _fresh_database(server_url) as url:
        yield url


@pytest.fixture
def fresh_database_url(server_url: str) -> Iterator[str]:
    """As ``database_url``, but one database a test."""
    with _fresh_database(server_url) as url:
        yield url


# Migrating takes a second and ingesting several: both are done once, and copied.


@pytest.fixture(scope="session")
def migrated_template(server_url: str) -> Iterator[str]:
    """What migrated databases are copied from; nobody connects to it."""
    with _fresh_database(server_url) as url:
        compass("db", "upgrade", database_url=url)
        yield url


@pytest.fixture(scope="session")
def ingested_template(server_url: str, migrated_template: str) -> Iterator[str]:
    """What databases with the sample run are copied from; nobody connects to it."""
    from transforms.sample import sample_run

    with _fresh_database(server_url, migrated_template) as url:
        compass("ingest", str(sample_run()), database_url=url)
        yield url


@pytest.fixture(scope="module")
def migrated_url(server_url: str, migrated_template: str) -> Iterator[str]:
    """DSN of a database at the schema that this version needs, dropped after the module."""
    with _fresh_database(server_url, migrated_template) as url:
        yield url


@pytest.fixture
def fresh_migrated_url(server_url: str, migrated_template: str) -> Iterator[str]:
    """As ``migrated_url``, but one database a test."""
    with _fresh_database(server_url, migrated_template) as url:
        yield url


@pytest.fixture(scope="module")
def ingested_url(server_url: str, ingested_template: str) -> Iterator[str]:
    """DSN of a database with the sample run published, dropped after the module."""
    with _fresh_database(server_url, ingested_template) as url:
        yield url


@pytest.fixture
def fresh_ingested_url(server_url: str, ingested_template: str) -> Iterator[str]:
    """As ``ingested_url``, but one database a test."""
    with _fresh_database(server_url, ingested_template) as url:
        yield url
