"""Words on a picture: fonts, line breaking, and columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, takewhile

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]

LIGHT: Colour = (236, 238, 240)
MUTED: Colour = (164, 170, 178)
AMBER: Colour = (255, 194, 92)
BACKGROUND: Colour = (13, 15, 18)
RULE: Colour = (58, 63, 70)
#: Pixels around a line's mask, for letters that reach beyond its place.
_RIM = 4


@lru_cache(maxsize=16)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own typeface at `size` pixels: the same on every machine."""
    loaded = ImageFont.load_default(size=size)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType")
    return loaded


def width(words: str, size: int) -> int:
    """Pixels that the line takes."""
    return int(_advance(words, size) + 0.999)


def line_height(size: int) -> int:
    """Pixels from one line to the next."""
    return round(size * 1.4)


@lru_cache(maxsize=1024)
def wrapped(words: str, size: int, room: int) -> tuple[str, ...]:
    """The text in lines of at most `room` pixels; a single word that is wider is cut."""
    lines = []
    left = words.split()
    while left:
        count = _fitting(left, size, room)
        lines.append(" ".join(left[:count]) if count > 1 else cut(left[0], size, room))
        left = left[count:]
    return tuple(lines)


@lru_cache(maxsize=1024)
def cut(words: str, size: int, room: int) -> str:
    """The text, ended by three dots where it is wider than `room` pixels."""
    if width(words, size) <= room:
        return words
    while words and width(words + "...", size) > room:
        words = words[:-1]
    return words + "..."


def write(draw: ImageDraw.ImageDraw, place: tuple[int, int], words: str, size: int, colour: Colour = LIGHT) -> None:
    """One line, its top left corner at `place`."""
    draw.bitmap((place[0] - _RIM, place[1] - _RIM), _mask(words, size), fill=colour)


@lru_cache(maxsize=1024)
def _mask(words: str, size: int) -> Pillow.Image:
    """The line, 255 where it is written; shaping and drawing letters is most of the time that a picture takes."""
    mask = Pillow.new("L", (width(words, size) + 2 * _RIM, 2 * size + 2 * _RIM))
    ImageDraw.Draw(mask).text((_RIM, _RIM), words, font=font(size), fill=255)
    return mask


def _fitting(words: Sequence[str], size: int, room: int) -> int:
    """How many of the words fit on one line, at least one: by the sum of their widths, then measured as a whole."""
    ends = accumulate(_word(one, size) for one in words)
    count = max(1, sum(1 for _ in takewhile(lambda end: end <= room, ends)))
    while count < len(words) and width(" ".join(words[: count + 1]), size) <= room:
        count += 1
    while count > 1 and width(" ".join(words[:count]), size) > room:
        count -= 1
    return count


@lru_cache(maxsize=4096)
def _word(word: str, size: int) -> float:
    return _advance(f"{word} ", size)


def _advance(words: str, size: int) -> float:
    return font(size).getlength(words)
