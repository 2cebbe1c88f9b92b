"""Bulk data that come apart from their object (PS3.18 8.6.1.2), on the disk until the object is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.intake.multipart import Begin
from node.intake.reasons import Reason, Refused
from node.spool import Incoming, Spool

_OCTETS = "application/octet-stream"
_JPEG = "image/jpeg"
_PLAIN = "1.2.840.10008.1.2.1"
_COMPRESSED = "1.2.840.10008.1.2.4."
#: Media type -> transfer syntaxes that it may have (PS3.18 table 8.7.3-5), the usual one first.
MEDIA_TYPES: dict[str, tuple[str, ...]] = {
    _OCTETS: (_PLAIN, "1.2.840.10008.1.2"),
    "image/dicom-rle": ("1.2.840.10008.1.2.5",),
    **{
        kind: tuple(f"{_COMPRESSED}{last}" for last in lasts)
        for kind, lasts in {
            _JPEG: (70, 50, 51, 57),
            "image/jls": (80, 81),
            "image/jp2": (90, 91),
            "image/jpx": (92, 93),
            "image/jphc": (201, 202, 203),
            "image/jxl": (110, 111, 112),
            "video/mpeg2": (100, 101),
            "video/mp4": (102, 103, 104, 105, 106),
            "video/h265": (107, 108),
        }.items()
    },
}
#: Of what the Start of Frame marker says (ISO/IEC 10918-1 table B.1).
_BY_MARKER = {0xC0: f"{_COMPRESSED}50", 0xC1: f"{_COMPRESSED}51", 0xC3: f"{_COMPRESSED}70"}
_FRAME = re.compile(r"(.*)/frames/([0-9]{1,9})", re.ASCII)
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Piece:
    """Where the content of one part lies. Args: frame: its number, from 1; 0: nothing says that it is one."""

    start: int
    length: int
    media_type: str
    transfer_syntax: str
    frame: int = 0

    @property
    def holds_all_frames(self) -> bool:
        """Whether it is all of the pixel data, however many frames those have."""
        return not self.frame and (self.media_type == _OCTETS or self.media_type.startswith("video/"))


def of_frame(location: str) -> tuple[str, int]:
    """A Content-Location without its frame, and that (PS3.18 8.6.1.2); 0 where it names none."""
    found = _FRAME.fullmatch(location)
    return (found[1], int(found[2])) if found else (location, 0)


def is_native(transfer_syntax_uid: str) -> bool:
    """Whether pixel data in it are not encapsulated."""
    return transfer_syntax_uid == _PLAIN


class Scratch:
    """One file of the spool for all that waits, one behind the other; it is never kept.

    Args:
        spool: prepared.
        longest: of one part, bytes.
    """

    def __init__(self, spool: Spool, longest: int) -> None:
        self._spool, self._longest = spool, longest
        self._file: Incoming | None = None
        self._part, self._start = Begin(""), 0

    def begin(self, part: Begin) -> None:
        """A part comes. Raises :class:`~node.errors.SpoolError`."""
        if self._file is None:
            self._file = self._spool.receive()
        else:
            self._spool.check_space()
        self._part, self._start = part, self._file.size

    def add(self, data: bytes) -> None:
        """The next bytes of it. Raises :class:`Refused`, :class:`~node.errors.SpoolError`."""
        assert self._file is not None  # noqa: S101  it has begun
        self._file.write(data)
        if self._file.size - self._start > self._longest:
            raise Refused(Reason.TOO_LONG)

    def end(self) -> Piece:
        """All of it has come."""
        assert self._file is not None  # noqa: S101  it has begun
        kind = self._part.content_type or _OCTETS
        frame = of_frame(self._part.location)[1]
        return Piece(self._start, self._file.size - self._start, kind, self._part.transfer_syntax, frame)

    def chunks(self, piece: Piece) -> Iterator[bytes]:
        """What came with a part. Raises :class:`~node.errors.SpoolError`."""
        assert self._file is not None  # noqa: S101  the piece lies there
        for start in range(0, piece.length, _CHUNK):
            yield self._file.stretch(piece.start + start, min(_CHUNK, piece.length - start))

    def clear(self) -> None:
        """Nothing waits any more."""
        if self._file is not None:
            self._file.discard()
            self._file = None


def syntax_of(pieces: Sequence[Piece], scratch: Scratch) -> str:
    """The transfer syntax of an object with these pixel data; native ones are written in Explicit VR Little Endian.

    A JPEG that names none has that of its Start of Frame: the standard's default is right for few of them.
    Raises :class:`Refused`. Args: scratch: where they lie.
    """
    found = {(piece.media_type, piece.transfer_syntax) for piece in pieces}
    if len(found) != 1:
        raise Refused(Reason.SYNTAX)
    media_type, named = found.pop()
    known = MEDIA_TYPES.get(media_type, ())
    if media_type == _JPEG and not named:
        named = _jpeg_syntax(next(scratch.chunks(pieces[0]), b""))
    elif known:
        named = named or known[0]
    if named not in known:
        raise Refused(Reason.SYNTAX)
    return _PLAIN if media_type == _OCTETS else named


def _jpeg_syntax(head: bytes) -> str:
    """Empty: its Start of Frame is none that a transfer syntax has, or far away."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        if (marker := head[at + 1]) in _BY_MARKER:
            return _BY_MARKER[marker]
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return ""
