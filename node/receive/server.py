"""The listeners of one receiver, its associations, and how it ends in order."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from functools import lru_cache, partial
from types import TracebackType

import structlog

from node.config import Serving, Settings
from node.ledger import Ledger
from node.receive.admission import Admission, Visitor
from node.receive.association import Association, House
from node.receive.commit import Committer
from node.receive.commitment import Hearing, Promises
from node.receive.identity import Identity
from node.receive.listener import Listener
from node.receive.negotiate import Negotiator
from node.receive.places import Places
from node.receive.refusals import Refusals
from node.receive.services import Node
from node.receive.signals import Signals
from node.spool import Spool

log = structlog.get_logger()

#: Connections that have not associated yet, beyond the associations; more are closed at once. No address has more than
#: half of them: else one that only connects, again and again, would keep all others out.
MOST_STRANGERS = 1024
#: How long an aborted association has to end, seconds.
_ENDING_SECONDS = 3.0


class Receiver:
    """A storage SCP. As a context manager it listens at entry and has drained at exit::

        with Receiver(settings, spool, ledger) as receiver:
            print(receiver.port)

    Raises :class:`~node.errors.ConfigError` when certificates cannot be used.

    Args:
        settings: `node`, `tls`, `receive` and `peers` are read; port 0 means any free one. Who may associate is
            asked at each association of those that the node serves with: `radnode reload` may have changed them.
        spool: prepared.
        ledger: written from one thread of the receiver.
    """

    def __init__(self, settings: Settings, spool: Spool, ledger: Ledger) -> None:
        self._settings = settings
        limits = settings.receive
        self._committer = Committer(ledger.in_turns())
        refusals, serving, hears_reports = Refusals(self._committer), Serving(settings), settings.asks_archives
        self._house = House(
            limits=limits,
            negotiator=lambda: Negotiator(serving.settings().node, limits, hears_reports=hears_reports),
            node=Node(
                spool,
                self._committer,
                limits.max_object_mb << 20,
                _promises(settings, ledger, spool),
                Hearing(ledger, settings.retry.delivery_attempts) if hears_reports else None,
                Signals(ledger, refusals),
            ),
            strangers=Places(MOST_STRANGERS, MOST_STRANGERS // 2),
            places=Places(limits.max_associations, limits.max_per_peer),
            admission=_admission(serving),
            refusals=refusals,
        )
        identity = Identity(settings.tls) if settings.tls.enabled else None
        self._listeners = {
            name: self._listener(port, identity if name == "tls.port" else None)
            for name, port in settings.ports.items()
        }
        self._running: dict[Association, threading.Thread] = {}
        self._lock = threading.Lock()

    def _listener(self, port: int, identity: Identity | None) -> Listener:
        shared = self._settings.receive.processes > 1
        return Listener(self._settings.node.host, port, shared, partial(self._begin, identity))

    def __enter__(self) -> Receiver:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.drain(0.0 if kind else 1.0)

    @property
    def ports(self) -> dict[str, int]:
        """The ports it listens on, by the setting that names each."""
        return {name: listener.port for name, listener in self._listeners.items()}

    @property
    def port(self) -> int:
        """The first of them: the plain one, where that is open."""
        return next(iter(self.ports.values()))

    def start(self) -> None:
        """Listen. Raises OSError when an address is taken."""
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # its messages quote what peers sent
        self._bind()
        self._committer.__enter__()
        for name, listener in self._listeners.items():
            listener.start()
            node = self._settings.node
            log.info("listening", host=node.host, port=listener.port, tls=name == "tls.port", ae_title=node.ae_title)

    def _bind(self) -> None:
        """Have all the ports, or none."""
        try:
            for listener in self._listeners.values():
                listener.bind()
        except OSError:
            for listener in self._listeners.values():
                listener.stop()
            raise

    def drain(self, seconds: float) -> None:
        """Take no new associations, let those that run finish for so long, then abort the rest."""
        for listener in self._listeners.values():
            listener.stop()
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

    def _snapshot(self) -> list[tuple[Association, threading.Thread]]:
        with self._lock:
            return list(self._running.items())

    def _begin(self, identity: Identity | None, sock: socket.socket, address: str) -> None:
        try:
            if len(self._running) >= self._settings.receive.max_associations + MOST_STRANGERS:
                raise OSError("too many connections")
            association = Association(sock, address, self._house, identity)
            thread = threading.Thread(target=self._run, args=(association,), daemon=True)
            with self._lock:  # so that it is listed before it can end, and only if it has begun
                thread.start()
                self._running[association] = thread
        except (OSError, RuntimeError) as error:  # RuntimeError: no more threads
            sock.close()
            self._house.refusals.note("association refused", Visitor("", address), str(error))

    def _run(self, association: Association) -> None:
        try:
            association.run()
        finally:
            with self._lock:
                self._running.pop(association, None)


def _admission(serving: Serving) -> Callable[[], Admission]:
    of = lru_cache(maxsize=1)(Admission)
    return lambda: of(serving.settings().peers)


def _promises(settings: Settings, ledger: Ledger, spool: Spool) -> Promises | None:
    if not settings.receive.promise_storage:
        return None
    return Promises(ledger, spool, [one.ae_title for one in settings.destinations if one.ae_title])
