"""The collector at the other end: a batch of messages goes there whole, or it is said that it did not."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import socket
import ssl
import struct
import termios
import time
from collections.abc import Iterator, Sequence

from node.audit.syslog import framed
from node.config import AuditSettings
from node.errors import ConfigError, DeliveryError
from node.tls import client_context, reason_of

#: Longest datagram that IPv4 carries, less its headers.
_LONGEST_DATAGRAM = 65507
#: So long a collector may take to refuse us, at least.
_REFUSAL_SECONDS = 0.2
_HINT = "is it running, and are audit.host, audit.port and audit.transport right?"


class Collector:
    """Args: settings: where it is, and how it is reached."""

    def __init__(self, settings: AuditSettings) -> None:
        self._settings = settings

    def send(self, messages: Sequence[bytes]) -> None:
        """Send messages, in order, over a connection of their own.

        Syslog has no acknowledgement. So the connection is closed in an orderly way, and what was sent counts as
        arrived only when the other side has taken it all. Raises :class:`DeliveryError`: some or all may be lost, send
        them again.
        """
        if self._settings.transport == "udp":
            self._send_datagrams(messages)
            return
        with self._connected() as connection:
            try:
                for message in messages:
                    connection.sendall(framed(message))
                _close(connection, self._settings.timeout_seconds)
            except OSError as error:
                what = f"the connection broke: {reason_of(error)}"
                raise DeliveryError(what, about=self._settings.name, hint=_HINT) from error

    def check(self) -> None:
        """Whether it can be reached; nothing is sent. Raises :class:`DeliveryError`. UDP tells nothing."""
        if self._settings.transport != "udp":
            with self._connected():
                pass

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        settings = self._settings
        try:
            connection = socket.create_connection((settings.host, settings.port), settings.timeout_seconds)
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be one
            what = f"it cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"
            raise DeliveryError(what, about=settings.name, hint=_HINT) from error
        with connection if settings.transport == "tcp" else self._secured(connection) as ready:
            yield ready

    def _secured(self, connection: socket.socket) -> ssl.SSLSocket:
        settings = self._settings
        certificate, key = settings.certificate_file, settings.key_file
        pair = (certificate, key) if certificate and key else None
        try:
            context = client_context(settings.ca_file, pair, allow_other_hostname=settings.allow_other_hostname)
            begun = time.monotonic()
            ready = context.wrap_socket(connection, server_hostname=settings.host)
            connection = ready  # the other is an empty shell now
            _await_refusal(ready, max(_REFUSAL_SECONDS, 3 * (time.monotonic() - begun)))
            return ready
        except ConfigError as error:
            connection.close()
            raise DeliveryError(error.what, about=error.about, hint=error.hint) from error
        except OSError as error:
            connection.close()
            hint = "compare audit.ca_file, audit.certificate_file and audit.host with its certificate"
            raise DeliveryError(f"no TLS: {reason_of(error)}", about=settings.name, hint=hint) from error

    def _send_datagrams(self, messages: Sequence[bytes]) -> None:
        address = (self._settings.host, self._settings.port)
        try:
            family = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0][0]
            with socket.socket(family, socket.SOCK_DGRAM) as sender:
                for message in messages:
                    sender.sendto(message[:_LONGEST_DATAGRAM], address)
        except (OSError, UnicodeError) as error:
            what = f"it cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"
            raise DeliveryError(what, about=self._settings.name, hint=_HINT) from error


def _await_refusal(connection: ssl.SSLSocket, seconds: float) -> None:
    """With TLS 1.3 a collector refuses our certificate after the handshake (RFC 8446 4.4.2); else it says nothing."""
    before = connection.gettimeout()
    connection.settimeout(seconds)
    try:
        if not connection.recv(1):
            raise ConnectionAbortedError(errno.ECONNABORTED, "the collector closed the connection")
    except TimeoutError:
        connection.settimeout(before)


def _close(connection: socket.socket, seconds: float) -> None:
    """End the stream and wait until the other side has closed too, or its machine has at least taken every byte.

    A machine that closes with bytes unread resets the connection (RFC 2525 2.17), which is an error here. An end
    without close_notify is none: rsyslog with GnuTLS ends so, and has read all by then.
    """
    deadline = time.monotonic() + seconds
    connection.settimeout(min(seconds, 2.0))  # many collectors wait for more, and close when they please
    try:
        if isinstance(connection, ssl.SSLSocket):
            connection.unwrap()  # RFC 5425 4.4: close_notify, and theirs in return
            return
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
        return
    except TimeoutError:
        while _unacknowledged(connection):
            if time.monotonic() > deadline:
                raise TimeoutError("the collector takes nothing") from None
            time.sleep(0.01)


def _unacknowledged(connection: socket.socket) -> int:
    """Bytes that the other machine has not confirmed (tcp(7), SIOCOUTQ)."""
    answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    return int(struct.unpack("i", answer)[0])
