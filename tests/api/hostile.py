"""Requests that mean harm, for every operation of the OpenAPI document, and what answers must not do."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx

from backend.config import without_driver

WRITES = ("post", "put", "patch", "delete")

TEXTS: dict[str, str] = {
    "always-true": "' OR '1'='1",
    "always-true-comment": "x' OR 1=1 --",
    "stacked": "'; DROP TABLE signals; --",
    "union": "' UNION SELECT email, hashed_password FROM users --",
    "sleep": "'||(SELECT pg_sleep(20))||'",
    "dollar-quote": "$$; SELECT version(); $$ $1 $2",
    "other-quotes": '\\\'" OR ""="; SELECT 1; /* -- ',
    "wildcard": "%",
    "underscore-wildcard": "_%_",
    "format": "%s %(id)s %d %n {0} {id} ${x}",
    "bind": ":signal_id :id ::uuid @id",
    "template": "{{7*7}} {% for x in y %} ${7*7} #{7*7} <%= 7*7 %>",
    "dimension": "{{ Dimension('signal__id') }} = 'x'",
    "cypher": "') MATCH (n) DETACH DELETE n RETURN n //",
    "json-path": "$.*[?(@.x==1)] || strict $[*]",
    "tsquery": "a & | ! :* <-> ((",
    "traversal": "../../../../etc/passwd",
    "url": "file:///etc/passwd",
    "nul": "\0",
    "nul-inside": "SPRUCE\0COURT",
    "controls": "\x01\x07\x08\x0b\x1b[31m\x7f\x85",
    "line-breaks": "a\r\nX-Injected: yes\r\n\r\n",
    "right-to-left": "\u202eevil\u2066\u2069 \u05d0\u0628",
    "emoji": "\U0001f3e5\U0001f468\u200d\u2695\ufe0f",
    "combining": "a" + "\u0301" * 300,
    "noncharacter": "\uffff\ufdd0\ufeff",
    "lone-surrogate": "\ud800",
    "markup": "<script>alert(1)</script><!--",
    "formula": "=cmd|' /C calc'!A0",
    "long": "A" * 1_999,
    "too-long": "'" * 10_001,
    "blank": " \t\u00a0\u2003",
    "null": "null",
    "prototype": "__proto__.__class__.__mro__",
}
"""Texts for where any text may stand."""

STRONGEST = ("always-true", "stacked", "nul-inside", "lone-surrogate", "wildcard", "long")
"""Those of TEXTS that each parameter of a query gets on its own too."""

OTHER_TYPES: dict[str, str] = {
    "negative": "-1",
    "zero": "0",
    "beyond-int64": "9223372036854775808",
    "huge": "9" * 400,
    "too-many-digits": "1" * 5_000,
    "exponent": "1e400",
    "not-a-number": "NaN",
    "infinity": "-Infinity",
    "hexadecimal": "0x1F",
    "arabic-digits": "\u0661\u0662",
    "object": '{"$ne": null}',
    "nil-uuid": "00000000-0000-0000-0000-000000000000",
    "uuid-in-braces": "{12345678-1234-5678-1234-567812345678}",
    "uuid-and-more": "12345678-1234-5678-1234-567812345678' OR 1=1",
    "first-year": "0001-01-01T00:00:00+14:00",
    "last-year": "9999-12-31T23:59:59-14:00",
    "no-such-day": "2026-02-30",
    **{name: TEXTS[name] for name in STRONGEST},
}
"""Texts for where a number, an id, a time or one of a few words must stand."""

RAW_OCTETS = ("%FF", "%C0%80", "%ED%A0%80%ED%B0%80", "%F4%90%80%80", "%", "%zz", "%u0000", "%2500", "+")
"""Pieces of URLs that are no UTF-8, or no percent-encoding."""

_LEAKS = re.compile(
    r"Traceback \(most recent|File \"/|\.py\b|site-packages|/usr/|/home/|/tmp/"
    r"|sqlalchemy|asyncpg|pydantic_core|starlette|DBAPIError|SQLSTATE|search_path"
    r"|\bSELECT\b.+\bFROM\b|\bINSERT INTO\b|\bUPDATE\b.+\bSET\b|\bDELETE FROM\b|::uuid|::text|\$\d+"
    r"|syntax error at|relation \"|column \"|invalid input syntax|invalid byte sequence"
    r"|violates .*constraint|postgres(ql)?(\+asyncpg)?://",
    re.IGNORECASE,
)
_SECRETS = re.compile(r"hashed_password|key_hash|postgres(ql)?(\+asyncpg)?://\w+:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a key of the body."""

    name: str
    where: str
    text: bool
    listed: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as the document describes it."""

    name: str
    method: str
    path: str
    fields: tuple[Field, ...]
    statuses: frozenset[int]
    has_body: bool

    @property
    def writes(self) -> bool:
        """Whether the method is one that may change something."""
        return self.method in WRITES

    @property
    def ids(self) -> tuple[Field, ...]:
        """Fields that hold the id of one thing."""
        return tuple(field for field in self.fields if field.name.endswith("_id") and not field.listed)

    def at(self, *where: str) -> tuple[Field, ...]:
        """Fields of these places."""
        return tuple(field for field in self.fields if field.where in where)


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation under /api."""
    return [
        Operation(
            name=operation["operationId"],
            method=method,
            path=path,
            fields=(*_parameters(operation, document), *_body_fields(operation, document)),
            statuses=frozenset(int(status) for status in operation["responses"]),
            has_body="requestBody" in operation,
        )
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if path.startswith("/api")
    ]


def _parameters(operation: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Field]:
    for parameter in operation.get("parameters", []):
        yield _field(parameter["name"], parameter["in"], parameter["schema"], document)


def _body_fields(operation: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Field]:
    if "requestBody" in operation:
        schema = _resolved(operation["requestBody"]["content"]["application/json"]["schema"], document)
        for name, described in schema["properties"].items():
            yield _field(name, "body", described, document)


def _field(name: str, where: str, schema: Mapping[str, Any], document: Mapping[str, Any]) -> Field:
    kinds = [_resolved(kind, document) for kind in schema.get("anyOf", [schema])]
    items = [_resolved(kind["items"], document) for kind in kinds if kind.get("type") == "array"]
    text = any(
        kind.get("type") == "string" and "enum" not in kind and "format" not in kind
        for kind in [*kinds, *items]
    )
    return Field(name, where, text, bool(items))


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def escaped(value: str) -> str:
    """``value`` for a URL, every character escaped that can be; surrogates as the octets they would be."""
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


def url(operation: Operation, known: Mapping[str, str], pieces: Mapping[str, str]) -> str:
    """Where to send a request: ``pieces`` are escaped values by parameter, the rest is well known."""
    path = operation.path
    for field in operation.at("path"):
        piece = pieces.get(field.name) or escaped(known[field.name])
        path = path.replace(f"{{{field.name}}}", piece)
    # A stream that is let through is to end soon.
    query = {"seconds": "1"} if any(field.name == "seconds" for field in operation.fields) else {}
    query |= {field.name: pieces[field.name] for field in operation.at("query") if field.name in pieces}
    return path + ("?" + "&".join(f"{name}={piece}" for name, piece in query.items()) if query else "")


def assert_harmless(operation: Operation, answer: httpx.Response, sent: str = "") -> None:
    """Nothing but a documented answer, in one form when it is a refusal, that tells nothing of the inside.

    ``sent`` is what the request held, which a refusal may repeat.
    """
    told = f"{operation.name} answered {answer.status_code} to {sent[:60]!r}: {answer.text[:500]}"
    # A slash, or the end of a line, makes it another path: none, one with other methods, or a shorter one.
    elsewhere = {307, 404, 405} if "/" in sent or "\n" in sent else set()
    assert answer.status_code < 500, told
    assert answer.status_code in operation.statuses | elsewhere, told
    assert "x-injected" not in answer.headers, told
    assert _SECRETS.search(sent) or not _SECRETS.search(answer.text), told
    if answer.status_code == 307:
        assert answer.headers["location"].startswith(str(answer.request.url.copy_with(path="/api/"))), told
    if answer.status_code < 400:
        return
    assert answer.headers["content-type"] == "application/problem+json", told
    body = answer.json()
    assert body["status"] == answer.status_code, told
    assert body["type"].startswith("urn:quality-compass:problem:"), told
    assert body["request_id"] == answer.headers["x-request-id"], told
    del body["request_id"]
    for leaf in _leaves(body):
        assert not _LEAKS.search(leaf.replace(sent, "") if sent else leaf), told


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            # What was sent comes back in two places: as such, and as the path that was asked for.
            if key not in ("input", "instance"):
                yield str(key)
                yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield str(value)


class Watch:
    """Sees whether a database changed."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._known: dict[str, str] = {}

    def changed(self) -> set[str]:
        """Names of the tables that are not as they were at the last look; at the first one, of all."""
        found = asyncio.run(self._checksums())
        changed = {name for name in found.keys() | self._known if found.get(name) != self._known.get(name)}
        self._known = found
        return changed

    async def _checksums(self) -> dict[str, str]:
        connection = await asyncpg.connect(without_driver(self._url))
        try:
            tables = await connection.fetch(
                "select format('%I.%I', schemaname, tablename) as name from pg_tables"
                " where schemaname not in ('pg_catalog', 'information_schema')"
            )
            each = [
                f"select '{name}', concat(count(*), ' ', sum(hashtextextended(row::text, 0))) from {name} row"
                for (name,) in tables
            ]
            return dict(await connection.fetch(" union all ".join(each)))
        finally:
            await connection.close()


def as_json(value: Any) -> bytes:
    """``value`` as JSON in ASCII, so that half a surrogate pair can be sent."""
    return json.dumps(value).encode()
