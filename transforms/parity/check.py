"""Build runs with every engine, in a scratch database and in DuckDB, and compare all rows."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
import duckdb
from sqlalchemy.engine import make_url

from backend.enums import RunState
from contracts.ddl import LOADED_AT, quote_identifier
from contracts.run_data import RunData
from transforms.compiled.build import load_verified
from transforms.compiled.manifest import PROJECT, Manifest
from transforms.database import connection
from transforms.engines.base import Engine
from transforms.engines.dbt import DbtEngine
from transforms.engines.duckdb import DuckDbEngine, load_frames
from transforms.engines.postgres import PostgresEngine
from transforms.lifecycle import registry
from transforms.lifecycle.load import load
from transforms.parity.compare import Comparison, compare
from transforms.parity.relation import Relation, grain, read_duckdb, read_postgres, relations
from transforms.progress import Progress
from transforms.run import Run
from transforms.schema import upgrade_schema
from transforms.transpile.portable import check_portable

Relations = dict[str, Relation]
"""What every model and seed came to, by name."""

DECLARED = {
    ("native", "duckdb"): {LOADED_AT: "the instant of the load, another one in each database"},
    ("native", "dbt"): {},
}
"""Columns that differ between two engines, each with the reason. One that no longer does is an error."""

# Text sorts as docs/operations.md asks of every database, and as in DuckDB, whatever the server's default.
_BYTE_ORDER = "template template0 encoding 'UTF8' locale_provider libc lc_collate 'C' lc_ctype 'C'"


async def check_parity(
    database_url: str, runs: Sequence[tuple[Run, RunData]], progress: Progress, *, with_dbt: bool = True
) -> list[Comparison]:
    """Compare native, DuckDB and (``with_dbt``) dbt over ``runs``, loaded side by side.

    Works in a database of its own on the server of ``database_url``, dropped at the end. Raises
    NotPortable, BuildFailed when an engine fails, DatabaseUnavailable.
    """
    manifest = load_verified(PROJECT)
    translated = check_portable(manifest)
    built = await build_in_postgres(database_url, manifest, runs, progress, with_dbt=with_dbt)
    native = built.pop("native")
    others = {"duckdb": await build_in_duckdb(manifest, translated, runs, progress)} | built
    return [compare_all(manifest, ("native", name), native, other) for name, other in others.items()]


def compare_all(
    manifest: Manifest, engines: tuple[str, str], left: Relations, right: Relations
) -> Comparison:
    """Compare what two engines made of every model and seed of ``manifest``."""
    comparison = Comparison(*engines, declared=DECLARED[engines])
    for node in relations(manifest):
        compare(comparison, node, grain(manifest, node), left[node.name], right[node.name])
    return comparison


async def build_in_postgres(
    database_url: str,
    manifest: Manifest,
    runs: Sequence[tuple[Run, RunData]],
    progress: Progress,
    *,
    with_dbt: bool,
) -> dict[str, Relations]:
    """What the engines on PostgreSQL make of ``runs``, by engine: native, and dbt when asked for."""
    async with _scratch_database(database_url) as scratch:
        await upgrade_schema(scratch)
        async with connection(scratch) as opened:
            for run, data in runs:
                await load(opened, run, data, checksum="", progress=progress)
                await registry.set_state(opened, run.run_key, RunState.BUILDING)
            built = {"native": await _built(opened, PostgresEngine(scratch), manifest, progress)}
            if with_dbt:
                built["dbt"] = await _built(opened, DbtEngine(scratch), manifest, progress)
    return built


async def build_in_duckdb(
    manifest: Manifest,
    translated: Mapping[str, str],
    runs: Sequence[tuple[Run, RunData]],
    progress: Progress,
) -> Relations:
    """What DuckDB makes of ``runs`` with the ``translated`` SQL of ``manifest``."""
    with duckdb.connect() as memory:
        load_frames(memory, [data for _, data in runs])
        engine = DuckDbEngine(memory, translated)
        with progress.step(f"Building ({engine.name})"):
            (await engine.build(manifest)).raise_for_problems()
        return {node.name: read_duckdb(memory, node) for node in relations(manifest)}


async def _built(
    opened: asyncpg.Connection, engine: Engine, manifest: Manifest, progress: Progress
) -> Relations:
    with progress.step(f"Building ({engine.name})"):
        (await engine.build(manifest)).raise_for_problems()
    return {node.name: await read_postgres(opened, node) for node in relations(manifest)}


@asynccontextmanager
async def _scratch_database(database_url: str) -> AsyncIterator[str]:
    name = f"compass_parity_{uuid.uuid4().hex[:12]}"
    async with connection(database_url) as opened:
        await opened.execute(f"create database {quote_identifier(name)} {_BYTE_ORDER}")
        try:
            url = make_url(database_url).set(database=name)
            yield url.render_as_string(hide_password=False)
        finally:
            await opened.execute(f"drop database {quote_identifier(name)} with (force)")
