"""Bodies that are no bodies: refused with the right status, and nothing changes."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import httpx
import pytest

from backend.config import Settings
from backend.main import create_app
from tests.api import furnished, hostile
from tests.api.hostile import Operation, Watch
from tests.support.compass import serving

pytestmark = pytest.mark.slow

LIMIT = Settings(_env_file=None).MAX_BODY_BYTES
DEPTH = 10_000
JSON = {"Content-Type": "application/json"}

TAKING = [
    operation
    for operation in hostile.operations(create_app(Settings(_env_file=None)).openapi())
    if operation.has_body
]

# None of them is an object of JSON.
INVALID: dict[str, bytes] = {
    "not-json": b"this is not JSON",
    "cut-short": b'{"description": "x',
    "two-values": b"{} {}",
    "single-quotes": b"{'notes': 'x'}",
    "trailing-comma": b'{"notes": "x",}',
    "comment": b'{} // "x"',
    "form": b"notes=x&status=new",
    "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "invalid-utf-8": b'{"notes": "\xff\xfe", "content": "\xc0\x80"}',
    "nul-octets": b"\0\0\0\0",
    "array": b"[]",
    "array-of-objects": b"[{}]",
    "text": b'"{}"',
    "number": b"1",
    "huge-number": b"9" * 10_000,
    "infinity": b"Infinity",
    "false": b"false",
    "deep-arrays": b"[" * DEPTH + b"]" * DEPTH,
    "deep-objects": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "unclosed": b"[" * DEPTH,
}
# Wrong for every key that any body has.
WRONG_VALUES: dict[str, object] = {
    "object": {"$ne": None},
    "array-in-array": [[]],
    "objects-in-array": [{}],
    "fraction": 1.5,
    "huge-number": 10**400,
}

each = pytest.mark.parametrize("operation", TAKING, ids=lambda operation: operation.name)


@pytest.fixture(scope="module")
def known(ingested_url: str) -> dict[str, str]:
    """Values that parameters can have, in a database with the sample run."""
    return furnished.furnish(ingested_url)


@pytest.fixture(scope="module")
def client(ingested_url: str, known: dict[str, str]) -> Iterator[httpx.Client]:
    """A client of a server on it."""
    with serving(ingested_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def watch(ingested_url: str, client: httpx.Client) -> Watch:
    """Looks at the database from now on."""
    looking = Watch(ingested_url)
    assert "public.signals" in looking.changed()
    return looking


def _send(
    client: httpx.Client,
    operation: Operation,
    known: dict[str, str],
    content: bytes | Iterator[bytes],
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    answer = client.request(
        operation.method,
        hostile.url(operation, known, {}),
        content=content,
        headers=JSON if headers is None else headers,
    )
    hostile.assert_harmless(operation, answer)
    return answer


@each
def test_what_is_no_object(
    operation: Operation, client: httpx.Client, known: dict[str, str], watch: Watch
) -> None:
    for name, content in INVALID.items():
        assert _send(client, operation, known, content).status_code == 422, name
    assert watch.changed() == set()


@each
def test_values_of_wrong_types(
    operation: Operation, client: httpx.Client, known: dict[str, str], watch: Watch
) -> None:
    body = furnished.bodies(known)[operation.name]
    for field in operation.at("body"):
        for name, value in WRONG_VALUES.items():
            content = hostile.as_json(body | {field.name: value})
            answer = _send(client, operation, known, content)
            assert answer.status_code == 422, (field, name)
            assert answer.json()["errors"][0]["field"].startswith(field.name), name
        # Deep inside of a key, where the body itself is an object.
        deep = json.dumps(body | {field.name: 0})[:-2].encode() + b"[" * DEPTH + b"]" * DEPTH + b"}"
        assert _send(client, operation, known, deep).status_code == 422, field
    assert watch.changed() == set()


@each
def test_other_kinds_of_content(
    operation: Operation, client: httpx.Client, known: dict[str, str], watch: Watch
) -> None:
    content = hostile.as_json(furnished.bodies(known)[operation.name])
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x", "")
    for kind in kinds:
        assert _send(client, operation, known, content, {"Content-Type": kind}).status_code == 422, kind
    assert _send(client, operation, known, content, {}).status_code == 422
    for charset in ("utf-16", "utf-32"):
        text = json.dumps({"notes": "x"}).encode(charset)
        _send(client, operation, known, text, {"Content-Type": f"application/json; charset={charset}"})
    compressed = {**JSON, "Content-Encoding": "gzip"}
    assert _send(client, operation, known, b"\x1f\x8b\x08" + bytes(50), compressed).status_code == 422
    assert watch.changed() == set()


@each
def test_nothing(operation: Operation, client: httpx.Client, known: dict[str, str], watch: Watch) -> None:
    """No body is refused, except where every key has a default."""
    for content in (b"", b" \r\n"):
        answer = _send(client, operation, known, content)
        assert answer.status_code == (200 if operation.name == "query_metric" and not content else 422)
    assert watch.changed() == set()


@each
def test_too_large(operation: Operation, client: httpx.Client, known: dict[str, str], watch: Watch) -> None:
    large = b'{"notes": "' + b"x" * LIMIT + b'"}'
    chunks = (large[start : start + 65_536] for start in range(0, len(large), 65_536))
    for content in (large, chunks):
        assert _send(client, operation, known, content).status_code == 413
    assert watch.changed() == set()


@each
def test_too_large_by_its_own_word(operation: Operation, client: httpx.Client, known: dict[str, str]) -> None:
    """What is announced too large is refused before a byte of it is there."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port, timeout=10)
    try:
        connection.putrequest(operation.method.upper(), hostile.url(operation, known, {}))
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(10**12))
        connection.endheaders()
        assert connection.getresponse().status == 413
    finally:
        connection.close()


def test_keys_that_stand_twice(client: httpx.Client, known: dict[str, str]) -> None:
    """The last one counts, as in every parser of JSON that a proxy in front may use."""
    path = f"/api/signals/{known['signal_id']}"
    answer = client.patch(path, content=b'{"description": "one", "description": "two"}', headers=JSON)
    assert (answer.status_code, answer.json()["description"]) == (200, "two")
    answer = client.patch(path, content=b'{"description": "one", "description": null}', headers=JSON)
    assert answer.status_code == 422
    assert client.get(path).json()["description"] == "two"


def test_keys_that_are_not_for_callers(client: httpx.Client, known: dict[str, str]) -> None:
    """A body changes what its operation is about, whatever else it names."""
    path = f"/api/signals/{known['signal_id']}"
    before = client.get(path).json()
    extra = {"id": known["user_id"], "metric_value": 0, "active": False, "__proto__": {"active": False}}
    assert client.patch(path, json=extra).status_code in (200, 422)
    assert client.get(path).json() == before
    new = {"email": "extra@example.org", "name": "Extra", "id": known["user_id"], "hashed_password": "x"}
    answer = client.post("/api/users", json={**new, "is_active": False})
    assert answer.status_code == 422 or answer.json()["id"] != known["user_id"]
