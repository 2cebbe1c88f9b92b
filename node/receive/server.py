"""The listener: accepts without ever waiting for a peer, and ends in order."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from types import TracebackType

import structlog

from node.config import Settings
from node.ledger import Ledger
from node.receive.association import Association, House
from node.receive.commit import Committer
from node.receive.negotiate import Negotiator
from node.receive.places import Places
from node.receive.services import Node
from node.spool import Spool

log = structlog.get_logger()

BACKLOG = 512
#: Connections that have not associated yet, beyond the associations; more are closed at once.
MOST_STRANGERS = 512
#: How long an aborted association has to end, seconds.
_ENDING_SECONDS = 3.0


class Receiver:
    """A storage SCP. As a context manager it listens at entry and has drained at exit::

        with Receiver(settings, spool, ledger) as receiver:
            print(receiver.port)

    Args:
        settings: `node`, `receive` are read; port 0 means any free one.
        spool: prepared.
        ledger: written from one thread of the receiver.
    """

    def __init__(self, settings: Settings, spool: Spool, ledger: Ledger) -> None:
        self._settings = settings
        limits = settings.receive
        self._committer = Committer(ledger)
        self._house = House(
            limits=limits,
            negotiator=Negotiator(settings.node, limits),
            node=Node(spool, self._committer, limits.max_object_mb << 20),
            places=Places(limits.max_associations, limits.max_per_peer),
        )
        self._listener = socket.socket(socket.AF_INET6 if ":" in settings.node.host else socket.AF_INET)
        self._acceptor = threading.Thread(target=self._accept, name="acceptor", daemon=True)
        self._running: dict[Association, threading.Thread] = {}
        self._lock = threading.Lock()
        self._stopping = False

    def __enter__(self) -> Receiver:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.drain(0.0 if kind else 1.0)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Listen. Raises OSError when the address is taken."""
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # its messages quote what peers sent
        node, limits = self._settings.node, self._settings.receive
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if limits.processes > 1:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._listener.bind((node.host, node.port))
        self._listener.listen(BACKLOG)
        self._committer.__enter__()
        self._acceptor.start()
        log.info("listening", host=node.host, port=self.port, ae_title=node.ae_title)

    def drain(self, seconds: float) -> None:
        """Take no new associations, let those that run finish for so long, then abort the rest."""
        self._stop_listening()
        deadline = time.monotonic() + seconds
        for association, thread in self._snapshot():
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                association.interrupt("the node stops")
        deadline = time.monotonic() + _ENDING_SECONDS
        for _, thread in self._snapshot():
            thread.join(max(0.0, deadline - time.monotonic()))
        self._committer.__exit__()

    def stop(self) -> None:
        """Abort every association now; what was acknowledged is safe, what was not is gone."""
        self.drain(0.0)

    def _stop_listening(self) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._acceptor.join()
        self._listener.close()

    def _snapshot(self) -> list[tuple[Association, threading.Thread]]:
        with self._lock:
            return list(self._running.items())

    def _accept(self) -> None:
        while not self._stopping:
            try:
                sock, (address, *_) = self._listener.accept()
            except OSError as error:
                if not self._stopping:  # out of descriptors, or the peer has gone already
                    log.warning("accept failed", why=error.strerror)
                    time.sleep(0.05)
                continue
            self._begin(sock, address)

    def _begin(self, sock: socket.socket, address: str) -> None:
        try:
            if len(self._running) >= self._settings.receive.max_associations + MOST_STRANGERS:
                raise OSError("too many connections")
            association = Association(sock, address, self._house)
            thread = threading.Thread(target=self._run, args=(association,), daemon=True)
            with self._lock:  # so that it is listed before it can end, and only if it has begun
                thread.start()
                self._running[association] = thread
        except (OSError, RuntimeError) as error:  # RuntimeError: no more threads
            log.warning("connection refused", peer=address, why=str(error))
            sock.close()

    def _run(self, association: Association) -> None:
        try:
            association.run()
        finally:
            with self._lock:
                self._running.pop(association, None)
