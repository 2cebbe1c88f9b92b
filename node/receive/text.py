"""Bytes of strangers as text that is safe to keep and to show."""

from __future__ import annotations

from pydicom import charset

_CONTROL = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029))
_DEFAULT = "latin_1"


class Charset:
    """A Specific Character Set (0008,0005), PS3.3 C.12.1.1.2; what is unknown in it counts as Latin-1."""

    def __init__(self, specific_character_set: bytes) -> None:
        terms = specific_character_set.decode("ascii", "replace").split("\\")[:16]
        known = [charset.python_encoding.get(term.strip(" \0")) or _DEFAULT for term in terms]
        self._encodings = [_DEFAULT if name == "iso8859" else name for name in known]

    def decode(self, raw: bytes, longest: int) -> str:
        """The text without padding and control characters, at most `longest` characters; never raises."""
        raw = raw.rstrip(b"\0 ")
        plain = raw.isascii() and b"\x1b" not in raw
        text = raw.decode("ascii") if plain else self._decode(raw)
        if not text.isprintable():
            text = text.translate(_CONTROL)
        return text.strip()[:longest]

    def _decode(self, raw: bytes) -> str:
        try:
            first, *escaped = raw.split(b"\x1b")
            return first.decode(self._encodings[0], "replace") + "".join(map(self._escaped, escaped))
        except (LookupError, ValueError):
            return raw.decode(_DEFAULT)

    def _escaped(self, piece: bytes) -> str:
        """What stands behind an escape character (PS3.5 6.1.2.5)."""
        length = 3 if piece.startswith((b"$(", b"$)")) else 2
        encoding = charset.CODES_TO_ENCODINGS.get(b"\x1b" + piece[:length], "")
        if encoding.startswith("iso2022"):  # a codec that wants the escape sequence
            return (b"\x1b" + piece).decode(encoding, "replace")
        return piece[length:].decode(encoding or self._encodings[0], "replace")


def shown_uid(raw: bytes) -> str:
    """A UID for ledger and log: as it is, if only digits and dots; else what is harmless of its first 64 bytes."""
    text = raw[:64].decode("ascii", "replace")
    if text.isascii() and text.isprintable():
        return text
    return "".join(mark if mark.isascii() and mark.isprintable() else "?" for mark in text)
