"""API keys from the command line to a request, and addresses that need them."""

from __future__ import annotations

import pytest

from tests.support.compass import compass, serving

pytestmark = pytest.mark.slow


def test_a_key_lets_in_until_it_is_revoked(fresh_migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = compass(
        "keys",
        "create",
        "ann@example.org",
        "--role",
        "admin",
        "--format",
        "json",
        database_url=fresh_migrated_url,
    ).json()
    listed = compass("keys", "list", "--format", "json", database_url=fresh_migrated_url).json()
    assert [(key["user"], key["role"], key["usable"]) for key in listed] == [
        ("ann@example.org", "admin", True)
    ]
    assert made["key"].split("_", 2)[2] not in str(listed)
    monkeypatch.setenv("AUTH_MODE", "api_key")
    with serving(fresh_migrated_url) as client:
        headers = {"X-API-Key": made["key"]}
        assert client.get("/api/signals").status_code == 401
        assert client.get("/api/signals", headers=headers).status_code == 200
        compass("keys", "revoke", made["key"], database_url=fresh_migrated_url)
        assert client.get("/api/signals", headers=headers).status_code == 401


def test_unknown_users_and_keys_are_named(fresh_migrated_url: str) -> None:
    done = compass("keys", "create", "nobody@example.org", database_url=fresh_migrated_url, check=False)
    assert done.code == 2
    assert "nobody@example.org" in done.stderr
    assert "--role" in done.stderr
    done = compass("keys", "revoke", "qc_abc", database_url=fresh_migrated_url, check=False)
    assert done.code == 2
    assert "qc_abc" in done.stderr


def test_other_machines_need_authentication(fresh_migrated_url: str) -> None:
    done = compass("serve", "--host", "0.0.0.0", database_url=fresh_migrated_url, check=False)
    assert done.code == 2
    assert "AUTH_MODE" in done.stderr
