"""Build runs with every engine, in a scratch database and in DuckDB, and compare all rows."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import duckdb
from sqlalchemy.engine import make_url

from backend.enums import RunState
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
from transforms.parity.compare import Comparison, Row, compare, duckdb_rows, grain, postgres_rows, relations
from transforms.progress import Progress
from transforms.run import Run
from transforms.schema import upgrade_schema

Tables = dict[str, list[Row]]
"""Rows of every model and seed, by name."""


async def check_parity(
    database_url: str, runs: Sequence[tuple[Run, RunData]], progress: Progress, *, with_dbt: bool = True
) -> list[Comparison]:
    """Compare native, DuckDB and (``with_dbt``) dbt over ``runs``, loaded side by side.

    Works in a database of its own on the server of ``database_url``, dropped at the end. Raises
    BuildFailed when an engine fails, DatabaseUnavailable.
    """
    manifest = load_verified(PROJECT)
    async with _scratch_database(database_url) as scratch:
        await upgrade_schema(scratch)
        async with connection(scratch) as opened:
            for run, data in runs:
                await load(opened, run, data, checksum="", progress=progress)
                await registry.set_state(opened, run.run_key, RunState.BUILDING)
            native = await _built(opened, PostgresEngine(scratch), manifest, progress)
            compared = [
                _compare(manifest, "native", native, "duckdb", await _duckdb(manifest, runs, progress))
            ]
            if with_dbt:
                dbt = await _built(opened, DbtEngine(scratch), manifest, progress)
                compared.append(_compare(manifest, "native", native, "dbt", dbt))
    return compared


def _compare(manifest: Manifest, left: str, first: Tables, right: str, second: Tables) -> Comparison:
    comparison = Comparison(left, right)
    for node in relations(manifest):
        compare(comparison, node, grain(manifest, node), first[node.name], second[node.name])
    return comparison


async def _built(
    opened: asyncpg.Connection, engine: Engine, manifest: Manifest, progress: Progress
) -> Tables:
    with progress.step(f"Building ({engine.name})"):
        (await engine.build(manifest)).raise_for_problems()
    return {node.name: await postgres_rows(opened, node) for node in relations(manifest)}


async def _duckdb(manifest: Manifest, runs: Sequence[tuple[Run, RunData]], progress: Progress) -> Tables:
    with duckdb.connect() as memory:
        for _, data in runs:
            load_frames(memory, data)
        engine = DuckDbEngine(memory)
        with progress.step(f"Building ({engine.name})"):
            (await engine.build(manifest)).raise_for_problems()
        return {node.name: duckdb_rows(memory, node) for node in relations(manifest)}


@asynccontextmanager
async def _scratch_database(database_url: str) -> AsyncIterator[str]:
    name = f"compass_parity_{uuid.uuid4().hex[:12]}"
    async with connection(database_url) as opened:
        await opened.execute(f"create database {name}")
        try:
            url = make_url(database_url).set(database=name)
            yield url.render_as_string(hide_password=False)
        finally:
            await opened.execute(f"drop database {name} with (force)")
