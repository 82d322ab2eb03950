"""The schema: from nothing to head, the same by migrations as by models, by several at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

import backend.db.models
from backend.db import migrate
from backend.db.base import Base
from backend.db.session import create_engine
from backend.errors import DatabaseUnavailable, SchemaMismatch
from tests.api.marts import open_connection

# What a schema consists of, as PostgreSQL itself describes it. Columns are compared by name: their
# order differs between the two ways of making a table and means nothing.
CATALOGS = {
    "columns": """
        select table_name, column_name, data_type, udt_name, is_nullable, column_default
        from information_schema.columns
        where table_schema = 'public' and table_name <> 'alembic_version' order by 1, 2
    """,
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'public'::regnamespace and conrelid::regclass::text <> 'alembic_version'
        order by 1, 2
    """,
    "indexes": """
        select tablename, indexname, indexdef from pg_indexes
        where schemaname = 'public' and tablename <> 'alembic_version' order by 1, 2
    """,
}


async def _catalogs(database_url: str) -> dict[str, list[tuple[Any, ...]]]:
    connection = await open_connection(database_url)
    try:
        return {
            name: [tuple(row) for row in await connection.fetch(query)] for name, query in CATALOGS.items()
        }
    finally:
        await connection.close()


async def test_an_empty_database_comes_to_head(fresh_database_url: str) -> None:
    before = await asyncio.to_thread(migrate.status, fresh_database_url)
    assert (before.current, before.head, before.up_to_date) == (None, migrate.head(), False)
    await asyncio.to_thread(migrate.upgrade, fresh_database_url)
    assert await asyncio.to_thread(migrate.current, fresh_database_url) == migrate.head()
    catalogs = await _catalogs(fresh_database_url)
    assert {row[0] for row in catalogs["columns"]} == {
        "runs",
        "users",
        "signals",
        "assignments",
        "activity_events",
        "event_reads",
        "api_keys",
        "data_versions",
        "project_documents",
    }
    await asyncio.to_thread(migrate.upgrade, fresh_database_url)
    assert await _catalogs(fresh_database_url) == catalogs


async def test_models_and_migrations_agree(fresh_database_url: str) -> None:
    await asyncio.to_thread(migrate.upgrade, fresh_database_url)

    def differences(connection: Connection) -> list[Any]:
        # How PostgreSQL prints an index's expression is compared below, with the catalogs.
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_object": lambda item, name, *_: name != "ix_signals_search",
        }
        return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)

    engine = create_engine(fresh_database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    by_migrations = await _catalogs(fresh_database_url)
    # Autogeneration does not look at CHECK constraints: the catalogs do.
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()
    assert await _catalogs(fresh_database_url) == by_migrations
    assert backend.db.models.Signal.metadata is Base.metadata


async def test_several_processes_migrate_at_once(fresh_database_url: str) -> None:
    command = [sys.executable, "-m", "backend.db.migrate", "upgrade"]
    children = [
        subprocess.Popen(
            command,
            env={"DATABASE_URL": fresh_database_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    outcomes = [(child.communicate(timeout=60), child.returncode) for child in children]
    assert [code for _, code in outcomes] == [0, 0, 0], outcomes
    assert await asyncio.to_thread(migrate.current, fresh_database_url) == migrate.head()


async def test_a_revision_of_the_future_is_left_alone(fresh_database_url: str) -> None:
    await asyncio.to_thread(migrate.upgrade, fresh_database_url)
    connection = await open_connection(fresh_database_url)
    await connection.execute("update alembic_version set version_num = '9999'")
    await connection.close()
    with pytest.raises(SchemaMismatch, match="9999"):
        await asyncio.to_thread(migrate.upgrade, fresh_database_url)
    assert await asyncio.to_thread(migrate.current, fresh_database_url) == "9999"


def test_an_unreachable_server_is_said_so() -> None:
    with pytest.raises(DatabaseUnavailable, match="cannot connect"):
        migrate.status("postgresql://nobody@127.0.0.1:1/none")


def test_the_command_says_where_the_schema_is(
    fresh_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    assert migrate.main(["status"]) == 4
    assert "empty" in capsys.readouterr().out
    assert migrate.main(["upgrade"]) == 0
    assert migrate.head() in capsys.readouterr().out
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert migrate.main(["status"]) == 4
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    "statement",
    [
        "insert into runs (run_key, graph_name, run_id, state) values ('g/3', 'g', '3', 'done')",
        "insert into runs (run_key, graph_name, run_id, state) values ('x', 'g', '1', 'built')",
        "update runs set state = 'published'",
        "insert into users (email, name, hashed_password) values ('a', 'b', 'c'), ('a', 'd', 'e')",
        "insert into users (email, name, hashed_password, role) values ('a', 'b', 'c', 'ADMIN')",
        "insert into activity_events (event_type) values ('unheard_of')",
        "insert into assignments (signal_id) values (gen_random_uuid())",
    ],
)
async def test_what_the_schema_refuses(connection: asyncpg.Connection, statement: str) -> None:
    await connection.execute(
        "insert into runs (run_key, graph_name, run_id, state) values"
        " ('g/1', 'g', '1', 'built'), ('g/2', 'g', '2', 'built')"
    )
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await connection.execute(statement)


async def test_updates_are_stamped(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "insert into users (email, name, hashed_password, updated_at)"
        " values ('a', 'b', 'c', '2020-01-01 00:00:00Z')"
    )
    await connection.execute("update users set name = 'd'")
    assert await connection.fetchval("select updated_at > now() - interval '1 minute' from users")
