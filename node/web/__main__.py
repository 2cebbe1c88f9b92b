"""`python -m node.web CONFIG [--lifeline]`: HTTP as a process of its own.

Prints `listening HOST PORT` when it is ready; SIGTERM drains it. With `--lifeline` it ends as well when its standard
input does, so it never outlives the process that started it.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys

import uvicorn

from node import child
from node.config import Settings, at
from node.errors import ConfigError
from node.ledger import Ledger
from node.lifeline import hold
from node.receive.identity import Identity
from node.spool import Spool
from node.web.app import Web

#: Limits of the server: connections at one time, seconds of silence on one, seconds to finish after SIGTERM.
_MOST_CONNECTIONS, _IDLE_SECONDS, _DRAIN_SECONDS = 128, 5, 5


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to end; the exit status."""
    return child.run("web", "Answer HTTP.", _serve, arguments)


def _serve(settings: Settings, lifeline: bool) -> None:
    data = settings.node.data_dir
    most = settings.receive.max_study_objects, settings.receive.max_study_mb << 20
    ledger = Ledger(data / "ledger.db", settings.storage.busy_seconds, *most)
    web = Web(settings, ledger, Spool(data / "spool", settings.storage.min_free_mb))
    server = uvicorn.Server(_configuration(web, settings))
    if lifeline:
        hold(lambda: setattr(server, "should_exit", True))
    with _listen(settings) as listener:
        print(f"listening {settings.web.host} {listener.getsockname()[1]}", flush=True)
        server.run([listener])
    web.close()


def _configuration(web: Web, settings: Settings) -> uvicorn.Config:
    context = _context(Identity(settings.tls, asks_clients=False)) if settings.web.tls else None
    return uvicorn.Config(
        web.application(),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.web.behind_proxy,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        ssl_context_factory=None if context is None else lambda *_: context,
    )


def _context(identity: Identity) -> ssl.SSLContext:
    """Of HTTPS: each handshake gets the certificate as it is then, so that a renewal needs no restart."""
    first = identity.context()

    def choose(sock: ssl.SSLObject | ssl.SSLSocket, *_: object) -> None:
        sock.context = identity.context()

    first.sni_callback = choose
    return first


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.web.host, settings.web.port
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        hint = "another web.port?"
        raise ConfigError(
            f"the port cannot be used: {os.strerror(error.errno or 0)}", about=at(host, port), hint=hint
        ) from error


if __name__ == "__main__":
    sys.exit(main())
