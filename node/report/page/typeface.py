"""The letters of the page: which typeface shows what, how wide it is, and what stands in for what none of them shows.

Bitstream Vera, which reportlab brings, is embedded: Latin text looks the same on every machine and in every year. No
typeface for other scripts is at hand everywhere, so three things happen to them, and each of them is told to the reader
(:class:`Change`). Vera's glyphs, and so the bytes of a page, come from reportlab's folder, never from the machine's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import reportlab
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD = "Vera", "VeraBd"
#: Typefaces that a viewer of East Asian text has (PDF 32000-1 9.7.5.2), with an encoding of what they show.
_EAST_ASIAN = {"HeiseiKakuGo-W5": "cp932", "STSong-Light": "gbk", "HYSMyeongJo-Medium": "cp949"}


class Change(StrEnum):
    """What was done to a text so that the page can show it."""

    TRANSLITERATED = "transliterated"  # Latin beyond Vera without its accents; Cyrillic and Greek letter by letter
    LEFT_TO_VIEWER = "left to the viewer's own typeface"  # Chinese, Japanese, Korean
    REPLACED = "replaced by the name of its script"  # all others


@dataclass(frozen=True)
class Legible:
    """A text on one line that the page can show, and what was done to it."""

    text: str
    changes: frozenset[Change] = frozenset()


def _table(letters: str, latin: str) -> dict[str, str]:
    return dict(zip(letters, (word.strip("-") for word in latin.split()), strict=True))


#: Cyrillic as in passports (ICAO Doc 9303-3, section 6), Greek after ELOT 743, each letter alone; "-" is nothing.
_LETTERS = (
    _table(
        "абвгдежзийклмнопрстуфхцчшщъыьэюя",
        "a b v g d e zh z i i k l m n o p r s t u f kh ts ch sh shch ie y - e iu ia",
    )
    | _table("ёєіїґўђјљњћџѓќѕ", "e ie i i g u d j lj nj c dz g k dz")
    | _table("αβγδεζηθικλμνξοπρσςτυφχψω", "a v g d e z i th i k l m n x o p r s s t y f ch ps o")
    | _table("ħŧŋəƙɓɗĸ", "h t n e k b d k")
)


@lru_cache(maxsize=1)
def register() -> None:
    """Make the typefaces known to reportlab, once for the process."""
    folder = Path(reportlab.__file__).parent / "fonts"  # its search path begins with the machine's own folders
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    for name in _EAST_ASIAN:
        pdfmetrics.registerFont(UnicodeCIDFont(name))


@lru_cache(maxsize=1)
def _vera() -> frozenset[str]:
    """Characters that both weights show."""
    register()
    shown = [set(pdfmetrics.getFont(name).face.charToGlyph) for name in (REGULAR, BOLD)]
    return frozenset(chr(code) for code in set.intersection(*shown) if 32 <= code < 0xFFFF)


@lru_cache(maxsize=1024)
def legible(text: str) -> Legible:
    """The text as the page can show it: nothing of it is lost without a change that says so."""
    changes: set[Change] = set()
    plain = "".join(" " if letter.isspace() else letter for letter in unicodedata.normalize("NFC", text))
    words = [word for part in plain.split() if (word := _word(part, changes))]
    # one label for a run of letters of one script
    told = re.sub(r"(\[[\w ]+\])(?:[\s,.'-]*\1)+", r"\1", " ".join(words))
    return Legible(told, frozenset(changes))


def _word(word: str, changes: set[Change]) -> str:
    return "".join(_shown(letter, changes, shout=word.isupper()) for letter in word)


def _shown(letter: str, changes: set[Change], *, shout: bool) -> str:
    if letter in _vera() and letter.lower() not in _LETTERS:
        return letter
    if _typefaces_of(letter):
        changes.add(Change.LEFT_TO_VIEWER)
        return letter
    if unicodedata.category(letter) in ("Cc", "Cf"):  # directions of writing and the like: nothing to see
        return ""
    latin = _transliterated(letter)
    changes.add(Change.REPLACED if latin is None else Change.TRANSLITERATED)
    if latin is None:
        return f"[{_script(letter)}]"
    return latin.upper() if shout else latin


def _transliterated(letter: str) -> str | None:
    """In Latin letters; None when there is no way to."""
    parts = [part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)]
    told = [_LETTERS.get(part.lower(), part) for part in parts]
    if not all(character in _vera() for one in told for character in one):
        return None
    return "".join(one.capitalize() if part.isupper() else one for one, part in zip(told, parts, strict=True))


def _script(letter: str) -> str:
    """Words for a letter that cannot be shown: every character's Unicode name begins with its script."""
    if unicodedata.category(letter)[0] not in "LMNP":
        return "sign"
    script = unicodedata.name(letter, "unknown").split()[0]
    return f"{'Han' if script == 'CJK' else script.capitalize()} script"


@lru_cache(maxsize=4096)
def _typefaces_of(letter: str) -> frozenset[str]:
    """Those of the viewer that show it; none for what Vera shows."""
    if letter in _vera() or unicodedata.east_asian_width(letter) not in "WFH" or ord(letter) > 0xFFFF:
        return frozenset()
    return frozenset(name for name, encoding in _EAST_ASIAN.items() if _encodes(encoding, letter))


def _encodes(encoding: str, letter: str) -> bool:
    try:
        return bool(letter.encode(encoding))
    except UnicodeEncodeError:
        return False


def runs(text: str, typeface: str = REGULAR) -> Iterator[tuple[str, str]]:
    """(typeface, part) of a legible text, in order: an East Asian part in the typeface that shows most of the text."""
    if text.isascii():
        yield typeface, text
        return
    wide = [names for letter in text if (names := _typefaces_of(letter))]
    order = sorted(_EAST_ASIAN, key=lambda name: -sum(name in names for names in wide))
    for name, letters in groupby(text, key=lambda letter: _first(order, _typefaces_of(letter), typeface)):
        yield name, "".join(letters)


def _first(order: Iterable[str], fit: frozenset[str], otherwise: str) -> str:
    return next((name for name in order if name in fit), otherwise)


@lru_cache(maxsize=8192)
def width(text: str, size: float, typeface: str = REGULAR) -> float:
    """Points that a legible text takes."""
    register()
    return float(sum(pdfmetrics.stringWidth(part, name, size) for name, part in runs(text, typeface)))
