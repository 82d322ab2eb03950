"""Run the API server on a database that a command has made ready."""

from __future__ import annotations

import os
import socket
import tempfile
from contextlib import ExitStack

from transforms.errors import CompassError, UsageError

APPLICATION = "backend.main:create_app"
_STARTUP_FAILURE = 3
"""Exit code with which uvicorn says that the application did not start."""


class PortBusy(UsageError):
    """The address cannot be bound."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host = host
        self.port = port
        super().__init__(f"cannot serve on {host}:{port}: {reason}", "choose another port with --port")


class ServerFailed(CompassError):
    """The application did not start."""

    exit_code = 4

    def __init__(self) -> None:
        super().__init__("the server did not start", "see the messages above")


def require_free_port(host: str, port: int) -> None:
    """Raise PortBusy unless ``host:port`` can be bound now, before any long work is done."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = addresses[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise PortBusy(host, port, error.strerror or str(error)) from error


def require_safe_binding(host: str) -> None:
    """Raise RemoteWithoutAuthentication when other machines could call and nobody has to sign in."""
    from backend.auth.authenticator import is_loopback
    from backend.auth.errors import RemoteWithoutAuthentication
    from backend.config import get_settings

    settings = get_settings()
    if settings.AUTH_MODE == "none" and not settings.TRUST_NETWORK and not is_loopback(host):
        raise RemoteWithoutAuthentication(host)


def run_server(database_url: str, host: str, port: int, workers: int) -> None:
    """Serve until interrupted, which is a normal end; workers find the database in the environment.

    Raises ServerFailed when the application does not start; it has said why.
    """
    os.environ["DATABASE_URL"] = database_url
    with ExitStack() as kept:
        if workers > 1:
            # The database answered just now. A worker that takes the place of one that died must not fail
            # because it is away: were it to, the others would be stopped too.
            os.environ.setdefault("START_WITHOUT_DATABASE", "true")
            writes = kept.enter_context(tempfile.NamedTemporaryFile(prefix="compass-writes-"))
            os.environ.setdefault("WRITES_FILE", writes.name)
        _run(host, port, workers)


def _run(host: str, port: int, workers: int) -> None:
    import uvicorn

    try:
        uvicorn.run(
            APPLICATION,
            factory=True,
            host=host,
            port=port,
            workers=workers,
            log_config=None,
            access_log=False,
        )
    except KeyboardInterrupt:
        return
    except SystemExit as ended:
        if ended.code == _STARTUP_FAILURE:
            raise ServerFailed from ended
        raise
