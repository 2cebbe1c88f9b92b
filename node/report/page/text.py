"""Texts of the page: lines, paragraphs, and what becomes of them where there is too little room.

A text is never set smaller than it is asked for, and never runs over: it is cut short, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from node.report.page.block import BLACK, LEADING, MUTED, Block, Words, stacked
from node.report.page.typeface import BOLD, REGULAR, legible, width


def line(text: str, size: float, room: float, typeface: str = REGULAR, grey: float = BLACK) -> Block:
    """One line, cut where it is too long."""
    return Block(
        size * LEADING, (Words(cut(legible(text).text, size, room, typeface), 0.0, 0.0, size, typeface, grey),)
    )


def cut(text: str, size: float, room: float, typeface: str = REGULAR) -> str:
    """The legible text, ended by three dots where it is wider than `room`."""
    if width(text, size, typeface) <= room:
        return text
    while text and width(text + "...", size, typeface) > room:
        text = text[:-1].rstrip()
    return text + "..."


#: Between a figure and its unit no line is broken.
_UNIT = re.compile(r"(?<=\d) (?=%)")


@dataclass(frozen=True)
class Paragraph:
    """A text that is broken into lines; its lead is bold."""

    text: str
    lead: str = ""
    size: float = 6.6
    grey: float = BLACK

    def lines(self, room: float) -> list[Block]:
        """Its lines, none wider than `room`; a word that is wider is broken."""
        lines: list[list[Words]] = []
        for word, typeface in self._words(room):
            left = lines[-1][-1].right + width(" ", self.size, lines[-1][-1].typeface) if lines else 0.0
            if not lines or left + width(word, self.size, typeface) > room:
                lines.append([])
                left = 0.0
            lines[-1].append(Words(word, left, 0.0, self.size, typeface, self.grey))
        return [Block(self.size * LEADING, _joined(pieces)) for pieces in lines]

    def _words(self, room: float) -> list[tuple[str, str]]:
        parts = ((self.lead, BOLD), (self.text, REGULAR))
        return [
            (piece, typeface)
            for text, typeface in parts
            for word in _UNIT.sub("\N{NO-BREAK SPACE}", legible(text).text).split(" ")
            if word
            for piece in _broken(word, self.size, room, typeface)
        ]


def _broken(word: str, size: float, room: float, typeface: str) -> Iterable[str]:
    while width(word, size, typeface) > room and len(word) > 1:
        end = next((end for end in range(len(word) - 1, 1, -1) if width(word[:end], size, typeface) <= room), 1)
        yield word[:end]
        word = word[end:]
    yield word


def _joined(pieces: Sequence[Words]) -> tuple[Words, ...]:
    """Neighbours of one typeface as one piece: a line reads and copies as a line."""
    told: list[Words] = []
    for piece in pieces:
        if told and told[-1].typeface == piece.typeface:
            told[-1] = replace(told[-1], text=f"{told[-1].text} {piece.text}")
        else:
            told.append(piece)
    return tuple(told)


def fitted(paragraphs: Sequence[Paragraph], room: float, height: float, pointer: str, gap: float = 1.6) -> Block:
    """The paragraphs within `room` x `height`; where they do not fit, the long ones are shortened first.

    A shortened paragraph ends in three dots, and the last line is then `pointer`, which says where the rest stands.
    Nothing at all is written where not even the pointer fits.
    """
    broken = [lines for one in paragraphs if (lines := one.lines(room))]
    if not broken or _height(broken, gap) <= height:
        return stacked((stacked(lines) for lines in broken), gap)
    ending = Paragraph(pointer, size=min(one.size for one in paragraphs), grey=MUTED).lines(room)[:1]
    most = int(height / min(lines[0].height for lines in broken))
    for lines_in_all in range(min(most, sum(map(len, broken)) - 1), -1, -1):
        told = [part for part in _shared(broken, lines_in_all, room) if part]
        if _height([*told, ending], gap) <= height:
            return stacked((stacked(lines) for lines in [*told, ending]), gap)
    return Block(0.0)


def _height(broken: Sequence[Sequence[Block]], gap: float) -> float:
    return sum(line.height for lines in broken for line in lines) + gap * max(0, len(broken) - 1)


def _shared(broken: Sequence[list[Block]], lines_in_all: int, room: float) -> Iterator[list[Block]]:
    """So many lines, dealt out one by one: each paragraph gets as many as the others, or all that it has."""
    dealt = [0] * len(broken)
    while sum(dealt) < lines_in_all:
        open_ones = [place for place, lines in enumerate(broken) if dealt[place] < len(lines)]
        for place in open_ones[: lines_in_all - sum(dealt)]:
            dealt[place] += 1
    return (shortened(lines, most, room) for lines, most in zip(broken, dealt, strict=True))


def shortened(lines: Sequence[Block], most: int, room: float) -> list[Block]:
    """At most so many of a paragraph's lines, the last of them ended by three dots where lines are left out."""
    if most >= len(lines) or most < 1:
        return list(lines[:most])
    *before, last = lines[:most]
    words = [mark for mark in last.marks if isinstance(mark, Words)]
    while len(words) > 1 and words[-1].left + width("...", words[-1].size, words[-1].typeface) > room:
        words.pop()  # beside its lead there is not even room for the dots
    end = words[-1]
    dots = width("...", end.size, end.typeface)
    text = end.text
    while text and end.left + width(text, end.size, end.typeface) + dots > room:
        text = text[:-1].rstrip()
    return [*before, Block(last.height, (*words[:-1], replace(end, text=text.rstrip(" ,;") + "...")))]
