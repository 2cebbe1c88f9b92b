"""A TCP server on 127.0.0.1 with a thread for each connection, for peers that take messages."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from typing import Self


class TcpPeer:
    """Calls :meth:`serve` for each connection. As a context manager it is gone at the end.

    Args:
        port: 0: any that is free.
        tls: over TLS with this context.
    """

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        outer, self.over = self, threading.Event()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer.connections += 1
                with contextlib.suppress(OSError):
                    outer._serve(self.request, tls)

        self._server = _Server(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def serve(self, connection: socket.socket) -> None:
        """Read and answer; an OSError ends it. `over` is set when the server ends."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        if tls is None:
            self.serve(connection)
            return
        with tls.wrap_socket(connection, server_side=True) as secured:
            self.serve(secured)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
