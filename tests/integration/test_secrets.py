"""Secrets never in logs: they are planted wherever the service takes them, and looked for in all it says."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from backend.config import without_driver
from tests.support.compass import START_SECONDS, compass, environment, free_port

pytestmark = pytest.mark.slow

PASSWORD = "Planted-Password-71d0"
READ_PASSWORD = "Planted-Replica-9ab4"
JWT_SECRET = "Planted-Jwt-Secret-of-more-than-thirty-two-bytes"
COOKIE = "Planted-Cookie-5c11"
QUERY = "Planted-Query-3e77"
HEADER_KEY = "qc_PlantedKey00_with-a-long-tail-that-nobody-made"
BASIC = "UGxhbnRlZC1CYXNpYzpzZWNyZXQ="
# What people write about patients is no secret of ours, and does not belong into logs either.
PERSON = "Planted-Person-Name"
ADDRESS = "planted.address@example.org"

ISSUER, AUDIENCE = "https://issuer.example", "quality-compass"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and the file that it logs to."""

    client: httpx.Client
    log: Path


@contextmanager
def _serving(log: Path, database_url: str, **settings: str) -> Iterator[Server]:
    port = free_port()
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "transforms.cli", "serve", "--port", str(port)],
            env=environment(database_url, **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        # What a client remembers of one request must not hide what the next one sends.
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_SECONDS) as client:
            _wait(client, server, log)
            yield Server(client, log)
    finally:
        server.terminate()
        server.wait(timeout=START_SECONDS)


def _wait(client: httpx.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server did not answer in time")


def _with_password(url: str, password: str) -> str:
    from sqlalchemy.engine import make_url

    # The test's server trusts whoever comes; the password is sent, and not asked for.
    return make_url(url).set(password=password).render_as_string(hide_password=False)


def _execute(url: str, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(without_driver(url))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def _token(secret: str, **claims: object) -> str:
    content = {"iss": ISSUER, "aud": AUDIENCE, "sub": "someone", "exp": int(time.time()) + 60, **claims}
    return jwt.encode({"alg": "HS256"}, content, OctKey.import_key(secret))


def _assert_absent(text: str, *planted: str) -> None:
    for secret in planted:
        where = text.find(secret)
        assert where < 0, f"{secret} is in the log: ...{text[max(0, where - 300) : where + 100]}..."


def test_tokens_stay_out_of_logs(fresh_migrated_url: str, tmp_path: Path) -> None:
    url = _with_password(fresh_migrated_url, PASSWORD)
    good = _token(JWT_SECRET, role="admin", email=ADDRESS)
    bad = _token("another secret of more than thirty-two bytes", role="admin")
    with _serving(
        tmp_path / "log",
        url,
        READ_DATABASE_URL=_with_password(fresh_migrated_url, READ_PASSWORD),
        DEBUG="true",
        LOG_FORMAT="text",
        AUTH_MODE="jwt",
        AUTH_JWT_SECRET=JWT_SECRET,
        AUTH_JWT_ISSUER=ISSUER,
        AUTH_JWT_AUDIENCE=AUDIENCE,
    ) as server:
        ask = server.client
        signed_in = {"Authorization": f"Bearer {good}", "Cookie": f"session={COOKIE}"}
        assert ask.get("/api/users", headers=signed_in).status_code == 200
        for refused in (f"Bearer {bad}", f"Bearer {good[:-8]}", f"Basic {BASIC}"):
            assert ask.get("/api/users", headers={"Authorization": refused}).status_code == 401
        assert ask.get("/api/users", params={"token": QUERY}, headers=signed_in).status_code == 200
        made = {"email": ADDRESS, "name": PERSON, "role": "viewer"}
        assert ask.post("/api/users", json=made, headers=signed_in).status_code == 201
        assert ask.post("/api/users", json=made, headers=_as_nobody()).status_code == 409
        _provoke(fresh_migrated_url, ask, _as_nobody())
        # Another, while the caller's token is being looked at.
        _execute(fresh_migrated_url, "alter table users rename to gone")
        assert ask.get("/api/users", headers=signed_in).status_code == 500
    logged = server.log.read_text()
    assert "CheckViolationError" in logged, "what is hidden are values, not what happened"
    assert "InvalidTextRepresentationError" in logged
    assert "UndefinedTableError" in logged
    assert "select" in logged.lower(), "DEBUG shows statements"
    _assert_absent(logged, PASSWORD, READ_PASSWORD, JWT_SECRET, COOKIE, QUERY, BASIC, PERSON, ADDRESS)
    _assert_absent(logged, good, good.split(".")[1], good.split(".")[2], bad.split(".")[2])


def _provoke(database_url: str, ask: httpx.Client, headers: dict[str, str]) -> None:
    """Have errors happen that nobody foresaw: the database repeats the row, or the value, that it refuses."""
    _execute(
        database_url,
        f"alter table users add constraint c check (name <> '{PERSON}2')",
        f"""
        create function refuse() returns trigger language plpgsql as
        $$ begin perform new.name::integer; return new; end $$;
        create trigger refuse before insert on users for each row
        when (new.name = '{PERSON}3') execute function refuse()
        """,
    )
    for number in (2, 3):
        refused = {"email": f"{number}{ADDRESS}", "name": f"{PERSON}{number}", "role": "viewer"}
        assert ask.post("/api/users", json=refused, headers=headers).status_code == 500


def _as_nobody() -> dict[str, str]:
    """Signed in, as somebody who has no account."""
    return {"Authorization": f"Bearer {_token(JWT_SECRET, role='admin')}"}


def test_keys_stay_out_of_logs_and_statements_too(fresh_migrated_url: str, tmp_path: Path) -> None:
    url = _with_password(fresh_migrated_url, PASSWORD)
    created = compass("keys", "create", ADDRESS, "--role", "admin", "--format", "json", database_url=url)
    key: str = created.json()["key"]
    assert key not in created.stderr
    with _serving(tmp_path / "log", url, LOG_FORMAT="json", AUTH_MODE="api_key") as server:
        ask = server.client
        for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
            assert ask.get("/api/users", headers=headers).status_code == 200
        for wrong in (HEADER_KEY, key[:-4] + "AAAA", key.upper()):
            assert ask.get("/api/users", headers={"X-API-Key": wrong}).status_code == 401
        made = {"email": f"x{ADDRESS}", "name": PERSON, "role": "viewer"}
        assert ask.post("/api/users", json=made, headers={"X-API-Key": key}).status_code == 201
        before = server.log.read_text()
        _provoke(fresh_migrated_url, ask, {"X-API-Key": key})
        _execute(fresh_migrated_url, "alter table api_keys rename to gone")
        assert ask.get("/api/users", headers={"X-API-Key": key}).status_code == 500
    assert "SELECT" not in before.upper().replace("SELECTED", ""), "at info, no statement is logged at all"
    logged = server.log.read_text()
    assert [json.loads(line) for line in logged.splitlines()], "every line is JSON"
    assert "CheckViolationError" in logged
    assert "UndefinedTableError" in logged
    _assert_absent(logged, PASSWORD, key, key[-20:], HEADER_KEY, PERSON, ADDRESS)


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (("serve", "--port", "1"), {}),
        (("db", "upgrade"), {"DEBUG": "true"}),
        (("serve",), {"AUTH_MODE": "jwt", "AUTH_JWT_SECRET": "Planted-too-short"}),
        (("db", "status"), {"READ_DATABASE_URL": f"mysql://u:{READ_PASSWORD}@127.0.0.1/x"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else " ".join(value) or "plain",
)
def test_commands_that_fail_keep_secrets(command: tuple[str, ...], settings: dict[str, str]) -> None:
    nowhere = f"postgresql://planted-user:{PASSWORD}@127.0.0.1:1/none"
    ended = compass(*command, database_url=nowhere, check=False, **settings)
    assert ended.code != 0
    said = ended.stdout + ended.stderr
    assert said
    _assert_absent(said, PASSWORD, READ_PASSWORD, "Planted-too-short")
    for line in said.splitlines():
        if "the traceback is in" in line:
            _assert_absent(Path(line.split(" is in ")[1].split(";")[0]).read_text(), PASSWORD, READ_PASSWORD)
