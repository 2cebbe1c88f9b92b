"""A collector of syslog messages, with nothing of the node's own code."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import ssl
import threading
from dataclasses import dataclass
from typing import Self
from xml.etree import ElementTree

from tests.audit.schema import misfits
from tests.peers import until

_HEADER = re.compile(
    rb"<(?P<priority>\d+)>1 (?P<moment>\S+) (?P<host>\S+) (?P<app>\S+) (?P<process>\S+) (?P<id>\S+) (?P<data>\S+) "
)


@dataclass(frozen=True)
class Received:
    """One message: the header's fields, and the XML, which must fit to the schema."""

    priority: int
    message_id: str
    text: str

    @property
    def xml(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.text)  # noqa: S314  of the node under test

    @property
    def event(self) -> str:
        """Code of the event, and of its type if it has one."""
        codes = [self.xml.find(f"EventIdentification/{name}") for name in ("EventID", "EventTypeCode")]
        return " ".join(one.get("csd-code", "") for one in codes if one is not None)

    @property
    def instances(self) -> list[str]:
        return [one.get("UID", "") for one in self.xml.iter("Instance")]

    def thing(self, code: str) -> ElementTree.Element:
        """The one participant object whose identifier is of that type."""
        (found,) = [
            one
            for one in self.xml.findall("ParticipantObjectIdentification")
            if one.find("ParticipantObjectIDTypeCode").get("csd-code") == code  # type: ignore[union-attr]
        ]
        return found


def parsed(data: bytes) -> Received:
    """A message as RFC 5424 has it; asserts that it is one, and that its XML is valid."""
    header = _HEADER.match(data)
    assert header is not None, data[:200]
    text = data[header.end() :]
    assert text.startswith(b"\xef\xbb\xbf")
    found = Received(int(header["priority"]), header["id"].decode(), text[3:].decode())
    assert list(misfits(found.xml)) == [], found.text
    return found


class SyslogServer:
    """On 127.0.0.1.

    Args:
        tls: over TLS with this context.
        port: 0: any that is free.
        closes: whether it answers the end of a stream with its own; many collectors never close.
        says_so: with close_notify, if it is over TLS; rsyslog does not.
    """

    def __init__(
        self, tls: ssl.SSLContext | None = None, port: int = 0, *, closes: bool = True, says_so: bool = True
    ) -> None:
        self.messages: list[Received] = []
        self.connections = 0
        outer, self._over = self, threading.Event()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer.connections += 1
                with contextlib.suppress(OSError), outer._secured(self.request, tls) as connection:
                    outer._read(connection)
                    if not closes:
                        outer._over.wait(20)
                    elif says_so and isinstance(connection, ssl.SSLSocket):
                        connection.unwrap()

        self._server = _Server(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @staticmethod
    def _secured(connection: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
        return tls.wrap_socket(connection, server_side=True) if tls else connection

    def _read(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        read = b""
        while piece := connection.recv(65536):
            read += piece
            while (frame := re.match(rb"([1-9]\d*) ", read)) and len(read) >= frame.end() + int(frame[1]):
                end = frame.end() + int(frame[1])
                self.messages.append(parsed(read[frame.end() : end]))
                read = read[end:]
        assert read == b"", "a message was cut off"

    def await_event(self, event: str, seconds: float = 20) -> Received:
        """The first message of that event, as :attr:`Received.event` has it."""
        until(lambda: any(one.event == event for one in self.messages), seconds)
        return next(one for one in self.messages if one.event == event)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
