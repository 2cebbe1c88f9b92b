"""Messages out of a byte stream, framed by the Minimal Lower Layer Protocol (HL7 v2.5.1 Implementation Guide, C.4)."""

from __future__ import annotations

import time
from dataclasses import dataclass

from node.receive.connection import WIDE, Connection, Cut

#: Begin and end a block: <VT> message <FS><CR>.
START, END = b"\x0b", b"\x1c"
#: So much is passed over between two blocks; who sends more speaks another protocol.
_BETWEEN = 4096


class TooLong(Exception):
    """A message is longer than it may be. Args: begun: what came of it."""

    def __init__(self, begun: bytes) -> None:
        super().__init__()
        self.begun = begun


@dataclass(frozen=True)
class Patience:
    """What a peer may take. Args: longest: bytes of a message; seconds: for it to come; idle: between two messages."""

    longest: int
    seconds: float
    idle: float


class Blocks:
    """Args: connection: of the peer; patience: with it."""

    def __init__(self, connection: Connection, patience: Patience) -> None:
        self._connection, self._patience = connection, patience
        self._read = bytearray()

    def next(self) -> bytes:
        """The next message without its frame. Raises :class:`TooLong`, or :class:`~node.receive.connection.Cut`.

        Some peers leave out the <CR> behind a block, and some write line ends between two.
        """
        self._begin()
        deadline, start = time.monotonic() + self._patience.seconds, 0
        while (end := self._read.find(END, start)) < 0:
            start = len(self._read)
            if start > self._patience.longest:
                raise TooLong(bytes(self._read[:_BETWEEN]))
            self._receive(deadline - time.monotonic())
        if end > self._patience.longest:
            raise TooLong(bytes(self._read[:_BETWEEN]))
        message = bytes(self._read[:end])
        del self._read[: end + 1]
        return message

    def _begin(self) -> None:
        """Up to <VT>, and with it: what stood before is no message. A second <VT> begins the block anew."""
        while START not in self._read:
            if len(self._read) > _BETWEEN:
                raise Cut("what it sends is no MLLP: no block begins")
            self._receive(self._patience.idle)
        del self._read[: self._read.index(START) + 1]

    def _receive(self, seconds: float) -> None:
        self._connection.wait(max(0.001, seconds))
        self._read += self._connection.take(WIDE)
