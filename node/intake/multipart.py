"""Cuts a multipart body (RFC 2046 5.1, as PS3.18 8.6.1 uses it) into its parts while it comes; memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from enum import Enum, auto

#: Longest headers of one part, and longest boundary (RFC 2046 allows 70), bytes.
LONGEST_HEADERS, LONGEST_BOUNDARY = 1 << 14, 200


class Malformed(Exception):
    """The body, or its Content-Type, is not what it should be; the message says why."""


@dataclass(frozen=True)
class Begin:
    """A part begins.

    Attributes:
        content_type: its media type, lower case, without parameters; empty when it has none.
        transfer_syntax: the parameter of that name (PS3.18 8.7.3.5.2); empty when there is none.
        location: its Content-Location.
    """

    content_type: str
    transfer_syntax: str = ""
    location: str = ""


@dataclass(frozen=True)
class End:
    """The part is whole."""


class _State(Enum):
    OUTSIDE = auto()  # before the first part
    DELIMITER = auto()  # behind one: another part, or the end
    HEADERS = auto()
    BODY = auto()
    OVER = auto()


class Parts:
    """Args: boundary: of the body."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # the first delimiter may stand at the very beginning
        self._state = _State.OUTSIDE

    @property
    def is_whole(self) -> bool:
        """Whether the last delimiter has come."""
        return self._state is _State.OVER

    def feed(self, data: bytes) -> Iterator[Begin | bytes | End]:
        """What the next bytes of the body bring. Raises :class:`Malformed`."""
        if self._state is _State.OVER:
            return  # what follows the last delimiter is to be passed over
        self._buffer += data
        going = True
        while going:
            if self._state is _State.BODY:
                piece, going = self._until_delimiter()
                if piece:
                    yield piece
                if going:
                    yield End()
            elif self._state is _State.HEADERS:
                begin = self._take_headers()
                going = begin is not None
                if begin is not None:
                    yield begin
            elif self._state is _State.OUTSIDE:
                going = self._until_delimiter()[1]
            else:
                going = self._state is _State.DELIMITER and self._pass_delimiter()

    def _until_delimiter(self) -> tuple[bytes, bool]:
        """What surely stands before the next one, and whether that has come."""
        found = self._buffer.find(self._delimiter)
        end = found if found >= 0 else max(0, len(self._buffer) - len(self._delimiter) + 1)
        piece = bytes(self._buffer[:end])
        del self._buffer[: end + (len(self._delimiter) if found >= 0 else 0)]
        if found >= 0:
            self._state = _State.DELIMITER
        return piece, found >= 0

    def _pass_delimiter(self) -> bool:
        if self._buffer.startswith(b"--"):
            self._state = _State.OVER
            self._buffer.clear()
            return False
        line, found, _ = bytes(self._buffer[:LONGEST_HEADERS]).partition(b"\r\n")
        if line.strip(b" \t" if found else b" \t\r-") or len(line) == LONGEST_HEADERS:
            raise Malformed("something follows the boundary between two parts")
        if not found:
            return False
        del self._buffer[: len(line)]  # the line's end may be that of empty headers, too
        self._state = _State.HEADERS
        return True

    def _take_headers(self) -> Begin | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LONGEST_HEADERS:
                raise Malformed("the headers of a part are too long")
            return None
        message = Message()
        for line in bytes(self._buffer[:end]).decode("latin_1").split("\r\n"):
            name, _, value = line.partition(":")
            if name.strip().lower() in ("content-type", "content-location"):
                message[name.strip()] = value.strip()
        del self._buffer[: end + 4]
        self._state = _State.BODY
        kind = message.get_content_type() if "Content-Type" in message else ""
        return Begin(kind, str(message.get_param("transfer-syntax") or ""), message["Content-Location"] or "")


def parameters(content_type: str) -> tuple[str, str, bytes]:
    """Media type, its `type` and its boundary. Raises :class:`Malformed` for a multipart type without a boundary."""
    message = Message()
    message["Content-Type"] = content_type.replace("\r", " ").replace("\n", " ")
    kind, inner = message.get_content_type(), str(message.get_param("type") or "").lower()
    if message.get_content_maintype() != "multipart":
        return kind, inner, b""
    try:
        boundary = str(message.get_param("boundary") or "").encode("ascii")
    except UnicodeEncodeError:
        boundary = b""
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise Malformed("the Content-Type names no boundary")
    return kind, inner, boundary
