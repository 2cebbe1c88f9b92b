"""The listener for signed reports in HL7 messages: each is synced and has its row before it is acknowledged.

AA says that the message lies in the spool, its folder is synced, and its row is committed; the same message again is
acknowledged again, and changes nothing. AE: there is an error in it, or it cannot be kept now (207: again later). AR:
it is of a kind that is not taken, or comes from somebody who may not send. What it says is read by the main process.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import NoReturn

import structlog

from node.config import Hl7Settings, PeerRule, Serving, Settings, at
from node.errors import ConfigError, TemporaryError, where
from node.intake.answer import NO_HEADER, TAKEN, Answer, acknowledgement, answer_of
from node.intake.batch import apart
from node.intake.blocks import END, START, Blocks, Patience, TooLong
from node.ledger import Ledger
from node.receive.admission import Admission, Visitor
from node.receive.connection import Connection, Cut, Untrusted
from node.receive.identity import Identity
from node.receive.listener import Listener
from node.receive.places import Places
from node.review.hl7 import Segment, Unfit, parse, read_header
from node.review.message import check_header, read_reports, source_of
from node.reviews import Heard
from node.spool import Spool

log = structlog.get_logger()

#: Its name among the sources of the process.
INLET = "HL7"
#: Of the spool: `reports/<xx>/<sha256 of the message>.hl7`.
FOLDER = "reports"
_ANSWER_SECONDS = 10.0
#: Writes down who was refused; see :meth:`node.receive.refusals.Refusals.note`.
Note = Callable[[str, Visitor, str], None]


class Inlet:
    """Listens, and takes messages; a thread for each connection. Who may send, and how much, is asked of the settings
    that the node serves with then: `radnode reload` may have changed them.

    Args:
        settings: `hl7`, `tls` and `node.ae_title` are read; port 0 means any free one.
        spool: prepared.
        ledger: of the node.
        note: writes down who was refused.
    """

    def __init__(self, settings: Settings, spool: Spool, ledger: Ledger, note: Note) -> None:
        self._settings, self._serving = settings.hl7, Serving(settings)
        self._spool, self._ledger, self._note = spool, ledger, note
        self._tls, self._application = settings.tls, settings.node.ae_title
        most = self._settings.connections
        self._places = Places(most, max(1, most // 2))
        self._listener: Listener | None = None
        self._identity: Identity | None = None
        self._open: set[Connection] = set()
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """The port it listens on; only while it does."""
        assert self._listener is not None  # noqa: S101  by the caller
        return self._listener.port

    @property
    def _now(self) -> Hl7Settings:
        return self._serving.settings().hl7

    def look(self) -> str:
        """Listen, unless it does; what keeps it from that."""
        if self._listener is not None:
            return ""
        try:
            self._identity = Identity(self._tls) if self._settings.tls else None
        except ConfigError as error:
            return str(error)
        listener = Listener(self._settings.host, self._settings.port, False, self._welcome)
        try:
            listener.bind()
        except OSError as error:
            listener.stop()
            return f"port {at(self._settings.host, self._settings.port)} cannot be used: {error.strerror}"
        listener.start()
        self._listener = listener
        log.info("listening for reports", host=self._settings.host, port=listener.port, tls=self._settings.tls)
        return ""

    def close(self) -> None:
        """Take no more connections, and end those that are open: what was not acknowledged is sent again."""
        if self._listener is not None:
            self._listener.stop()
        with self._lock:
            for connection in self._open:
                connection.interrupt("the node stops")

    def _welcome(self, sock: socket.socket, address: str) -> None:
        try:
            threading.Thread(target=self._run, args=(sock, address), daemon=True).start()
        except RuntimeError:  # no more threads
            sock.close()
            self._note("association refused", Visitor("", address), "no more threads")

    def _run(self, sock: socket.socket, address: str) -> None:
        try:
            connection = Connection(sock)
        except OSError:  # it has left already
            sock.close()
            return
        with self._lock:
            self._open.add(connection)
        try:
            with self._places.take(address) as is_free:
                why = "" if is_free else "too many connections: hl7.connections"
                if not why and not self._admits(address):
                    why = "address not allowed: hl7.addresses"
                if why:
                    self._note("association refused", Visitor("", address), why)
                else:
                    self._serve(connection, address)
        except Exception as error:  # the edge of this thread
            log.error("connection failed", peer=address, error=where(error))
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()
            self._ledger.close()

    def _admits(self, address: str) -> bool:
        rule = PeerRule(name="hl7", addresses=self._now.addresses)
        return Admission([rule]).admit(Visitor("", address)) is not None

    def _serve(self, connection: Connection, address: str) -> None:
        limits = self._now
        blocks = Blocks(connection, Patience(limits.longest_mb << 20, limits.message_seconds, limits.idle_seconds))
        try:
            if self._identity is not None:
                connection.secure(self._identity.context(), limits.message_seconds)
            while True:
                said, is_over = self._next(blocks, address)
                if said:
                    connection.send(START + said + END + b"\r", _ANSWER_SECONDS)
                if is_over:
                    return
        except Untrusted as error:
            self._note("association refused", Visitor("", address), error.ending)
        except Cut as error:
            log.debug("connection over", peer=address, why=error.ending)

    def _next(self, blocks: Blocks, address: str) -> tuple[bytes, bool]:
        """What is answered to the next block, a message or a batch of them, and whether it was the last one."""
        try:
            data = blocks.next()
        except TooLong as error:
            log.warning("report not taken", peer=address, why=_TOO_LONG.text)
            return acknowledgement(_header_of(error.begun), _TOO_LONG, self._application), True
        if batch := apart(data):
            return batch.answer(lambda message: self._answer(message, address), self._application), False
        return acknowledgement(*self._answer(data, address), self._application), False

    def _answer(self, data: bytes, address: str) -> tuple[Segment, Answer]:
        """The header of a message, as far as it can be read, and what is answered."""
        header = NO_HEADER
        try:
            header = read_header(data)
            return header, self._take(header, data, address)
        except Unfit as error:
            log.warning("report not taken", peer=address, code=error.code, error=error.error, why=error.what)
            return header, answer_of(error)
        except TemporaryError as error:
            log.error("report not taken", peer=address, why=str(error))
            return header, Answer("AE", "207", "it cannot be kept now: send it again later")
        except Exception as error:  # an edge: whatever one message provokes, the next one is taken
            log.error("report not taken", peer=address, error=where(error))
            return header, Answer("AE", "207", "processing failure: see the log of the node")

    def _take(self, header: Segment, data: bytes, address: str) -> Answer:
        settings, application = self._now, header.part(3)
        if settings.applications and not any(fnmatchcase(application, one) for one in settings.applications):
            self._refuse(header, address, "Sending Application (MSH-3) not allowed", "hl7.applications")
        if not self._admits(address):  # not any more
            self._refuse(header, address, "address not allowed", "hl7.addresses")
        check_header(header)
        heard = heard_of(data, address, settings.character_set)
        if not self._ledger.reports.came(heard):  # its message may have been removed since
            self._spool.check_space()
            self._spool.write(heard.path, data)
        is_new = self._ledger.reports.record(heard)
        log.debug("report received", source=heard.source, peer=address, reports=len(heard.reports), is_new=is_new)
        return TAKEN

    def _refuse(self, header: Segment, address: str, why: str, setting: str) -> NoReturn:
        self._note("operation refused", Visitor(source_of(header), address), f"{why}: {setting}")
        raise Unfit("AR", "103", why)


_TOO_LONG = Answer("AR", "207", "it is longer than hl7.longest_mb allows")


def heard_of(data: bytes, address: str, character_set: str) -> Heard:
    """What the ledger may know of a message. Raises :class:`~node.review.hl7.Unfit`."""
    message = parse(data, character_set)
    digest = sha256(data).hexdigest()
    return Heard(
        source=source_of(message.header),
        peer=address,
        control_id="".join(one for one in message.header.part(10) if one.isascii() and one.isprintable())[:199],
        sha256=sha256(message.body).hexdigest(),
        path=f"{FOLDER}/{digest[:2]}/{digest}.hl7",
        reports=tuple(told.heard() for told in read_reports(message)),
    )


def _header_of(begun: bytes) -> Segment:
    try:
        return read_header(begun)
    except Unfit:
        return NO_HEADER
