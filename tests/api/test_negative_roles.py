"""Every role against every write: who may, may; who may not changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from backend.auth import api_keys
from backend.auth.actor import RIGHTS, Right
from backend.config import Settings
from backend.db.session import create_engine
from backend.enums import UserRole
from backend.main import create_app
from tests.api import furnished, hostile
from tests.api.hostile import Operation, Watch
from tests.support.compass import serving

pytestmark = pytest.mark.slow

NEEDED = {
    "update_signal": Right.WORK,
    "assign_signals": Right.WORK,
    "assign_signal": Right.WORK,
    "change_status": Right.WORK,
    "add_comment": Right.WORK,
    "refresh_metadata": Right.ADMINISTER,
    "create_user": Right.ADMINISTER,
    "update_user": Right.ADMINISTER,
    "deactivate_user": Right.ADMINISTER,
    # Marks are personal: whoever reads the feed sets their own.
    "mark_read": Right.READ,
    "mark_all_read": Right.READ,
    # A question with a body.
    "query_metric": Right.READ,
}
"""What each operation demands that is not a GET."""

MAY = {
    UserRole.ADMIN: {Right.READ, Right.WORK, Right.ADMINISTER},
    UserRole.CLINICAL_LEADERSHIP: {Right.READ, Right.WORK},
    UserRole.NURSING_LEADERSHIP: {Right.READ, Right.WORK},
    UserRole.ADMINISTRATION: {Right.READ, Right.WORK},
    UserRole.VIEWER: {Right.READ},
}
"""What each role may do, as it was promised."""

WRITES = {
    operation.name: operation
    for operation in hostile.operations(create_app(Settings(_env_file=None)).openapi())
    if operation.writes
}
REFUSED = [(role, name) for role in UserRole for name, right in NEEDED.items() if right not in MAY[role]]
GRANTED = [(role, name) for role in UserRole for name, right in NEEDED.items() if right in MAY[role]]


@pytest.fixture(scope="module")
def known(ingested_url: str) -> dict[str, str]:
    """Values that parameters can have, in a database with the sample run."""
    return furnished.furnish(ingested_url)


@pytest.fixture(scope="module")
def keys(ingested_url: str, known: dict[str, str]) -> dict[UserRole, str]:
    """A key of a user of each role."""

    async def make() -> dict[UserRole, str]:
        engine = create_engine(ingested_url)
        async with engine.begin() as connection:
            made = {}
            for role in UserRole:
                email = f"{role.value}@keys.example"
                await api_keys.ensure_user(connection, email, role)
                made[role] = await api_keys.create(connection, email, "test")
        await engine.dispose()
        return made

    return asyncio.run(make())


@pytest.fixture(scope="module")
def client(ingested_url: str, keys: dict[UserRole, str]) -> Iterator[httpx.Client]:
    """A client of a server that asks for keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTH_MODE", "api_key")
        patch.setenv("RATE_LIMIT_FAILED_LOGINS", "0")
        with serving(ingested_url) as opened:
            yield opened


@pytest.fixture(scope="module")
def watch(ingested_url: str, client: httpx.Client) -> Watch:
    """Looks at the database from now on."""
    looking = Watch(ingested_url)
    assert "public.users" in looking.changed()
    return looking


def _send(
    client: httpx.Client,
    operation: Operation,
    known: dict[str, str],
    headers: dict[str, str],
    body: object = None,
) -> httpx.Response:
    if operation.has_body and body is None:
        body = furnished.bodies(known)[operation.name]
    return client.request(
        operation.method, hostile.url(operation, known, {}), json=body or None, headers=headers
    )


def test_the_table_is_complete() -> None:
    """A new write needs a line that says who may."""
    assert set(WRITES) == set(NEEDED)
    assert {role: set(rights) for role, rights in RIGHTS.items()} == MAY


@pytest.mark.parametrize(("role", "name"), REFUSED)
def test_refused(
    role: UserRole,
    name: str,
    client: httpx.Client,
    known: dict[str, str],
    keys: dict[UserRole, str],
    watch: Watch,
) -> None:
    operation, headers = WRITES[name], {"X-API-Key": keys[role]}
    nobody = dict.fromkeys(("signal_id", "user_id"), "00000000-0000-4000-8000-000000000000")
    for values, body in ((known, None), (known | nobody, None), (known, {"wrong": 1})):
        answer = _send(client, operation, values, headers, body)
        hostile.assert_harmless(operation, answer)
        # Neither what exists nor what is valid shows to who has no business there.
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:quality-compass:problem:forbidden")
    assert watch.changed() == set()


@pytest.mark.parametrize("name", list(NEEDED))
@pytest.mark.parametrize("key", [None, "qc_000000000000_" + "A" * 43])
def test_strangers(
    name: str, key: str | None, client: httpx.Client, known: dict[str, str], watch: Watch
) -> None:
    answer = _send(client, WRITES[name], known, {} if key is None else {"X-API-Key": key})
    hostile.assert_harmless(WRITES[name], answer)
    assert answer.status_code == 401
    assert watch.changed() == set()


@pytest.mark.parametrize(("role", "name"), GRANTED)
def test_granted(
    role: UserRole,
    name: str,
    client: httpx.Client,
    known: dict[str, str],
    keys: dict[UserRole, str],
    watch: Watch,
) -> None:
    """The same requests pass for who may send them, so that a refusal was about who sent it."""
    headers = {"X-API-Key": keys[role]}
    if name == "change_status":
        # Whoever came before has moved it.
        assert _send(client, WRITES["assign_signal"], known, headers).status_code == 200
    if name == "assign_signals":
        admin = {"X-API-Key": keys[UserRole.ADMIN]}
        assert _send(client, WRITES["update_user"], known, admin, {"is_active": True}).status_code == 200
    watch.changed()
    answer = _send(client, WRITES[name], known, headers)
    hostile.assert_harmless(WRITES[name], answer)
    assert answer.status_code in (200, 201), answer.text
    assert bool(watch.changed()) is (name != "query_metric")
