"""Hostile texts in every parameter and every body: refused or harmless, never a fault, never a leak."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backend.config import Settings
from backend.main import create_app
from tests.api import hostile
from tests.api.hostile import OTHER_TYPES, RAW_OCTETS, STRONGEST, TEXTS, Operation
from tests.support.compass import serving

OPERATIONS = hostile.operations(create_app(Settings(_env_file=None)).openapi())
# What writes that are accepted may change.
WRITTEN = ("signals", "assignments", "activity_events", "event_reads", "users", "data_versions")


def each(chosen: list[Operation]) -> pytest.MarkDecorator:
    """A test a operation."""
    return pytest.mark.parametrize("operation", chosen, ids=lambda operation: operation.name)


@pytest.fixture(scope="module")
def known(database_url: str) -> dict[str, str]:
    """Values that parameters can have, in a database with the sample run."""
    return hostile.furnish(database_url)


@pytest.fixture(scope="module")
def client(database_url: str, known: dict[str, str]) -> Iterator[httpx.Client]:
    """A client of a server on it."""
    with serving(database_url) as opened:
        yield opened


class Sender:
    """Sends requests for an operation, and judges what comes back."""

    def __init__(self, client: httpx.Client, known: dict[str, str], operation: Operation) -> None:
        self._client = client
        self._known = known
        self._operation = operation
        self._body = hostile.bodies(known)[operation.name] if operation.has_body else None

    def send(
        self, pieces: dict[str, str], sent: str, body: dict[str, Any] | None = None, **headers: bytes
    ) -> httpx.Response:
        """Send well known values, except in these pieces of the URL, keys of the body, and headers."""
        content = None if self._body is None else hostile.as_json(self._body | (body or {}))
        answer = self._client.request(
            self._operation.method,
            hostile.url(self._operation, self._known, pieces),
            content=content,
            headers={b"Content-Type": b"application/json", **{k.encode(): v for k, v in headers.items()}},
        )
        hostile.assert_harmless(self._operation, answer, sent)
        return answer


@each([operation for operation in OPERATIONS if operation.at("path", "query", "header")])
def test_parameters(
    operation: Operation, client: httpx.Client, known: dict[str, str], database_url: str
) -> None:
    before = asyncio.run(hostile.checksums(database_url, *(WRITTEN if operation.writes else ())))
    sender = Sender(client, known, operation)
    for field in operation.at("path", "query"):
        texts = OTHER_TYPES if not field.text else TEXTS if field.where == "path" else {}
        for value in texts.values() or [TEXTS[name] for name in STRONGEST]:
            sender.send({field.name: hostile.escaped(value)}, value)
        for octets in RAW_OCTETS:
            sender.send({field.name: octets}, octets)
    texts_asked = [field.name for field in operation.at("query") if field.text]
    for value in TEXTS.values() if texts_asked else ():
        # A URL has room for one long text.
        asked = texts_asked if len(value) < 1_000 else texts_asked[:1]
        sender.send({name: hostile.escaped(value) for name in asked}, value)
    for field in operation.at("header"):
        for value in (TEXTS | OTHER_TYPES).values():
            if value.isprintable():
                sender.send({}, value, **{field.name: value.encode()})
    assert asyncio.run(hostile.checksums(database_url, *(WRITTEN if operation.writes else ()))) == before
