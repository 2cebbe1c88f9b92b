"""A collector of syslog messages, with nothing of the node's own code."""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from xml.etree import ElementTree

from tests.audit.schema import misfits
from tests.peers import until
from tests.peers.tcp import TcpPeer

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


class SyslogServer(TcpPeer):
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
        self._closes, self._says_so = closes, says_so
        super().__init__(port, tls)

    def serve(self, connection: socket.socket) -> None:
        """Take every message, then end as it was told to."""
        self._read(connection)
        if not self._closes:
            self.over.wait(20)
        elif self._says_so and isinstance(connection, ssl.SSLSocket):
            connection.unwrap()

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
