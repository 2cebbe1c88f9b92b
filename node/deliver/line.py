"""A connection to a DICOM peer as its caller: PDUs go out and come in, with a time limit on every wait (PS3.8 9)."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from contextlib import suppress

from node.config import Destination, at
from node.deliver.tls import context_for
from node.errors import DeliveryError
from node.tls import reason_of

#: No answer to what we ask is as long: a PDU that says it were is none.
_LONGEST_PDU = 1 << 20
_HEADER = struct.Struct(">BxL")


class Over(Exception):
    """The association came to nothing. Args: by_peer: it closed or aborted it; else it did not answer in time."""

    def __init__(self, *, by_peer: bool) -> None:
        super().__init__()
        self.by_peer = by_peer


def name_of(destination: Destination) -> str:
    """As shown in errors, e.g. `ORTHANC@127.0.0.1:4242`."""
    return f"{destination.ae_title}@{at(destination.host, destination.port)}"


class Line:
    """A connection, over TLS where the destination has it; raises :class:`DeliveryError` when there is none."""

    def __init__(self, destination: Destination) -> None:
        self._destination, self._seconds = destination, destination.timeout_seconds
        context = context_for(destination) if destination.tls else None
        try:
            self.socket: socket.socket = socket.create_connection((destination.host, destination.port), self._seconds)
        except socket.gaierror as error:
            what = f"it cannot be reached: {error.strerror}"
            raise DeliveryError(what, about=name_of(destination), hint="check host, and the name server") from error
        except OSError as error:
            raise unanswered(destination) from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self._secure(context)

    def _secure(self, context: ssl.SSLContext) -> None:
        """PS3.15 B.12 wants the handshake before the first PDU."""
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname=self._destination.host)
        except (ssl.SSLError, ConnectionError) as error:
            self.close()
            raise untrusted(self._destination, error) from error
        except OSError as error:
            self.close()
            raise unanswered(self._destination) from error

    def send(self, data: bytes, seconds: float | None = None) -> None:
        """All of it. Args: seconds: for each part that the peer reads. Raises :class:`Over`."""
        rest = memoryview(data)
        try:
            self.socket.settimeout(self._seconds if seconds is None else seconds)
            while rest:
                rest = rest[self.socket.send(rest) :]
        except OSError as error:
            raise Over(by_peer=not isinstance(error, TimeoutError)) from error

    def receive(self, seconds: float | None = None) -> tuple[int, bytes]:
        """Type and content of the next PDU. Args: seconds: for all of it. Raises :class:`Over`."""
        end = time.monotonic() + (self._seconds if seconds is None else seconds)
        kind, length = _HEADER.unpack(self._read(_HEADER.size, end))
        with suppress(OSError):  # acknowledged, or a peer with Nagle's algorithm keeps the rest of its answer for 40 ms
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # not for good, tcp(7)
        if length > _LONGEST_PDU:
            raise Over(by_peer=True)
        return kind, self._read(length, end)

    def _read(self, count: int, end: float) -> bytes:
        data = bytearray()
        try:
            while len(data) < count:
                self.socket.settimeout(max(end - time.monotonic(), 0.001))
                piece = self.socket.recv(count - len(data))
                if not piece:
                    raise Over(by_peer=True)
                data += piece
        except OSError as error:
            raise Over(by_peer=not isinstance(error, TimeoutError)) from error
        return bytes(data)

    def heard(self) -> bytes | None:
        """The first byte that the peer has said unasked; empty: it closed the connection; None: neither."""
        try:
            self.socket.settimeout(0)
            return self.socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except OSError:
            return b""

    def close(self) -> None:
        """End it, whatever the peer thinks of that."""
        self.socket.close()


def unanswered(destination: Destination) -> DeliveryError:
    """The error when nobody is there, or says nothing."""
    hint = "is it running, are host and port right, and does it answer in time?"
    return DeliveryError("it cannot be reached, or does not answer", about=name_of(destination), hint=hint)


def untrusted(destination: Destination, error: OSError) -> DeliveryError:
    """The error when there is no TLS; for now: certificates are renewed, and what waits is then delivered."""
    hint = "compare ca_file, certificate_file and host with its certificate; is its port one for TLS?"
    return DeliveryError(f"no TLS: {reason_of(error)}", about=name_of(destination), hint=hint)
