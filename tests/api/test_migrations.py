"""The schema: from nothing to head, the same by migrations as by models, by several at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import backend.db.models
from backend.db import migrate
from backend.db.base import Base
from backend.db.revision import HEAD
from backend.db.session import create_engine
from backend.errors import DatabaseUnavailable, SchemaMismatch
from tests.api.marts import open_connection
from tests.support.compass import compass, free_port

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
    "triggers": """
        select tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) from pg_trigger
        where not tgisinternal and tgrelid::regclass::text not like '%.%' order by 1, 2
    """,
    "functions": """
        select proname, pg_get_functiondef(oid) from pg_proc
        where pronamespace = 'public'::regnamespace order by 1
    """,
}

# A row in each table that a revision adds, as the schema was then.
ROWS = {
    "0001": """
        insert into runs (run_key, graph_name, run_id, state) values ('g/1', 'g', '1', 'published');
        insert into users (email, name, hashed_password) values ('a@example.org', 'Ann', '!');
        insert into signals (id, entity_key, graph_name, run_key, run_id, canonical_node_id, metric_id,
            domain, facility, service_line, description, metric_value, technical_details)
        values (gen_random_uuid(), 'e', 'g', 'g/1', '1', 'n', 'm', 'Other', 'F', 'S', 'd', 1, '{"slope": 1}');
        insert into assignments (signal_id, assignee_id, status) select s.id, u.id, 'assigned'
            from signals as s, users as u;
        insert into activity_events (event_type, signal_id) select 'comment', s.id from signals as s
    """,
    "0002": """
        insert into event_reads (user_id, event_id) select u.id, e.id from users as u, activity_events as e;
        insert into api_keys (user_id, name, prefix, key_hash) select id, 'k', 'p', 'h' from users;
        insert into project_documents (name, content, checksum) values ('n', 'c', 's')
    """,
    "0005": "insert into hydrations (graph_name, run_key, state) values ('g', 'g/1', 's')",
}


async def _counts(database_url: str) -> dict[str, int]:
    """Rows of every table of the application."""
    connection = await open_connection(database_url)
    try:
        tables = await connection.fetch(
            "select tablename from pg_tables where schemaname = 'public' order by 1"
        )
        return {
            table: await connection.fetchval(f'select count(*) from "{table}"')
            for (table,) in tables
            if table != "alembic_version"
        }
    finally:
        await connection.close()


async def _fill(database_url: str, revision: str) -> None:
    connection = await open_connection(database_url)
    try:
        await connection.execute(ROWS.get(revision, "select"))
    finally:
        await connection.close()


def _step(database_url: str, direction: Callable[[Config, str], None], revision: str) -> None:
    """One step of Alembic, up or down, as an operator takes it."""

    def move(connection: Connection) -> None:
        direction(migrate.config(connection), revision)
        connection.commit()

    async def go() -> None:
        engine = create_engine(database_url)
        async with engine.connect() as connection:
            await connection.run_sync(move)
        await engine.dispose()

    asyncio.run(go())


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
    assert (before.current, before.head, before.up_to_date) == (None, HEAD, False)
    await asyncio.to_thread(migrate.upgrade, fresh_database_url)
    assert (await asyncio.to_thread(migrate.status, fresh_database_url)).current == HEAD
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
        "hydrations",
        "project_documents",
    }
    await asyncio.to_thread(migrate.upgrade, fresh_database_url)
    assert await _catalogs(fresh_database_url) == catalogs


@pytest.mark.parametrize("full", [False, True], ids=["empty", "populated"])
async def test_every_revision_goes_up_and_one_step_down(fresh_database_url: str, full: bool) -> None:
    """Each is applied, taken back and applied again; nothing is lost, and the schema is what it was."""
    url = fresh_database_url
    revisions = [script.revision for script in _scripts().walk_revisions()][::-1]
    assert revisions[-1] == HEAD
    for revision in revisions:
        before, rows = await _catalogs(url), await _counts(url)
        await asyncio.to_thread(_step, url, command.upgrade, revision)
        after, kept = await _catalogs(url), await _counts(url)
        assert {table: kept[table] for table in rows} == rows
        await asyncio.to_thread(_step, url, command.downgrade, "-1")
        assert (await _catalogs(url), await _counts(url)) == (before, rows), f"{revision} taken back"
        await asyncio.to_thread(_step, url, command.upgrade, revision)
        assert await _catalogs(url) == after, f"{revision} applied again"
        if full:
            await _fill(url, revision)
    filled = await _counts(url)
    # Versions of data are rows of the schema itself.
    assert all(filled.values()) is full, filled
    # And all the way back from there, one by one.
    for _ in revisions:
        await asyncio.to_thread(_step, url, command.downgrade, "-1")
    assert await _counts(url) == {}
    assert not any((await _catalogs(url)).values())


@pytest.mark.slow
def test_the_server_refuses_a_schema_it_does_not_know(fresh_database_url: str) -> None:
    """Behind or ahead: it ends at once with code 4, and says what to do."""

    def refused() -> str:
        ended = compass("serve", "--port", str(free_port()), database_url=fresh_database_url, check=False)
        assert ended.code == 4, ended
        return ended.stderr

    first = [script.revision for script in _scripts().walk_revisions()][-1]
    _step(fresh_database_url, command.upgrade, first)
    said = refused()
    assert f"at {first}, this version needs {HEAD}" in said
    assert "hint: run `compass db upgrade`" in said
    _step(fresh_database_url, command.stamp, "head")
    asyncio.run(_set_revision(fresh_database_url, "9999"))
    said = refused()
    assert "9999" in said
    assert "hint: a newer version of the program made it: run that one" in said


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(migrate.config())


async def _set_revision(database_url: str, revision: str) -> None:
    connection = await open_connection(database_url)
    await connection.execute("update alembic_version set version_num = $1", revision)
    await connection.close()


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
    by_models = await _catalogs(fresh_database_url)
    # Triggers and their functions stand in the migrations alone.
    for name in ("columns", "constraints", "indexes"):
        assert by_models[name] == by_migrations[name]
    assert backend.db.models.Signal.metadata is Base.metadata


@pytest.mark.slow
async def test_several_processes_migrate_at_once(fresh_database_url: str) -> None:
    arguments = [sys.executable, "-m", "backend.db.migrate", "upgrade"]
    children = [
        subprocess.Popen(
            arguments,
            env={"DATABASE_URL": fresh_database_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    outcomes = [(child.communicate(timeout=60), child.returncode) for child in children]
    assert [code for _, code in outcomes] == [0, 0, 0], outcomes
    assert (await asyncio.to_thread(migrate.status, fresh_database_url)).current == HEAD


async def test_a_revision_of_the_future_is_left_alone(fresh_database_url: str) -> None:
    await asyncio.to_thread(migrate.upgrade, fresh_database_url)
    await _set_revision(fresh_database_url, "9999")
    with pytest.raises(SchemaMismatch, match="9999"):
        await asyncio.to_thread(migrate.upgrade, fresh_database_url)
    assert (await asyncio.to_thread(migrate.status, fresh_database_url)).current == "9999"


def test_an_unreachable_server_is_said_so() -> None:
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        migrate.status("postgresql://nobody@127.0.0.1:1/none")


def test_the_command_says_where_the_schema_is(
    fresh_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    assert migrate.main(["status"]) == 4
    assert "empty" in capsys.readouterr().out
    assert migrate.main(["upgrade"]) == 0
    assert HEAD in capsys.readouterr().out
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
