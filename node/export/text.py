"""Texts of strangers, so that they neither break a format nor paint a screen."""

from __future__ import annotations

import unicodedata

#: Control characters, half a surrogate pair, line and paragraph separators.
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")


def plain(text: str) -> str:
    """On one line and without control characters: a space stands for each."""
    return "".join(" " if unicodedata.category(char) in _UNPRINTABLE else char for char in text)
