"""A database as an operator has one, and runs to measure with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.measure import PostgresServer
from tests.support.compass import compass
from transforms.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def bench_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """DSN of a migrated database on an embedded server that a module has for itself."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("pg")) as server:
        compass("db", "upgrade", database_url=server.url)
        yield server.url


@pytest.fixture(scope="module")
def postgres(bench_url: str) -> PostgresServer:
    """The processes of that server."""
    return asyncio.run(PostgresServer.behind(bench_url))


@pytest.fixture(scope="module")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a module's runs are made."""
    return tmp_path_factory.mktemp("runs")
