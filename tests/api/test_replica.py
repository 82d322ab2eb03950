"""Reads from a replica: only where it has what was written, and never at the price of an answer."""

from __future__ import annotations

import asyncpg
import httpx
from structlog.testing import capture_logs

from backend.config import Settings
from backend.main import create_app
from tests.api.conftest import running
from tests.api.marts import open_connection
from tests.api.working import add_user
from tests.support.compass import free_port


async def test_reads_go_to_a_replica_that_has_what_was_written(
    migrated_url: str, connection: asyncpg.Connection, fresh_migrated_url: str
) -> None:
    # Another database stands in for the replica: its one user shows which of the two was asked.
    settings = Settings(
        _env_file=None,
        DATABASE_URL=migrated_url,
        READ_DATABASE_URL=fresh_migrated_url,
        RESPONSE_CACHE_BYTES=0,
    )
    replica = await open_connection(fresh_migrated_url)
    await add_user(replica, "Replica", "viewer")
    copy_versions = "update data_versions set version = $1 where scope = $2"

    async def names(client: httpx.AsyncClient) -> list[str]:
        return [user["name"] for user in (await client.get("/api/users")).json()]

    async with running(create_app(settings)) as client:
        await replica.execute("update data_versions set version = version - 1")
        await add_user(connection, "Primary", "viewer")
        assert await names(client) == ["Primary"]
        for row in await connection.fetch("select version, scope from data_versions"):
            await replica.execute(copy_versions, row["version"], row["scope"])
        assert await names(client) == ["Replica"]
        body = {"email": "new@example.org", "name": "Written", "role": "viewer"}
        assert (await client.post("/api/users", json=body)).status_code == 201
        assert await names(client) == ["Primary", "Written"]
        assert (await client.get("/ready")).json()["writable"] is True
    await replica.close()


async def test_a_replica_that_is_of_no_use_is_left_alone(
    migrated_url: str, connection: asyncpg.Connection, fresh_database_url: str
) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    for replica in (nowhere, fresh_database_url):
        settings = Settings(_env_file=None, DATABASE_URL=migrated_url, READ_DATABASE_URL=replica)
        app = create_app(settings)
        with capture_logs() as logs:
            async with running(app) as client:
                for _ in range(3):
                    assert (await client.get("/api/users")).status_code == 200
                assert (await client.get("/ready")).status_code == 200
        assert [each["event"] for each in logs].count("the replica is left alone") == 1
