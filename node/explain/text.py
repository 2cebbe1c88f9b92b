"""Words on a picture: fonts, line breaking, and columns."""

from __future__ import annotations

from functools import lru_cache

from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]

LIGHT: Colour = (236, 238, 240)
MUTED: Colour = (164, 170, 178)
AMBER: Colour = (255, 194, 92)
BACKGROUND: Colour = (13, 15, 18)
RULE: Colour = (58, 63, 70)


@lru_cache(maxsize=16)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own typeface at `size` pixels: the same on every machine."""
    loaded = ImageFont.load_default(size=size)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType")
    return loaded


def width(words: str, size: int) -> int:
    """Pixels that the line takes."""
    return int(font(size).getlength(words) + 0.999)


def line_height(size: int) -> int:
    """Pixels from one line to the next."""
    return round(size * 1.4)


def wrapped(words: str, size: int, room: int) -> list[str]:
    """The text in lines of at most `room` pixels; a single word that is wider is cut."""
    lines: list[str] = []
    for word in words.split():
        candidate = f"{lines[-1]} {word}" if lines else word
        if lines and width(candidate, size) <= room:
            lines[-1] = candidate
        else:
            lines.append(cut(word, size, room))
    return lines


def cut(words: str, size: int, room: int) -> str:
    """The text, ended by three dots where it is wider than `room` pixels."""
    if width(words, size) <= room:
        return words
    while words and width(words + "...", size) > room:
        words = words[:-1]
    return words + "..."


def write(draw: ImageDraw.ImageDraw, place: tuple[int, int], words: str, size: int, colour: Colour = LIGHT) -> None:
    """One line, its top left corner at `place`."""
    draw.text(place, words, font=font(size), fill=colour)
