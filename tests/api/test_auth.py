"""Who may call: keys, tokens, roles, this machine only, limits."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.auth import api_keys
from backend.config import Settings
from backend.enums import UserRole
from backend.main import create_app
from tests.api.conftest import running

SECRET = "a secret of more than thirty-two bytes"
ISSUER, AUDIENCE = "https://issuer.example", "quality-compass"
READ = "/api/signals"
EDIT = "/api/signals/00000000-0000-0000-0000-000000000000"


def _settings(url: str, **values: Any) -> Settings:
    return Settings(_env_file=None, DATABASE_URL=url, **values)


@asynccontextmanager
async def _calling(settings: Settings, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 50_000))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as client,
    ):
        yield client


def _token_settings(url: str, **values: Any) -> Settings:
    return _settings(
        url,
        **{
            "AUTH_MODE": "jwt",
            "AUTH_JWT_SECRET": SECRET,
            "AUTH_JWT_ISSUER": ISSUER,
            "AUTH_JWT_AUDIENCE": AUDIENCE,
            **values,
        },
    )


def _token(key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
    content = {"iss": ISSUER, "aud": AUDIENCE, "sub": "someone", "exp": int(time.time()) + 60, **claims}
    content = {name: value for name, value in content.items() if value is not None}
    header = header or {"alg": "HS256"}
    return jwt.encode(header, content, key or OctKey.import_key(SECRET), algorithms=[header["alg"]])


def _signed_with_text(header: dict[str, Any], text: bytes, **claims: Any) -> str:
    """A token signed by HMAC with any text as its secret; the library refuses public keys for that."""
    content = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 60, **claims}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, content)]
    signature = hmac.new(text, b".".join(parts), hashlib.sha256).digest()
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _assert_problem(answer: httpx.Response, status: int, slug: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"].endswith(f":{slug}")
    assert isinstance(body["detail"], str)
    assert body["request_id"] == answer.headers["x-request-id"]


@pytest.fixture
async def key(engine: AsyncEngine) -> dict[UserRole, str]:
    """A key of a user of each role."""
    keys = {}
    async with engine.begin() as connection:
        for role in UserRole:
            email = f"{role.value}@example.org"
            await api_keys.ensure_user(connection, email, role)
            keys[role] = await api_keys.create(connection, email, "test")
    return keys


async def test_without_authentication_this_machine_is_served(settings: Settings, engine: AsyncEngine) -> None:
    async with _calling(settings, "127.0.0.1") as client:
        assert (await client.get(READ)).status_code == 200
    async with _calling(settings, "::1") as client:
        assert (await client.get(READ)).status_code == 200


async def test_without_authentication_others_are_refused(settings: Settings, engine: AsyncEngine) -> None:
    async with _calling(settings, "203.0.113.9") as client:
        _assert_problem(await client.get(READ), 403, "remote-without-authentication")
        assert (await client.get("/health")).status_code == 200


async def test_a_trusted_network_is_served(migrated_url: str, engine: AsyncEngine) -> None:
    async with _calling(_settings(migrated_url, TRUST_NETWORK=True), "203.0.113.9") as client:
        assert (await client.get(READ)).status_code == 200


async def test_keys_let_their_owners_in(migrated_url: str, key: dict[UserRole, str]) -> None:
    async with _calling(_settings(migrated_url, AUTH_MODE="api_key"), "203.0.113.9") as client:
        for role in UserRole:
            assert (await client.get(READ, headers={"X-API-Key": key[role]})).status_code == 200
            assert (await client.get(READ, headers=_bearer(key[role]))).status_code == 200


@pytest.mark.parametrize("role", list(UserRole))
async def test_roles_against_writes(migrated_url: str, key: dict[UserRole, str], role: UserRole) -> None:
    async with _calling(_settings(migrated_url, AUTH_MODE="api_key")) as client:
        answer = await client.patch(EDIT, json={}, headers={"X-API-Key": key[role]})
    if role is UserRole.VIEWER:
        _assert_problem(answer, 403, "forbidden")
    else:
        _assert_problem(answer, 404, "signal-not-found")


@pytest.mark.parametrize(
    "bad",
    ["", "qc_", "nonsense", "qc_000000000000_" + "A" * 43, "\N{BLACK HEART SUIT}", "x" * 5000, "' or 1=1"],
)
async def test_other_keys_are_refused(migrated_url: str, key: dict[UserRole, str], bad: str) -> None:
    async with _calling(_settings(migrated_url, AUTH_MODE="api_key")) as client:
        answer = await client.get(READ, headers=[(b"X-API-Key", bad.encode())])
    _assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_no_key_is_refused_but_health_needs_none(migrated_url: str, engine: AsyncEngine) -> None:
    async with _calling(_settings(migrated_url, AUTH_MODE="api_key")) as client:
        _assert_problem(await client.get(READ), 401, "unauthenticated")
        _assert_problem(await client.get("/api/nowhere"), 401, "unauthenticated")
        assert (await client.get("/health")).status_code == 200


async def test_keys_end(migrated_url: str, key: dict[UserRole, str], connection: asyncpg.Connection) -> None:
    admin, viewer, lead = (
        key[role] for role in (UserRole.ADMIN, UserRole.VIEWER, UserRole.CLINICAL_LEADERSHIP)
    )
    await connection.execute("update api_keys set revoked_at = now() where prefix = $1", viewer.split("_")[1])
    await connection.execute(
        "update api_keys set expires_at = now() - interval '1 second' where prefix = $1", lead.split("_")[1]
    )
    await connection.execute("update users set is_active = false where role = 'admin'")
    async with _calling(_settings(migrated_url, AUTH_MODE="api_key")) as client:
        for each in (admin, viewer, lead):
            _assert_problem(await client.get(READ, headers={"X-API-Key": each}), 401, "unauthenticated")


async def test_only_hashes_are_kept(
    migrated_url: str, key: dict[UserRole, str], connection: asyncpg.Connection
) -> None:
    stored = str(await connection.fetch("select * from api_keys"))
    assert all(each.split("_", 2)[2] not in stored for each in key.values())


async def test_tokens_let_in_by_their_role(migrated_url: str, engine: AsyncEngine) -> None:
    async with _calling(_token_settings(migrated_url), "203.0.113.9") as client:
        viewer, lead = _bearer(_token(role="viewer")), _bearer(_token(role="nursing_leadership"))
        assert (await client.get(READ, headers=viewer)).status_code == 200
        _assert_problem(await client.patch(EDIT, json={}, headers=viewer), 403, "forbidden")
        _assert_problem(await client.patch(EDIT, json={}, headers=lead), 404, "signal-not-found")
        _assert_problem(await client.get(READ, headers=_bearer(_token())), 403, "forbidden")
        _assert_problem(await client.get(READ, headers=_bearer(_token(role="king"))), 403, "forbidden")


async def test_an_account_counts_more_than_the_claim(
    migrated_url: str, engine: AsyncEngine, connection: asyncpg.Connection
) -> None:
    await connection.execute(
        "insert into users (email, name, role, hashed_password, is_active)"
        " values ('Ann@example.org', 'Ann', 'viewer', '!', true),"
        " ('bob@example.org', 'Bob', 'admin', '!', false)"
    )
    async with _calling(_token_settings(migrated_url)) as client:
        ann = _bearer(_token(email="ann@example.org", role="admin"))
        _assert_problem(await client.patch(EDIT, json={}, headers=ann), 403, "forbidden")
        bob = _bearer(_token(email="bob@example.org", role="admin"))
        _assert_problem(await client.get(READ, headers=bob), 401, "unauthenticated")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": int(time.time()) + 3600},
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "somebody-else"},
        {"aud": None},
    ],
)
async def test_tokens_for_others_or_other_times(
    migrated_url: str, engine: AsyncEngine, claims: dict[str, Any]
) -> None:
    async with _calling(_token_settings(migrated_url)) as client:
        answer = await client.get(READ, headers=_bearer(_token(role="admin", **claims)))
    _assert_problem(answer, 401, "unauthenticated")


async def test_clocks_may_differ_a_little(migrated_url: str, engine: AsyncEngine) -> None:
    late = _bearer(_token(role="viewer", exp=int(time.time()) - 10))
    async with _calling(_token_settings(migrated_url, AUTH_JWT_LEEWAY=30)) as client:
        assert (await client.get(READ, headers=late)).status_code == 200
    async with _calling(_token_settings(migrated_url, AUTH_JWT_LEEWAY=0)) as client:
        _assert_problem(await client.get(READ, headers=late), 401, "unauthenticated")


async def test_forged_tokens(migrated_url: str, engine: AsyncEngine) -> None:
    good = _token(role="admin")
    head, body, signature = good.split(".")
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    other = _token(OctKey.import_key("another secret of thirty-two bytes or more"), role="admin")
    longer = _token(header={"alg": "HS512"}, role="admin")
    forged = [
        f"{unsigned}.{body}.", f"{unsigned}.{body}.{signature}", f"{head}.{body}.", f"{head}.{body}",
        f"{head}.{body[:-2]}AA.{signature}", other, longer, "a.b.c", "....", good + "x",
    ]  # fmt: skip
    async with _calling(_token_settings(migrated_url, RATE_LIMIT_FAILED_LOGINS=0)) as client:
        for token in forged:
            _assert_problem(await client.get(READ, headers=_bearer(token)), 401, "unauthenticated")
        assert (await client.get(READ, headers=_bearer(good))).status_code == 200
        assert (await client.get(READ, headers={"Authorization": f"Basic {good}"})).status_code == 401


async def test_public_keys_and_the_pinned_algorithm(
    migrated_url: str, engine: AsyncEngine, tmp_path: Path
) -> None:
    private = RSAKey.generate_key(2048, {"kid": "one"})
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(KeySet([private]).as_dict(private=False)))
    settings = _token_settings(
        migrated_url, AUTH_JWT_ALGORITHM="RS256", AUTH_JWT_SECRET=None, AUTH_JWT_JWKS=str(jwks)
    )
    async with _calling(settings) as client:
        token = _token(private, {"alg": "RS256", "kid": "one"}, role="viewer")
        assert (await client.get(READ, headers=_bearer(token))).status_code == 200
        # The public key used as a shared secret: the classic confusion of algorithms.
        header = {"alg": "HS256", "kid": "one"}
        confused = _signed_with_text(header, private.as_pem(private=False), role="admin")
        _assert_problem(await client.get(READ, headers=_bearer(confused)), 401, "unauthenticated")


async def test_keys_that_cannot_be_read_are_not_the_callers_fault(
    migrated_url: str, engine: AsyncEngine, tmp_path: Path
) -> None:
    settings = _token_settings(
        migrated_url, AUTH_JWT_ALGORITHM="RS256", AUTH_JWT_JWKS=str(tmp_path / "missing.json")
    )
    async with _calling(settings) as client:
        answer = await client.get(READ, headers=_bearer(_token(role="viewer")))
    _assert_problem(answer, 503, "identity-provider-unavailable")
    assert str(tmp_path) not in answer.text


async def test_failed_logins_are_limited_by_address(migrated_url: str, key: dict[UserRole, str]) -> None:
    settings = _settings(migrated_url, AUTH_MODE="api_key", RATE_LIMIT_FAILED_LOGINS=3)
    async with _calling(settings) as client:
        for _ in range(3):
            assert (await client.get(READ, headers={"X-API-Key": "wrong"})).status_code == 401
        answer = await client.get(READ, headers={"X-API-Key": key[UserRole.ADMIN]})
        _assert_problem(answer, 429, "too-many-requests")
        assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_writes_are_limited_by_caller(migrated_url: str, key: dict[UserRole, str]) -> None:
    async with _calling(_settings(migrated_url, AUTH_MODE="api_key", RATE_LIMIT_WRITES=2)) as client:
        admin, lead = key[UserRole.ADMIN], key[UserRole.NURSING_LEADERSHIP]
        for _ in range(2):
            assert (await client.patch(EDIT, json={}, headers={"X-API-Key": admin})).status_code == 404
        _assert_problem(
            await client.patch(EDIT, json={}, headers={"X-API-Key": admin}), 429, "too-many-requests"
        )
        assert (await client.patch(EDIT, json={}, headers={"X-API-Key": lead})).status_code == 404
        assert (await client.get(READ, headers={"X-API-Key": admin})).status_code == 200


async def test_bodies_are_limited(migrated_url: str, engine: AsyncEngine) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 1000

    async with running(create_app(_settings(migrated_url, MAX_BODY_BYTES=2000))) as client:
        announced = await client.patch(EDIT, content=b"{}" + b" " * 2000)
        _assert_problem(announced, 413, "body-too-large")
        _assert_problem(await client.patch(EDIT, content=chunks()), 413, "body-too-large")
        assert (await client.patch(EDIT, json={})).status_code == 404


async def test_browsers_are_told_what_not_to_do(client: httpx.AsyncClient) -> None:
    for path in (READ, "/api/nowhere", EDIT):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"AUTH_JWT_SECRET": "short"}, "32 bytes"),
        ({"AUTH_JWT_SECRET": None}, "AUTH_JWT_SECRET"),
        ({"AUTH_JWT_ALGORITHM": "RS256"}, "AUTH_JWT_JWKS"),
        ({"AUTH_JWT_ISSUER": None}, "AUTH_JWT_ISSUER"),
        ({"AUTH_JWT_AUDIENCE": None}, "AUTH_JWT_AUDIENCE"),
    ],
)
def test_half_configured_tokens_are_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as raised:
        _token_settings("postgresql://localhost/x", **values)
    assert SECRET not in str(raised.value)
