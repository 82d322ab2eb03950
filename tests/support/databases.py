"""Databases of one server that start out equal."""

from __future__ import annotations

import asyncpg
from sqlalchemy.engine import make_url

from backend.config import without_driver


async def copy_database(database_url: str, name: str) -> str:
    """DSN of a new database ``name``, a copy of that of ``database_url`` with its settings.

    An earlier one of the name is dropped. Nobody may be connected to the original.
    """
    url = make_url(database_url)
    connection = await asyncpg.connect(without_driver(database(database_url, "postgres")))
    try:
        # Sessions that were closed just now, and workers of autovacuum.
        await connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1", url.database
        )
        await connection.execute(f'drop database if exists "{name}" with (force)')
        await connection.execute(f'create database "{name}" template "{url.database}"')
        settings = await connection.fetch(
            "select unnest(setconfig) as setting from pg_db_role_setting"
            " where setrole = 0 and setdatabase = (select oid from pg_database where datname = $1)",
            url.database,
        )
        for row in settings:
            setting, _, value = row["setting"].partition("=")
            await connection.execute(f"alter database \"{name}\" set {setting} = '{value}'")
    finally:
        await connection.close()
    return database(database_url, name)


async def execute(database_url: str, *statements: str) -> None:
    """Run ``statements``, each in a transaction of its own."""
    connection = await asyncpg.connect(without_driver(database_url))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def database(database_url: str, name: str) -> str:
    """DSN of the database ``name`` on the server of ``database_url``."""
    return make_url(database_url).set(database=name).render_as_string(hide_password=False)
