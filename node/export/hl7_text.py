"""HL7 v2's encoding (v2.5.1, chapter 2): escaping, components, repetitions and segments.

A field is made of texts by :func:`components` and :func:`repeated`, which escape; :class:`Field` says in its type that
it has been. So a separator inside a text can neither vanish nor split a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NewType

from node.export.text import plain

#: Encoded: it may hold separators.
Field = NewType("Field", str)

FIELD_SEPARATOR = "|"
ENCODING_CHARACTERS = "^~\\&"
#: Ends every segment, the last one too.
SEGMENT_END = "\r"

#: The escape character itself is one of them, so that a text looks like no escape sequence.
_ESCAPES: Mapping[str, str] = {"|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\", "\\": "\\E\\"}
#: A field of two quotation marks alone asks the receiver to delete what it has.
_NULL = '""'
_SPACE, _DELETE = 0x20, 0x7F


def escaped(text: str) -> Field:
    """A text as a component: separators escaped (2.7), the control characters of ASCII as hexadecimal data.

    What no receiver can be hoped to read (other control and line separators, halves of surrogate pairs) is a space.
    """
    if text == _NULL:
        return Field("\\X2222\\")
    return Field("".join(_escape(char) for char in text))


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if ord(char) < _SPACE or ord(char) == _DELETE:
        return f"\\X{ord(char):02X}\\"
    return plain(char)


def components(*texts: str) -> Field:
    """Texts as the components of one field; empty ones at the end are left out."""
    return Field("^".join(escaped(text) for text in texts).rstrip("^"))


def repeated(*fields: Field) -> Field:
    """Fields as repetitions of one."""
    return Field("~".join(fields))


def segment(name: str, fields: Mapping[int, Field | str]) -> str:
    """A segment by the numbers of its fields; those given as plain text are tables' codes and numbers of ours."""
    last = max((number for number, value in fields.items() if value), default=0)
    values = [fields.get(number, "") for number in range(1, last + 1)]
    return FIELD_SEPARATOR.join([name, *values]) + SEGMENT_END
