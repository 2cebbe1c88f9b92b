"""Rich Text Format (version 1.9.1), in which some RIS put a report: its words alone. Pure."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

_BEGIN = "{\\rtf"
#: A character by its number in the code page, a control word, a control symbol, a brace, a line end, text.
_TOKENS = re.compile(r"\\'([0-9A-Fa-f]{2})|\\([a-z]+)(-?\d{1,9})? ?|\\([^a-z'])|([{}])|[\r\n]+|([^\\{}\r\n]+)|.", re.I)
#: Groups that are no text of the document; so are those that begin with `\*`.
_ASIDE = {"fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "listtable", "themedata"}
_ENDS = {"par", "line", "sect", "page", "row"}
_BLANKS = {"tab", "cell", "emspace", "enspace"}
_SIGNS = {"emdash": "-", "endash": "-", "lquote": "'", "rquote": "'", "ldblquote": '"', "rdblquote": '"', "bullet": "-"}
_SYMBOLS = {"~": " ", "_": "-", "\\": "\\", "{": "{", "}": "}", "\n": "\n", "\r": "\n"}
_BEYOND = 1 << 16


def plain(text: str) -> str:
    """The words of a text that is RTF; any other text as it is."""
    return "".join(_words(text)) if text.lstrip().startswith(_BEGIN) else text


def _words(text: str) -> Iterator[str]:
    aside, depth, passed = 0, 0, 0  # the depth from which on nothing counts; characters to be passed over
    codec = "cp1252"
    for token in _TOKENS.finditer(text):
        number, word, value, symbol, brace, plain_text = token.groups()
        if brace:
            depth += 1 if brace == "{" else -1
            aside = aside if depth >= aside else 0
        elif word in _ASIDE or symbol == "*":
            aside = aside or depth
        elif aside:
            continue
        elif word == "ansicpg":
            codec = _codec(value) or codec
        elif word == "u" and value:  # a replacement for old readers stands behind it
            passed = 1
            yield _character(int(value))
        elif word in _ENDS:
            yield "\n"
        elif word:
            yield " " if word in _BLANKS else _SIGNS.get(word, "")
        else:
            said = _decoded(number, codec) if number else _SYMBOLS.get(symbol, "") if symbol else plain_text or ""
            passed, said = max(0, passed - len(said)), said[passed:]
            yield said


def _codec(value: str | None) -> str:
    try:
        return codecs.lookup(f"cp{value}").name
    except LookupError:
        return ""


def _character(value: int) -> str:
    code = value + _BEYOND if value < 0 else value
    is_whole = 0 < code < _BEYOND and not 0xD800 <= code < 0xE000
    return chr(code) if is_whole else ""


def _decoded(number: str, codec: str) -> str:
    return bytes.fromhex(number).decode(codec, "replace")
