"""PostGraphile, a server that makes a GraphQL API of a database by itself; needs npm and its registry."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from sqlalchemy.engine import make_url

from backend.db.models import Signal as Row
from backend.schemas.signals import Signal
from tests.benchmarks.servers import Server, answers_to
from tests.support.compass import free_port

VERSION = "4.14.1"
POOL_SIZE = 10
PATH = "/graphql"
_START_SECONDS = 60.0
_ENDING_SECONDS = 20.0
_ORDERS = {
    "list": "orderBy: [DETECTED_AT_DESC, ID_ASC], condition: {active: true}",
    "list, filtered": 'orderBy: [DETECTED_AT_DESC, ID_ASC], condition: {active: true, domain: "Efficiency"}',
    "list, sorted": "orderBy: [SIMPLIFIED_SEVERITY_DESC, ID_ASC], condition: {active: true}",
    "list, deep page": "orderBy: [DETECTED_AT_DESC, ID_ASC], condition: {active: true}, offset: %d",
}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


def questions(offset: int) -> dict[str, bytes]:
    """The lists of signals as GraphQL asks for them, by name; the deep page begins at ``offset``."""
    fields = " ".join(_camel(column.name) for column in Row.__table__.c if column.name in Signal.model_fields)
    found = {}
    for name, arguments in _ORDERS.items():
        chosen = arguments % offset if "%d" in arguments else arguments
        nodes = f"nodes {{ {fields} usualAssignmentBySignalId {{ status }} }}"
        query = f"{{ allUsualSignals(first: 25, {chosen}) {{ totalCount {nodes} }} }}"
        found[name] = json.dumps({"query": query}).encode()
    return found


@contextmanager
def postgraphile(database_url: str, folder: Path) -> Iterator[Server]:
    """The server on a database, installed below ``folder`` and ended with the block."""
    install = ["npm", "install", "--silent", "--prefix", str(folder), f"postgraphile@{VERSION}"]
    subprocess.run(install, check=True, capture_output=True, timeout=300)
    url = make_url(database_url).set(drivername="postgresql")
    if url.host is None:
        url = url.set(host="localhost", password=url.password or "none")
    port = free_port()
    command = [str(folder / "node_modules/.bin/postgraphile"), "--port", str(port), "--host", "127.0.0.1"]
    command += ["--connection", url.render_as_string(hide_password=False), "--schema", "public"]
    command += ["--disable-query-log", "--disable-graphiql", "--max-pool-size", str(POOL_SIZE)]
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        try:
            while not answers_to(port, PATH, b'{"query": "{ __typename }"}'):
                late = time.perf_counter() - began > _START_SECONDS
                if late or child.poll() is not None:
                    said.seek(0)
                    raise AssertionError(f"PostGraphile did not start: {said.read().decode()[-3000:]}")
                time.sleep(0.1)
            yield Server(psutil.Process(child.pid), port, time.perf_counter() - began)
        finally:
            child.terminate()
            child.wait(timeout=_ENDING_SECONDS)
