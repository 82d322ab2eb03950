"""Hostile texts in every parameter and every body: refused or harmless, never a fault, never a leak."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from backend.config import Settings
from backend.main import create_app
from tests.api import furnished, hostile
from tests.api.hostile import OTHER_TYPES, RAW_OCTETS, STRONGEST, TEXTS, Operation, Watch, as_json, escaped
from tests.support.compass import serving

pytestmark = pytest.mark.slow

OPERATIONS = hostile.operations(create_app(Settings(_env_file=None)).openapi())
READING = [operation for operation in OPERATIONS if not operation.writes]
WRITING = [operation for operation in OPERATIONS if operation.writes]
# What writes that are accepted may change.
WRITTEN = {
    f"public.{name}"
    for name in ("signals", "assignments", "activity_events", "event_reads", "users", "data_versions")
}


def each(chosen: list[Operation]) -> pytest.MarkDecorator:
    """A test a operation."""
    return pytest.mark.parametrize("operation", chosen, ids=lambda operation: operation.name)


@pytest.fixture(scope="module")
def known(ingested_url: str) -> dict[str, str]:
    """Values that parameters can have, in a database with the sample run."""
    return furnished.furnish(ingested_url)


@pytest.fixture(scope="module")
def client(ingested_url: str, known: dict[str, str]) -> Iterator[httpx.Client]:
    """A client of a server on it."""
    with serving(ingested_url) as opened:
        yield opened


JSON = {b"Content-Type": b"application/json"}
KINDS = ("signal_id", "user_id", "event_id", "assignment_id", "facility_id", "run_id", "before")
# Parameters that take ids of a kind that has another name.
SAME = {"assignee_id": "user_id"}
# The answer of the one list below a path that does not ask whether what it is about exists.
NO_NEIGHBORS = {"neighbors": [], "count": 0}


@dataclass(frozen=True, slots=True)
class Case:
    """A request: what is not well known of the URL (escaped), of the body, and of the headers."""

    sent: str
    pieces: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[bytes, bytes] = field(default_factory=dict)


class Sender:
    """Sends requests for an operation, and judges what comes back."""

    def __init__(self, client: httpx.Client, known: dict[str, str], operation: Operation) -> None:
        self._client = client
        self._known = known
        self._operation = operation
        self._body = furnished.bodies(known)[operation.name] if operation.has_body else None

    def send(self, case: Case) -> httpx.Response:
        """Send a request, well known values where it says nothing else."""
        answer = self._client.request(
            self._operation.method,
            hostile.url(self._operation, self._known, case.pieces),
            content=None if self._body is None else as_json(self._body | case.body),
            headers=JSON | case.headers,
        )
        hostile.assert_harmless(self._operation, answer, case.sent)
        return answer

    def send_all(self, cases: Iterable[Case], at_once: int = 1) -> None:
        """Send many."""
        with ThreadPoolExecutor(at_once) as pool:
            for _ in pool.map(self.send, cases):
                pass


@pytest.fixture(scope="module")
def watch(ingested_url: str, client: httpx.Client) -> Watch:
    """Looks at the database from now on."""
    looking = Watch(ingested_url)
    assert "public.signals" in looking.changed()
    return looking


def _parameter_cases(operation: Operation) -> Iterator[Case]:
    for each_field in operation.at("path"):
        for value in (TEXTS if each_field.text else OTHER_TYPES).values():
            yield Case(value, {each_field.name: escaped(value)})
        for octets in RAW_OCTETS if each_field.text else ():
            yield Case(octets, {each_field.name: octets})
    query = operation.at("query")
    # One invalid value hides what others would do: those that may be any text go together.
    texts, others = [one.name for one in query if one.text], [one.name for one in query if not one.text]
    for asked in texts:
        for name in STRONGEST:
            yield Case(TEXTS[name], {asked: escaped(TEXTS[name])})
    for names, values in ((texts, TEXTS), (others, OTHER_TYPES)):
        for value in values.values() if names else ():
            # A URL has room for one long text.
            some = names if len(value) < 1_000 else names[:1]
            yield Case(value, dict.fromkeys(some, escaped(value)))
    for octets in RAW_OCTETS if query else ():
        yield Case(octets, dict.fromkeys(texts + others, octets))
    for each_field in operation.at("header"):
        for value in (TEXTS | OTHER_TYPES).values():
            # No client sends others.
            if value.isprintable() and value == value.strip():
                yield Case(value, headers={each_field.name.encode(): value.encode()})


def _body_cases(operation: Operation) -> Iterator[Case]:
    for each_field in operation.at("body"):
        for value in (TEXTS if each_field.text else OTHER_TYPES).values():
            yield Case(value, body={each_field.name: [value] if each_field.listed else value})


def _id_cases(operation: Operation, known: dict[str, str]) -> Iterator[tuple[str, Case]]:
    for each_field in operation.ids:
        for kind in KINDS:
            if kind in (each_field.name, SAME.get(each_field.name)):
                continue
            value = known[kind]
            if each_field.where == "body":
                yield each_field.where, Case(value, body={each_field.name: value})
            else:
                yield each_field.where, Case(value, {each_field.name: escaped(value)})


@each(READING)
def test_reading(operation: Operation, client: httpx.Client, known: dict[str, str], watch: Watch) -> None:
    Sender(client, known, operation).send_all(_parameter_cases(operation), at_once=4)
    assert watch.changed() == set()


@each(WRITING)
def test_writing(operation: Operation, client: httpx.Client, known: dict[str, str], watch: Watch) -> None:
    Sender(client, known, operation).send_all((*_parameter_cases(operation), *_body_cases(operation)))
    assert watch.changed() <= WRITTEN
    assert client.get("/ready").status_code == 200


@each([operation for operation in OPERATIONS if operation.ids])
def test_ids_of_other_things(operation: Operation, client: httpx.Client, known: dict[str, str]) -> None:
    """A good id of the wrong kind is unknown, or finds nothing; it is never somebody else's row."""
    sender = Sender(client, known, operation)
    for where, case in _id_cases(operation, known):
        answer = sender.send(case)
        if where != "query":
            assert answer.status_code >= 400 or answer.json() == NO_NEIGHBORS, (case, answer.text)


FILTERS = {
    "/api/signals": (
        "facility",
        "system_name",
        "service_line",
        "sub_service_line",
        "metric_id",
        "signal_type",
    ),
    "/api/runs": ("graph",),
    "/api/modeling/experiments": ("run_id", "estimator"),
}


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, names in FILTERS.items() for name in names]
)
def test_filters_mean_what_they_say(path: str, name: str, client: httpx.Client) -> None:
    """No text widens a filter: nothing of it is SQL, a pattern, or a list of its own making."""

    def count(**asked: str) -> int:
        answer = client.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return int(body["total_count"] if "total_count" in body else body["count"])

    assert count() > 0
    for key in (
        "always-true",
        "always-true-comment",
        "wildcard",
        "underscore-wildcard",
        "json-path",
    ):
        assert count(**{name: TEXTS[key]}) == 0, key


def test_texts_are_kept_as_they_are(client: httpx.Client, known: dict[str, str]) -> None:
    path = f"/api/signals/{known['signal_id']}"
    accepted = 0
    for name, text in TEXTS.items():
        texts = {"description": text, "why_matters_narrative": text}
        edited = client.patch(path, content=as_json(texts), headers=JSON)
        comment = {"content": text, "mentions": [text[:200]]}
        said = client.post(f"{path}/comments", content=as_json(comment), headers=JSON)
        assert (edited.status_code, said.status_code) in ((200, 201), (422, 422)), name
        if edited.status_code == 200:
            accepted += 1
            signal, payload = client.get(path).json(), said.json()["payload"]
            assert signal["description"] == signal["why_matters_narrative"] == payload["content"] == text
            assert payload["mentions"] == [text[:200]]
    assert accepted > len(TEXTS) / 2
