"""Two worker processes tell the same: what one of them or a command changes, the other shows in a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.compass import serving
from tests.support.lifecycle import A, B, Baseline, ingest, make_baseline
from tests.support.manifests import execute, rows
from transforms.lifecycle.publish import publish
from transforms.progress import NoProgress

pytestmark = pytest.mark.slow

SECONDS = 1.0


@pytest.fixture(scope="module")
def baseline(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    made = make_baseline(database_url, tmp_path_factory.mktemp("runs"))
    # Built, and published by a test.
    asyncio.run(ingest(database_url, made.b, publish=False))
    return made


@contextmanager
def both_workers(base_url: httpx.URL) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A client of each worker: a connection stays with the process that has accepted it."""
    found: dict[int, httpx.Client] = {}
    with ExitStack() as stack:
        deadline = time.monotonic() + 20
        while len(found) < 2:
            assert time.monotonic() < deadline, "one worker takes all connections"
            client = stack.enter_context(httpx.Client(base_url=base_url, timeout=10))
            answer = client.get("/health")
            _, port = answer.extensions["network_stream"].get_extra_info("client_addr")
            worker = accepted_by(port)
            if worker is not None:
                found.setdefault(worker, client)
        first, second = found.values()
        yield first, second


def accepted_by(port: int) -> int | None:
    """The child process whose connection comes from this port."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any(each.raddr and each.raddr.port == port for each in process.net_connections("tcp")):
                return process.pid
    return None


def shows(client: httpx.Client, path: str, key: str, value: object) -> None:
    """The answer has the value within a second; answers from memory count, that is the point."""
    deadline = time.monotonic() + SECONDS
    while (found := client.get(path).json()[key]) != value:
        assert time.monotonic() < deadline, (found, value)
        time.sleep(0.01)


@dataclass(frozen=True)
class Service:
    """What is served, and a client of each worker: a connection stays with who has accepted it."""

    baseline: Baseline
    first: httpx.Client
    second: httpx.Client
    said: Path


@pytest.fixture(scope="module")
def service(baseline: Baseline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Both workers find a table without signals when they start."""
    asyncio.run(execute(baseline.url, "truncate public.signals cascade"))
    path = tmp_path_factory.mktemp("said") / "said"
    with (
        path.open("w+b") as said,
        serving(baseline.url, "--workers", "2", said=said, LOG_FORMAT="json") as client,
        both_workers(client.base_url) as (first, second),
    ):
        yield Service(baseline, first, second, path)


def test_one_of_them_hydrates(service: Service) -> None:
    [(expected,)] = asyncio.run(rows(service.baseline.url, _SERVED))
    for worker in (service.first, service.second):
        assert worker.get("/api/signals").json()["total_count"] == expected > 0
    assert service.said.read_text().count("signals hydrated") == 1
    new = "select count(*) from public.activity_events where event_type = 'new_signal'"
    assert asyncio.run(rows(service.baseline.url, new)) == [(expected,)]


def test_what_one_writes_the_other_shows(service: Service) -> None:
    signal = service.first.get("/api/signals?limit=1").json()["signals"][0]["id"]
    path = f"/api/signals/{signal}"
    history = f"{path}/history"
    for number in range(10):
        text = f"text {number}"
        writer, reader = (service.first, service.second)[:: 1 if number % 2 else -1]
        # Both have answers in memory.
        before = [each.get(history).json()["total_count"] for each in (writer, reader)]
        assert before[0] == before[1]
        assert writer.patch(path, json={"description": text}).status_code == 200
        # Whoever wrote need not wait.
        assert writer.get(path).json()["description"] == text
        shows(reader, path, "description", text)
        assert writer.post(f"{path}/comments", json={"content": text}).status_code == 201
        assert writer.get(history).json()["total_count"] == before[0] + 1
        shows(reader, history, "total_count", before[0] + 1)


def test_another_worker_shows_a_write_at_once(service: Service) -> None:
    """Fault F56 of the system before: the read after a write must see it, whoever answers it."""
    path = f"/api/signals/{service.first.get('/api/signals?limit=1').json()['signals'][0]['id']}"
    for number in range(300):
        text = f"at once {number}"
        assert service.second.get(path).status_code == 200
        assert service.first.patch(path, json={"description": text}).status_code == 200
        assert service.second.get(path).json()["description"] == text


def test_what_is_published_both_show(service: Service) -> None:
    runs = {
        each.get("/api/signals?limit=1").json()["signals"][0]["run_id"]
        for each in (service.first, service.second)
    }
    assert runs == {A.partition("/")[2]}
    asyncio.run(publish(service.baseline.url, B, NoProgress()))
    deadline = time.monotonic() + SECONDS
    [(count,)] = asyncio.run(rows(service.baseline.url, _SERVED))
    for worker in (service.first, service.second):
        while (page := worker.get("/api/signals?limit=1").json())["signals"][0]["run_id"] in runs:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert page["total_count"] == count


_SERVED = """
select count(*) from public_marts.fct_signals f join public.runs r using (run_key)
where r.state = 'published' and f.metric_value is not null
"""
