"""A port: accepts without ever waiting for a peer. A TLS handshake is for the connection's own thread."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

import structlog

from node.config import at

log = structlog.get_logger()

BACKLOG = 512
#: One reason why nobody can be welcomed is logged so often, seconds.
_SILENT_SECONDS = 60.0


class Listener:
    """Args: host, port: 0 means any free one; shared: with other processes; welcome: gets socket and peer's address."""

    def __init__(self, host: str, port: int, shared: bool, welcome: Callable[[socket.socket, str], None]) -> None:
        self._host, self._port, self._shared, self._welcome = host, port, shared, welcome
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._thread = threading.Thread(target=self._accept, name="acceptor", daemon=True)
        self._stopping = False
        self._said = "", 0.0

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._socket.getsockname()[1])

    def bind(self) -> None:
        """Have the port. Raises OSError, which names it, when it cannot be used."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._shared:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            self._socket.bind((self._host, self._port))
            self._socket.listen(BACKLOG)
        except OSError as error:
            raise OSError(error.errno, error.strerror, at(self._host, self._port)) from error

    def start(self) -> None:
        """Welcome who comes."""
        self._thread.start()

    def stop(self) -> None:
        """Welcome nobody any more; the port is free again."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while not self._stopping:
            try:
                sock, (address, *_) = self._socket.accept()
            except OSError as error:
                if not self._stopping:  # out of descriptors, or the peer has gone already
                    self._say(error.strerror or type(error).__name__)
                    time.sleep(0.05)
                continue
            self._welcome(sock, address)

    def _say(self, why: str) -> None:
        """In the log, the same not again for a while: it may last, and comes twenty times a second."""
        said, now = self._said, time.monotonic()
        if why != said[0] or now - said[1] >= _SILENT_SECONDS:
            self._said = why, now
            log.warning("accept failed", why=why)
