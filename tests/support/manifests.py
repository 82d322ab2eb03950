"""Small compiled manifests written by hand, and the rows of what engines make of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from transforms.compiled.manifest import Index, Manifest, Materialized, Node, SeedConfig, TestConfig
from transforms.compiled.sources import checksums
from transforms.database import plain_dsn


def model(
    name: str,
    sql: str,
    *,
    reads: Sequence[str] = (),
    materialized: Materialized = "view",
    schema: str = "public_staging",
    indexes: Sequence[Index] = (),
    tags: Sequence[str] = (),
    post_hooks: Sequence[str] = (),
) -> Node:
    """A model; ``reads`` are names of other models, or ids."""
    return Node(
        unique_id=f"model.tiny.{name}",
        name=name,
        resource_type="model",
        schema=schema,
        alias=name,
        materialized=materialized,
        file_path=f"models/{name}.sql",
        sql=sql,
        depends_on=tuple(_id(each) for each in reads),
        indexes=tuple(indexes),
        tags=tuple(tags),
        post_hooks=tuple(post_hooks),
    )


def data_test(name: str, sql: str, *, reads: Sequence[str], config: TestConfig | None = None) -> Node:
    """A data test whose failures are the rows of ``sql``."""
    return Node(
        unique_id=f"test.tiny.{name}",
        name=name,
        resource_type="test",
        schema="public_tests",
        alias=name,
        materialized="test",
        file_path=f"tests/{name}.sql",
        sql=sql,
        depends_on=tuple(_id(each) for each in reads),
        test=config or TestConfig(),
    )


def seed(name: str, column_types: Sequence[tuple[str, str]]) -> Node:
    """A seed read from ``seeds/NAME.csv``."""
    return Node(
        unique_id=f"seed.tiny.{name}",
        name=name,
        resource_type="seed",
        schema="public_seeds",
        alias=name,
        materialized="seed",
        file_path=f"seeds/{name}.csv",
        seed=SeedConfig(column_types=tuple(column_types)),
    )


def manifest(nodes: Iterable[Node], project: Path) -> Manifest:
    """A manifest of ``nodes`` that claims to be compiled from the files now in ``project``."""
    return Manifest(
        project_name="tiny",
        dbt_version="1.11.0",
        nodes={node.unique_id: node for node in nodes},
        files=checksums(project),
    )


def _id(name: str) -> str:
    return name if "." in name else f"model.tiny.{name}"


@asynccontextmanager
async def connected(database_url: str) -> Any:
    """A plain connection to look at the database with."""
    connection = await asyncpg.connect(plain_dsn(database_url))
    try:
        yield connection
    finally:
        await connection.close()


async def execute(database_url: str, *statements: str) -> None:
    """Run statements, each by itself."""
    async with connected(database_url) as connection:
        for statement in statements:
            await connection.execute(statement)


async def rows(database_url: str, query: str) -> list[tuple[Any, ...]]:
    """All rows of ``query``."""
    async with connected(database_url) as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def until(database_url: str, condition: str, seconds: float = 10.0) -> None:
    """Wait until the query ``condition`` gives true."""
    async with connected(database_url) as connection, asyncio.timeout(seconds):
        while not await connection.fetchval(condition):
            await asyncio.sleep(0.02)
