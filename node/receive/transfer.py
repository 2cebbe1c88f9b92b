"""P-DATA: fragments of messages (PS3.8 9.3.5 and annex E), read without ever holding a dataset in memory."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

from node.receive import command
from node.receive.connection import BY_US, INVALID_PARAMETER, UNEXPECTED_PDU, UNRECOGNIZED_PDU, Connection, Cut

#: A peer may count headers into its PDUs; so much longer than announced is read all the same, bytes.
SLACK = 4096

P_DATA, RELEASE_RQ, ABORT_RQ = 4, 5, 7
RELEASE_RP = b"\6\0\0\0\0\4\0\0\0\0"  # PS3.8 9.3.7
_PDU = struct.Struct(">BxL")
_PDV = struct.Struct(">LBB")


class Released(Exception):
    """The peer asked for the release of the association, between two messages."""


@dataclass(frozen=True)
class Fragment:
    """The header of a presentation data value; its `length` bytes are still to be read."""

    context_id: int
    is_command: bool
    is_last: bool
    length: int


class Inbox:
    """The messages of one association. Everything raises :class:`Cut` when the peer breaks a rule or falls silent.

    Args:
        connection: to the peer.
        longest_pdu: what we announced, bytes.
        idle_seconds: silence allowed between messages.
        network_seconds: silence allowed inside a message.
        message_seconds: a message may take so long as a whole, however it drips.
    """

    def __init__(
        self,
        connection: Connection,
        longest_pdu: int,
        *,
        idle_seconds: float,
        network_seconds: float,
        message_seconds: float,
    ) -> None:
        self._connection = connection
        self._longest = longest_pdu + SLACK
        self._idle, self._network, self._message = idle_seconds, network_seconds, message_seconds
        self._deadline = float("inf")  # of the current message, monotonic
        self._left = 0  # bytes of the current P-DATA PDU

    def next_command(self) -> tuple[int, command.Command]:
        """Presentation context id and command. Raises :class:`Released` as well."""
        self._deadline = float("inf")
        fragment = self._next_fragment(between_messages=True)
        self._deadline = time.monotonic() + self._message
        context_id, found = fragment.context_id, bytearray()
        while True:
            if not fragment.is_command or fragment.context_id != context_id:
                raise Cut("a dataset without its command", UNEXPECTED_PDU)
            if len(found) + fragment.length > command.LONGEST:
                raise Cut("a command longer than any", INVALID_PARAMETER)
            for piece in self._body(fragment.length):
                found += piece
            if fragment.is_last:
                return context_id, command.parse(bytes(found))
            fragment = self._next_fragment()

    def dataset(self, context_id: int) -> Iterator[memoryview]:
        """The pieces of the dataset that follows a command, as they come; each is valid until the next."""
        self._connection.widen()
        while True:
            fragment = self._next_fragment()
            if fragment.is_command or fragment.context_id != context_id:
                raise Cut("another message inside a dataset", UNEXPECTED_PDU)
            yield from self._body(fragment.length)
            if fragment.is_last:
                return

    def _body(self, length: int) -> Iterator[memoryview]:
        while length:
            self._be_in_time()
            self._connection.wait(self._network)
            piece = self._connection.take(length)
            length -= len(piece)
            yield piece

    def _be_in_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise Cut("a message that takes too long", BY_US)

    def _next_fragment(self, between_messages: bool = False) -> Fragment:
        self._be_in_time()
        if not self._left:
            self._next_pdu(between_messages)
        if self._left < 6:
            raise Cut("a PDU that ends inside a fragment's header", INVALID_PARAMETER)
        self._connection.require(6, self._network)
        length, context_id, control = _PDV.unpack(self._connection.take(6))
        if not 2 <= length <= self._left - 4:
            raise Cut("a fragment longer than its PDU, or too short", INVALID_PARAMETER)
        self._left -= length + 4
        return Fragment(context_id, bool(control & 1), bool(control & 2), length - 2)

    def _next_pdu(self, between_messages: bool) -> None:
        """Read the header of the next P-DATA PDU; its length is checked before anything of it is read."""
        if between_messages:
            self._connection.wait(self._idle)
        self._connection.require(6, self._network)
        kind, length = _PDU.unpack(self._connection.take(6))
        if kind == P_DATA:
            if not 6 <= length <= self._longest:
                raise Cut("a PDU longer than announced, or empty", INVALID_PARAMETER)
            self._left = length
            return
        if kind == ABORT_RQ:
            raise Cut("aborted by the peer")
        if kind != RELEASE_RQ:
            raise Cut("an unexpected PDU", UNEXPECTED_PDU if 1 <= kind <= 7 else UNRECOGNIZED_PDU)
        if not between_messages or length != 4:
            raise Cut("a release inside a message, or malformed", UNEXPECTED_PDU)
        self._connection.require(4, self._network)
        self._connection.take(4)
        raise Released
