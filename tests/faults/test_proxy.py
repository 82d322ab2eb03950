"""The proxy that other tests disturb connections with does what it is told."""

from __future__ import annotations

import time
from collections.abc import Iterator

import asyncpg
import pytest

from tests.support.manifests import rows
from tests.support.proxy import Proxy
from transforms.database import plain_dsn

LOST = (ConnectionError, asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError)


@pytest.fixture
def proxy(server_url: str) -> Iterator[Proxy]:
    with Proxy(server_url) as made:
        yield made


async def test_it_passes_everything_on(proxy: Proxy) -> None:
    assert await rows(proxy.url, "select repeat('x', 300000) = repeat('x', 300000)") == [(True,)]


async def test_it_cuts(proxy: Proxy) -> None:
    opened = await asyncpg.connect(plain_dsn(proxy.url))
    proxy.cut()
    with pytest.raises(LOST):
        await opened.fetchval("select 1")
    assert await rows(proxy.url, "select 1") == [(1,)]


async def test_it_cuts_in_the_middle_of_an_answer(proxy: Proxy) -> None:
    opened = await asyncpg.connect(plain_dsn(proxy.url))
    proxy.cut_after(100_000)
    assert await opened.fetchval("select 1") == 1
    with pytest.raises(LOST):
        await opened.fetchval("select repeat('x', 300000)")
    assert await rows(proxy.url, "select 1") == [(1,)]


async def test_it_delays(proxy: Proxy) -> None:
    opened = await asyncpg.connect(plain_dsn(proxy.url))
    proxy.delay(0.1)
    started = time.monotonic()
    assert await opened.fetchval("select 1") == 1
    assert time.monotonic() - started >= 0.2
    await opened.close()


async def test_it_swallows_and_tells_nobody(proxy: Proxy) -> None:
    opened = await asyncpg.connect(plain_dsn(proxy.url))
    with proxy.silent():
        with pytest.raises(TimeoutError):
            await opened.fetchval("select 1", timeout=0.3)
        with pytest.raises(TimeoutError):
            await asyncpg.connect(plain_dsn(proxy.url), timeout=0.3)
    opened.terminate()
    assert await rows(proxy.url, "select 1") == [(1,)]


async def test_it_refuses(proxy: Proxy) -> None:
    proxy.refuse()
    with pytest.raises(LOST):
        await asyncpg.connect(plain_dsn(proxy.url))
    proxy.heal()
    assert await rows(proxy.url, "select 1") == [(1,)]
