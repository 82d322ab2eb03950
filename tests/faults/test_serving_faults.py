"""A served API whose PostgreSQL stops, dies, fills up, stalls or is cut off, with two workers.

Whatever happens: who cannot be served hears so in time, nobody hears anything internal, what was
accepted is there afterwards exactly once, and the service recovers by itself.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from tests.support.compass import serving
from tests.support.disk import small_disk, used
from tests.support.disturbed import Api, assert_problem, wait_for, writing
from tests.support.lifecycle import make_baseline
from tests.support.manifests import connected, execute, until
from tests.support.planted import PASSWORD
from tests.support.postgres import postgres
from tests.support.proxy import Proxy
from tests.support.requests import RELOAD, operations

pytestmark = pytest.mark.slow

STATEMENT_SECONDS = 2


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("runs")
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        baseline = make_baseline(server.url, folder)
        proxy = stack.enter_context(Proxy(server.url))
        assert make_url(proxy.url).password == PASSWORD
        said = stack.enter_context((folder / "said").open("w+b"))
        extra = {"DATABASE_STATEMENT_TIMEOUT": str(STATEMENT_SECONDS), "LOG_FORMAT": "json"}
        client = stack.enter_context(serving(proxy.url, "--workers", "2", said=said, **extra))
        yield Api(client, server, proxy, baseline, said, operations(client))


@pytest.fixture(autouse=True)
def nothing_unforeseen(api: Api) -> Iterator[None]:
    """After each fault all is as before, and the log knows no error that nobody foresaw."""
    yield
    api.proxy.heal()
    # It runs by now, unless the test has failed.
    api.postgres.ensure()
    api.recovered()
    api.said.seek(0)
    said = api.said.read().decode()
    for forbidden in ("Traceback", "request failed unexpectedly", "statement failed", PASSWORD):
        assert forbidden not in said


def refused(api: Api, *slugs: str) -> None:
    """Nothing that needs the database is served."""
    for answer in api.ask(api.operations).values():
        assert_problem(answer, *slugs)
    assert_problem(api.client.get("/ready"), *slugs)


UNAVAILABLE = ("database-unavailable", "ontology-unavailable")


@pytest.mark.parametrize("end", [pytest.param("stop", marks=pytest.mark.thorough), "kill"])
def test_the_server_goes_and_comes_back(api: Api, end: str) -> None:
    with writing(api) as writer:
        getattr(api.postgres, end)()
        refused(api, *UNAVAILABLE)
        api.postgres.start()
    assert writer.uncertain


@pytest.mark.thorough
def test_a_reader_of_the_feed_misses_nothing(api: Api) -> None:
    signal = api.client.get("/api/signals?limit=1").json()["signals"][0]["id"]

    def comment(text: str) -> None:
        made = api.client.post(f"/api/signals/{signal}/comments", json={"content": text})
        assert made.status_code == 201

    last, seen = follow(api, None, lambda: comment("feed-0"))
    assert seen == "feed-0"
    for number in (1, 2):
        text = f"feed-{number}"
        api.postgres.restart()
        api.recovered()
        comment(text)
        last, seen = follow(api, last)
        assert seen == text


def follow(
    api: Api, last: str | None, connected: Callable[[], None] = lambda: None
) -> tuple[str, str | None]:
    """Read the stream from an event on to the end of the next one: its id, and the comment it tells of."""
    text = None
    headers = {} if last is None else {"Last-Event-ID": last}
    with api.client.stream("GET", "/api/feed/stream?seconds=10", headers=headers) as stream:
        assert stream.status_code == 200
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                last = value
            elif name == "data":
                text = json.loads(value)["payload"]["content"]
            elif not line and text is not None:
                break
            elif not line:
                # The stream has begun.
                connected()
    assert last is not None
    return last, text


@pytest.mark.thorough
def test_no_connection_is_left(api: Api) -> None:
    with writing(api):
        api.postgres.restart("max_connections=3", "superuser_reserved_connections=0")
        asyncio.run(_take_all(api))
        api.postgres.restart()


async def _take_all(api: Api) -> None:
    """Hold every connection, and see that the service says so."""
    plain = api.postgres.url.replace("+asyncpg", "")
    held: list[asyncpg.Connection] = []
    try:
        while len(held) < 3:
            if held:
                await held[0].execute(_THROW_OUT)
            with suppress(asyncpg.TooManyConnectionsError):
                held.append(await asyncpg.connect(plain))
        await asyncio.to_thread(refused, api, *UNAVAILABLE)
    finally:
        for each in held:
            each.terminate()


_THROW_OUT = """
select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'quality-compass%'
"""


def test_a_table_is_locked(api: Api) -> None:
    with writing(api):
        asyncio.run(_lock(api))


async def _lock(api: Api) -> None:
    async with connected(api.postgres.url) as opened:
        # Else a list that was read before, and that nobody has written since, would still be right.
        await opened.execute("update public.data_versions set version = version + 1")
        transaction = opened.transaction()
        await transaction.start()
        await opened.execute("lock table public.signals in access exclusive mode")
        answers = await asyncio.to_thread(api.ask, api.reads)
        listed = next(answer for each, answer in answers.items() if each.path == "/api/signals")
        assert_problem(listed, "statement-timeout")
        # The database answers, and the schema is right: who need not wait for the table is served.
        assert (await asyncio.to_thread(api.client.get, "/ready")).status_code == 200
        await transaction.rollback()


@pytest.mark.thorough
def test_the_network_is_slow(api: Api) -> None:
    with writing(api):
        api.proxy.delay(0.02)
        assert {answer.status_code for answer in api.ask(api.reads).values()} <= {200, 404, 503}
        api.proxy.delay(3.0)
        assert_problem(api.client.get("/api/signals", headers=RELOAD), *UNAVAILABLE)
        api.proxy.heal()


@pytest.mark.thorough
def test_the_network_swallows_everything(api: Api) -> None:
    with writing(api) as writer:
        with api.proxy.silent():
            refused(api, *UNAVAILABLE)
        assert writer.uncertain


@pytest.mark.thorough
def test_an_answer_is_swallowed(api: Api) -> None:
    """The database ends the statement in time, and nobody hears of it."""
    asyncio.run(_lock_and_swallow(api))


async def _lock_and_swallow(api: Api) -> None:
    async with connected(api.postgres.url) as opened:
        # Else a list that was read before, and that nobody has written since, would still be right.
        await opened.execute("update public.data_versions set version = version + 1")
        transaction = opened.transaction()
        await transaction.start()
        await opened.execute("lock table public.signals in access exclusive mode")
        # Nobody has asked this before, so that there is no answer in memory.
        asked = asyncio.to_thread(api.client.get, "/api/signals?limit=99", headers=RELOAD)
        waiting = asyncio.create_task(asked)
        await until(api.postgres.url, _WAITS)
        with api.proxy.silent():
            assert_problem(await waiting, *UNAVAILABLE)
        await transaction.rollback()


_WAITS = "select exists (select from pg_stat_activity where wait_event_type = 'Lock')"


@pytest.mark.thorough
def test_connections_are_cut_in_the_middle(api: Api) -> None:
    with writing(api):
        for count in (0, 100, 1_000, 10_000, 50_000):
            api.proxy.cut_after(count)
            api.ask(api.reads)
            api.proxy.cut()


def test_the_server_takes_no_writes(api: Api) -> None:
    with writing(api):
        api.postgres.restart("default_transaction_read_only=on")
        wait_for(lambda: api.client.get("/ready").status_code == 200)
        assert api.client.get("/ready").json()["writable"] is False
        for each, answer in api.ask(api.operations).items():
            if each.method == "GET":
                assert answer.status_code in (200, 404), (str(each), answer.text)
            elif answer.status_code == 503:
                assert_problem(answer, *UNAVAILABLE)
            else:
                # What is refused for a reason of its own, and what only reads.
                assert answer.status_code < 500
        api.postgres.restart()


@pytest.mark.thorough
def test_a_worker_dies_and_is_replaced(api: Api) -> None:
    with writing(api) as writer:
        before = {each.pid for each in api.workers()}
        assert len(before) == 2
        api.workers()[0].kill()
        wait_for(lambda: len({each.pid for each in api.workers()} - before) == 1)
    assert len(writer.uncertain) <= 1


@pytest.mark.thorough
def test_all_workers_die_while_the_database_is_away(api: Api) -> None:
    """Those that replace them start without it, and say so."""
    api.postgres.stop()
    former = {each.pid for each in api.workers()}
    for worker in api.workers():
        worker.kill()
    wait_for(lambda: len({each.pid for each in api.workers()} - former) == 2)
    # Asked before one serves: who connects by then is answered as soon as it does.
    assert api.client.get("/health").status_code == 200
    refused(api, *UNAVAILABLE)
    api.postgres.start()
    api.recovered()


@pytest.mark.thorough
def test_the_disk_is_full(api: Api) -> None:
    with small_disk(api.postgres.home / "disk", api.postgres.owner) as resize:
        url = api.postgres.url
        place = api.postgres.home / "disk"
        asyncio.run(execute(url, f"create tablespace small location '{place}'"))
        try:
            asyncio.run(execute(url, "alter table public.activity_events set tablespace small"))
            with writing(api) as writer:
                resize(str(used(place)))
                wait_for(lambda: len(writer.uncertain) > 3)
                assert {answer.status_code for answer in api.ask(api.reads).values()} <= {200, 404}
                resize("256m")
        finally:
            asyncio.run(execute(url, "alter table public.activity_events set tablespace pg_default"))
            asyncio.run(execute(url, "drop tablespace small"))


@pytest.mark.thorough
def test_the_artifacts_are_gone(api: Api) -> None:
    """Last of all: what is served came into the database with the run."""
    before = {each: answer.status_code for each, answer in api.ask(api.reads).items()}
    folder: Path = api.baseline.a.path.parents[1]
    shutil.rmtree(folder / api.baseline.a.path.parent.name)
    assert {each: answer.status_code for each, answer in api.ask(api.reads).items()} == before
