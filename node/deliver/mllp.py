"""The Minimal Lower Layer Protocol: one message out, one answer in, framed (HL7 v2.5.1 Implementation Guide, C.4)."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from node.config import Destination, at
from node.deliver.tls import context_for
from node.errors import DeliveryError
from node.tls import reason_of

#: Begin and end a block: <VT> message <FS><CR>.
START, END = b"\x0b", b"\x1c\r"
_FS = END[:1]
#: No acknowledgement is longer; who sends more speaks another protocol.
_LONGEST_ANSWER = 1 << 20


class NoAnswer(Exception):
    """The message went out, at least in part, and no whole answer came. Args: what: why not."""


def framed(message: bytes) -> bytes:
    """The message as a block."""
    return START + message + END


def name_of(destination: Destination) -> str:
    """As shown in errors, e.g. `127.0.0.1:2575`."""
    return at(destination.host, destination.port)


@contextmanager
def connected(destination: Destination) -> Iterator[socket.socket]:
    """A connection, over TLS if the destination has it, closed at the end; DeliveryError when nobody takes it."""
    address, seconds = (destination.host, destination.port), destination.timeout_seconds
    try:
        connection = socket.create_connection(address, seconds)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be one
        what = f"it cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"
        hint = "is it running, and are host and port right?"
        raise DeliveryError(what, about=name_of(destination), hint=hint) from error
    with connection if not destination.tls else _secured(connection, destination) as ready:
        yield ready


def _secured(connection: socket.socket, destination: Destination) -> ssl.SSLSocket:
    """TLS before the first byte; raises :class:`DeliveryError` with the reason when there is none."""
    try:
        return context_for(destination).wrap_socket(connection, server_hostname=destination.host)
    except OSError as error:
        connection.close()
        hint = "compare ca_file, certificate_file and host with its certificate; is its port one for TLS?"
        raise DeliveryError(f"no TLS: {reason_of(error)}", about=name_of(destination), hint=hint) from error
    except DeliveryError:
        connection.close()
        raise


def exchange(connection: socket.socket, message: bytes, seconds: float) -> bytes:
    """Send a message and return the answer without its frame; raises :class:`NoAnswer`.

    Args:
        connection: a new one: an answer that came too late for an earlier message cannot be taken for this one's.
        message: no byte of it may be <VT> or <FS>.
        seconds: for both together, however slowly the peer writes.
    """
    deadline = time.monotonic() + seconds
    try:
        connection.settimeout(seconds)
        connection.sendall(framed(message))
        return _answer(connection, deadline)
    except TimeoutError as error:
        raise NoAnswer(f"no acknowledgement within {seconds:g} s") from error
    except OSError as error:
        raise NoAnswer(f"the connection broke before an acknowledgement: {reason_of(error)}") from error


def _answer(connection: socket.socket, deadline: float) -> bytes:
    """Up to <FS>; some peers leave out the <CR> that follows it, and some write between blocks."""
    read = b""
    while _FS not in read:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = connection.recv(65536)
        if not piece:
            raise NoAnswer("the connection was closed without an acknowledgement")
        read += piece
        if len(read) > _LONGEST_ANSWER:
            raise NoAnswer("the answer has no end: this is no MLLP")
    return read.partition(_FS)[0].rpartition(START)[2]
