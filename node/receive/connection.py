"""A socket with a buffer and a clock: reads wait no longer than they may."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time

from node.tls import Certificate, certificate_of, reason_of

#: Room for a first request and for commands; widened once datasets come (most connections never bring one).
NARROW, WIDE = 1 << 14, 1 << 19

ABORT = struct.Struct(">BxLxxBB")  # PS3.8 9.3.8: type, length, source, reason


class Cut(Exception):
    """The association is over.

    Args:
        ending: what happened, for log and ledger.
        abort: source and reason (PS3.8 table 9-26) of the A-ABORT that the peer gets; None: it gets none.
    """

    def __init__(self, ending: str, abort: tuple[int, int] | None = None) -> None:
        super().__init__(ending)
        self.ending = ending
        self.abort = abort


class Untrusted(Cut):
    """It is over before it has begun: there is no TLS that both sides would use, or no certificate that counts."""


#: PS3.8 table 9-26: source 2 is the service provider, 0 the service user.
BY_US = (0, 0)
UNRECOGNIZED_PDU = (2, 1)
UNEXPECTED_PDU = (2, 2)
INVALID_PARAMETER = (2, 6)


#: Whoever only looks whether the port is open ends like this: not worth a line of the trail.
_LEFT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Connection:
    """The peer's byte stream. Every wait is bounded; raises :class:`Cut` at its end, and after a time-out.

    Over TLS the same calls read and write what is inside. What concerns the transport alone (shutting it down, reading
    what nobody wants) goes past TLS, through the methods of `socket.socket` itself.

    Args:
        sock: connected; owned from now on.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._timeout = -1.0
        self._start = self._end = 0
        self._view = memoryview(bytearray(NARROW))
        self._why_closed = ""

    def secure(self, context: ssl.SSLContext, seconds: float) -> Certificate | None:
        """Do the TLS handshake as its server, within `seconds` in total; what the peer has shown of itself.

        Raises :class:`Cut`, or :class:`Untrusted` when the two cannot agree.
        """
        try:
            self._sock = sock = context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
            self._set_timeout(seconds)
            sock.do_handshake()
            return certificate_of(sock)
        except TimeoutError:
            raise Cut(f"no TLS handshake within {seconds:g} s") from None
        except _LEFT:
            raise Cut(self._why_closed or "connection lost") from None
        except ssl.SSLError as error:
            self._finish()
            raise Untrusted(f"no TLS: {reason_of(error)}") from None
        except OSError:
            raise Cut(self._why_closed or "connection lost") from None

    def require(self, count: int, seconds: float) -> None:
        """Have `count` bytes in the buffer, `seconds` from now in total; raises :class:`Cut`."""
        if self._end - self._start >= count:
            return
        self._make_room(count)
        deadline, left = 0.0, seconds
        while self._end - self._start < count:
            self._receive(left, seconds)
            if not deadline:
                deadline = time.monotonic() + seconds
            left = max(0.001, deadline - time.monotonic())

    def wait(self, seconds: float) -> None:
        """Have at least one byte; raises :class:`Cut` after `seconds` of silence."""
        if self._start == self._end:
            self._start = self._end = 0
            self._receive(seconds, seconds)

    def take(self, count: int) -> memoryview:
        """The next bytes, at most `count`, of what is in the buffer; valid until the next read."""
        start = self._start
        self._start = min(start + count, self._end)
        return self._view[start : self._start]

    def peek(self, count: int) -> memoryview:
        """The same, without taking them."""
        return self._view[self._start : min(self._start + count, self._end)]

    def widen(self) -> None:
        """Larger reads from now on: datasets come."""
        if len(self._view) < WIDE:
            self._make_room(WIDE)

    def send(self, data: bytes, seconds: float) -> None:
        """Send all of it within `seconds`; raises :class:`Cut`."""
        self._set_timeout(seconds)
        try:
            self._sock.sendall(data)
        except TimeoutError:
            raise Cut("the peer does not read our answers") from None
        except OSError:
            raise Cut(self._why_closed or "connection lost") from None

    def abort(self, reason: tuple[int, int]) -> None:
        """Send an A-ABORT (PS3.8 9.3.8); a peer that does not take it changes nothing."""
        with contextlib.suppress(OSError):
            self._set_timeout(0.2)
            self._sock.sendall(ABORT.pack(7, 4, *reason))
            self._finish()

    def _finish(self) -> None:
        """Send no more, and read a little: closing with unread bytes would reset what the peer has not read yet."""
        with contextlib.suppress(OSError):
            self._close_tls()
            socket.socket.settimeout(self._sock, 0.2)
            socket.socket.shutdown(self._sock, socket.SHUT_WR)
            for _ in range(4):
                if not socket.socket.recv_into(self._sock, self._view):
                    return

    def _close_tls(self) -> None:
        """Send close_notify, as RFC 8446 6.1 wants it, and wait for no answer."""
        if isinstance(self._sock, ssl.SSLSocket):
            self._set_timeout(0)
            with contextlib.suppress(OSError, ValueError):
                self._sock.unwrap()

    def interrupt(self, why: str) -> None:
        """From another thread: the next read ends with that reason."""
        self._why_closed = why
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RD)

    def close(self) -> None:
        """Close the socket."""
        self._close_tls()
        self._sock.close()

    def _make_room(self, count: int) -> None:
        """Move what is unread to the front of a buffer that holds `count` bytes."""
        unread = bytes(self._view[self._start : self._end])
        if len(self._view) < count:
            self._view = memoryview(bytearray(count))
        self._view[: len(unread)] = unread
        self._start, self._end = 0, len(unread)

    def _receive(self, seconds: float, allowed: float) -> None:
        """Wait `seconds` for more; `allowed` is how long the peer had in total."""
        self._set_timeout(seconds)
        try:
            count = self._sock.recv_into(self._view[self._end :])
            # Not sticky, so after each read: else Nagle's algorithm at the sender waits for our delayed ACK (40 ms).
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        except TimeoutError:
            raise Cut(f"silent or too slow for {allowed:g} s", BY_US) from None
        except OSError:
            raise Cut(self._why_closed or "connection lost") from None
        if not count:
            raise Cut(self._why_closed or "connection lost", BY_US if self._why_closed else None)
        self._end += count

    def _set_timeout(self, seconds: float) -> None:
        if seconds != self._timeout:  # saves a system call for each read
            self._sock.settimeout(seconds)
            self._timeout = seconds
