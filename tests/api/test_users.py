"""Users: who there is, who comes, who leaves."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.config import Settings
from backend.enums import UserRole
from backend.schemas.users import User
from tests.api.working import UNKNOWN, add_user, assert_problem, publish_signals, signed_in

NEW = {"email": "ann@example.org", "name": "Ann Lee", "role": "nursing_leadership"}


async def test_users_are_listed_by_name(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    ids = {name: await add_user(connection, name) for name in ("Zoe", "Ann")}
    ids["Gone"] = await add_user(connection, "Gone", active=False)
    listed = (await client.get("/api/users")).json()
    assert listed == [
        {
            "id": ids[name],
            "name": name,
            "email": f"{name.lower()}@example.org",
            "role": "viewer",
            "is_active": True,
        }
        for name in ("Ann", "Zoe")
    ]
    assert all(User.model_validate(user) for user in listed)
    everybody = (await client.get("/api/users", params={"include_inactive": True})).json()
    assert [user["name"] for user in everybody] == ["Ann", "Gone", "Zoe"]
    assert (await client.get("/api/users", params={"include_inactive": "x"})).status_code == 422


async def test_one_user(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    gone = await add_user(connection, "Gone", "admin", active=False)
    answer = await client.get(f"/api/users/{gone}")
    assert answer.json() == {
        "id": gone, "name": "Gone", "email": "gone@example.org", "role": "admin", "is_active": False,
    }  # fmt: skip
    assert (
        "User not found"
        in assert_problem(await client.get(f"/api/users/{UNKNOWN}"), 404, "user-not-found")["detail"]
    )
    for malformed in ("x", "%00", "'--"):
        assert (await client.get(f"/api/users/{malformed}")).status_code == 422


async def test_adding_a_user(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    # Passwords do not exist: one that is sent is not kept, in whatever form.
    answer = await client.post("/api/users", json={**NEW, "password": "x", "hashed_password": "y"})
    assert answer.status_code == 201
    made = answer.json()
    assert made == {**NEW, "id": made["id"], "is_active": True}
    assert answer.headers["location"] == f"/api/users/{made['id']}"
    assert (await client.get(answer.headers["location"])).json() == made
    assert await connection.fetchval("select hashed_password from users") == "!"
    plain = await client.post("/api/users", json={"email": "Bob@Example.org", "name": "Bob \N{SNOWMAN}"})
    assert (plain.json()["role"], plain.json()["email"]) == ("viewer", "bob@example.org")


async def test_addresses_are_unique(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    await connection.execute(
        "insert into users (email, name, hashed_password, is_active)"
        " values ('Old@example.org', 'x', '!', false)"
    )
    await client.post("/api/users", json=NEW)
    for email in ("ann@example.org", "ANN@example.org", "old@example.org"):
        answer = await client.post("/api/users", json={**NEW, "email": email})
        assert email.lower() in assert_problem(answer, 409, "email-taken")["detail"]
    race = await asyncio.gather(
        *(client.post("/api/users", json={**NEW, "email": email}) for email in ("c@d.e", "C@d.e") * 4)
    )
    assert sorted(answer.status_code for answer in race) == [201] + [409] * 7


NO_USERS: list[Any] = [
    {},
    {"email": "a@b"},
    {"name": "x"},
    {"email": "nobody", "name": "x"},
    {"email": "a b@c", "name": "x"},
    {"email": "a@b\n", "name": "x"},
    {"email": "a\0@b", "name": "x"},
    {"email": "a@b", "name": " "},
    {"email": "a@b", "name": "x\0"},
    {"email": "a@b", "name": "x\ny"},
    {"email": "a@b", "name": "x" * 256},
    {"email": "a" * 255 + "@b", "name": "x"},
    {"email": "a@b", "name": "x", "role": "king"},
    {"email": "a@b", "name": None},
    {"email": ["a@b"], "name": "x"},
]


async def test_what_is_no_user(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    for body in NO_USERS:
        assert (await client.post("/api/users", json=body)).status_code == 422
        assert await connection.fetchval("select count(*) from users") == 0


async def test_changing_a_user(client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
    ann = await add_user(connection)
    path = f"/api/users/{ann}"
    assert (await client.patch(path, json={})).json()["name"] == "Ann"
    changed = (await client.patch(path, json={"role": "admin", "email": "other@example.org"})).json()
    assert (changed["role"], changed["name"], changed["email"]) == ("admin", "Ann", "ann@example.org")
    assert (await client.patch(path, json={"name": "Ann Lee"})).json()["name"] == "Ann Lee"
    for body in ({"name": None}, {"name": ""}, {"role": None}, {"role": "x"}, {"is_active": None}):
        assert (await client.patch(path, json=body)).status_code == 422
    assert_problem(await client.patch(f"/api/users/{UNKNOWN}", json=NEW), 404, "user-not-found")


async def test_leaving_and_coming_back(
    client: httpx.AsyncClient, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    (signal,) = await publish_signals(engine, connection)
    ann = await add_user(connection)
    request = {"assignee_id": ann, "role_type": "administration"}
    await client.post(f"/api/signals/{signal}/assign", json=request)
    for _ in range(2):
        left = await client.delete(f"/api/users/{ann}")
        assert (left.status_code, left.json()["is_active"]) == (200, False)
    assert (await client.get("/api/users")).json() == []
    assert (await client.get(f"/api/signals/{signal}/assignment")).json()["assignee_id"] == ann
    again = await client.post(f"/api/signals/{signal}/assign", json=request)
    assert_problem(again, 400, "assignee-inactive")
    assert (await client.patch(f"/api/users/{ann}", json={"is_active": True})).json()["is_active"] is True
    assert (await client.post(f"/api/signals/{signal}/assign", json=request)).status_code == 200
    assert_problem(await client.delete(f"/api/users/{UNKNOWN}"), 404, "user-not-found")


async def test_administrators_cannot_lock_themselves_out(settings: Settings, engine: AsyncEngine) -> None:
    async with signed_in(settings, engine, UserRole.ADMIN) as (admin, me):
        path = f"/api/users/{me}"
        for answer in (
            await admin.delete(path),
            await admin.patch(path, json={"is_active": False}),
            await admin.patch(path, json={"role": "viewer"}),
        ):
            assert_problem(answer, 409, "own-account")
        same = await admin.patch(path, json={"role": "admin", "is_active": True, "name": "Root"})
        assert same.json()["name"] == "Root"


@pytest.mark.parametrize("role", [role for role in UserRole if role is not UserRole.ADMIN])
async def test_only_administrators_manage_users(
    settings: Settings, engine: AsyncEngine, connection: asyncpg.Connection, role: UserRole
) -> None:
    ann = await add_user(connection)
    async with signed_in(settings, engine, role) as (client, _):
        for answer in (
            await client.post("/api/users", json=NEW),
            await client.patch(f"/api/users/{ann}", json={"role": "admin"}),
            await client.delete(f"/api/users/{ann}"),
            await client.get("/api/users", params={"include_inactive": True}),
        ):
            assert_problem(answer, 403, "forbidden")
        assert (await client.get(f"/api/users/{ann}")).json()["role"] == "viewer"
    assert await connection.fetchval("select count(*) from users") == 2


async def test_keys_of_those_who_left_stop_working(
    settings: Settings, engine: AsyncEngine, client: httpx.AsyncClient
) -> None:
    async with signed_in(settings, engine, UserRole.VIEWER) as (viewer, me):
        await client.delete(f"/api/users/{me}")
        assert_problem(await viewer.get("/api/users"), 401, "unauthenticated")
