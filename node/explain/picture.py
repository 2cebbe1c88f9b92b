"""The heatmap a radiologist would accept: the untouched image beside the image with evidence, words outside both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw

from node.explain import colourmap, layout, sign, table, text
from node.explain.caption import Caption
from node.explain.layout import BOTTOM_MARGIN, GAP, MARGIN, TOP_MARGIN, WIDTH, Box, Panels
from node.explain.surface import surface
from node.plugin import Array, EvidenceMap, Image
from node.study import Region

_TITLE, _BODY, _SMALL = 26, 16, table.SIZE
#: Contours are drawn this much larger and scaled down, which smooths them.
_FINE = 3
#: How far a contour's line reaches from its points, and more.
_REACH = 6
#: Aspect, first free row, rows of a heading and most rows of the panels -> where they stand.
Arrange = Callable[[float, int, int, int], Panels]
_UNIT = ("logit per", "1 % of the", "image area")
#: The map, the places, and the evidence at the upper end of the colour bar.
_Told = tuple[EvidenceMap, Sequence[Region], float]


def draw(
    image: Image,
    words: Caption,
    evidence: EvidenceMap | None,
    regions: Sequence[Region],
    ceiling: float,
    arrange: Arrange = layout.panels,
) -> npt.NDArray[np.uint8]:
    """The picture, uint8 (rows, 1024, 3).

    Args:
        image: as received.
        words: what is said around it.
        evidence: map of the finding on this image; None draws the image alone.
        regions: places whose contours are drawn.
        ceiling: evidence, in logits per one per cent of the area, at the upper end of the colour bar.
        arrange: where the panels stand: :func:`layout.panels` or :func:`layout.overlaid`.
    """
    heading = text.line_height(_SMALL) + 4
    top, tallest = _top_height(words), layout.tallest(_top_height(words) + heading, GAP + _foot_height(words))
    places = arrange(_aspect(image), top, heading, tallest)
    plain = places.plain if evidence is not None else layout.single(_aspect(image), top, heading, tallest)
    foot = (places.bottom if evidence is not None or plain is None else plain.bottom) + GAP
    canvas = Pillow.new("RGB", (WIDTH, foot + _foot_height(words)), text.BACKGROUND)
    pen = ImageDraw.Draw(canvas)
    _write_top(pen, words)
    shown = _scaled(image, plain or places.evidence)  # two panels are of one size
    if plain is not None:
        _draw_plain(canvas, pen, shown, plain)
    if evidence is not None:
        _draw_evidence(canvas, image, shown, places.evidence, (evidence, regions, ceiling))
        _write_heading(pen, places.evidence, words.shown)
        _draw_bar(canvas, pen, places, ceiling)
    _write_foot(pen, words, foot)
    return np.asarray(canvas, dtype=np.uint8)


def _aspect(image: Image) -> float:
    """Width over height as the image is to be seen: its pixels need not be square."""
    rows, columns = image.pixels.shape[:2]
    return float(min(20.0, max(0.05, columns / (rows * image.pixel_height))))


def _scaled(image: Image, box: Box) -> Array:
    """The image at the size of the box, float32 (height, width) or (height, width, 3) in 0..1."""
    pixels = image.pixels
    if not 0.0 <= float(pixels.min()) <= float(pixels.max()) <= 1.0:  # nor is it where one of them is no number
        pixels = np.nan_to_num(np.clip(pixels, 0.0, 1.0))
    if pixels.ndim == 2:
        return _resized(pixels, box)
    return np.stack([_resized(pixels[..., i], box) for i in range(3)], axis=-1)


def _resized(channel: Array, box: Box) -> Array:
    rows, columns = channel.shape
    down, across = max(1, rows // (2 * box.height)), max(1, columns // (2 * box.width))
    blocks = _means(_means(channel, down).T, across).T
    plane = Pillow.fromarray(np.ascontiguousarray(blocks, dtype=np.float32))
    whole = (0.0, 0.0, columns / across, rows / down)
    scaled = plane.resize((box.width, box.height), Pillow.Resampling.BICUBIC, box=whole)
    return np.clip(np.asarray(scaled, dtype=np.float32), 0.0, 1.0)


def _means(lines: Array, step: int) -> Array:
    """Of each `step` lines; of the last ones there may be fewer.

    A film is made smaller like this while it stays twice as large as its panel: a filter over all of its pixels took
    most of the time of a picture, and shows the same.
    """
    if step == 1:
        return lines
    sums = lines[::step].astype(np.float32)
    for number in range(1, step):
        some = lines[number::step]
        sums[: len(some)] += some
    counts = np.full((len(sums), 1), step, dtype=np.float32)
    counts[-1] = len(lines) - step * (len(sums) - 1)
    return sums / counts


def _draw_plain(canvas: Pillow.Image, pen: ImageDraw.ImageDraw, shown: Array, box: Box) -> None:
    canvas.paste(Pillow.fromarray(np.rint(255.0 * shown).astype(np.uint8)), (box.left, box.top))
    _write_heading(pen, box, "Image as received")


def _draw_evidence(canvas: Pillow.Image, image: Image, shown: Array, box: Box, told: _Told) -> None:
    evidence, regions, ceiling = told
    rows, columns = image.pixels.shape[:2]
    density = surface(evidence, (rows, columns), (box.height, box.width))
    panel = Pillow.fromarray(colourmap.blended(shown, density / np.float32(ceiling)))
    scale = (box.width / columns, box.height / rows)
    for region in regions:
        _draw_contour(panel, [(x * scale[0], y * scale[1]) for x, y in region.polygon])
    canvas.paste(panel, (box.left, box.top))


def _draw_contour(panel: Pillow.Image, points: Sequence[tuple[float, float]]) -> None:
    """A light line with a dark rim: seen on any ground. Only the part of the panel that it runs through is drawn."""
    columns, rows = zip(*points, strict=True)
    left, top = (max(0, int(min(each)) - _REACH) for each in (columns, rows))
    right = min(panel.width, int(max(columns)) + _REACH)
    bottom = min(panel.height, int(max(rows)) + _REACH)
    size = (right - left, bottom - top)
    closed = [((x - left) * _FINE, (y - top) * _FINE) for x, y in (*points, points[0], points[1])]
    for colour, thickness in ((0, 4 * _FINE), (255, 2 * _FINE - 1)):
        mask = Pillow.new("L", (size[0] * _FINE, size[1] * _FINE))
        ImageDraw.Draw(mask).line(closed, fill=255, width=thickness, joint="curve")
        panel.paste((colour, colour, colour), (left, top), mask.resize(size, Pillow.Resampling.BOX))


def _draw_bar(canvas: Pillow.Image, pen: ImageDraw.ImageDraw, places: Panels, ceiling: float) -> None:
    bar = places.bar
    ramp = np.linspace(1.0, 0.0, bar.height, dtype=np.float32)
    colours = colourmap.coloured(np.repeat(ramp[:, None], bar.width, axis=1))
    canvas.paste(Pillow.fromarray(colours), (bar.left, bar.top))
    pen.rectangle((bar.left - 1, bar.top - 1, bar.right, bar.bottom), outline=text.RULE)
    half = text.line_height(_SMALL) // 2
    for part in (0.0, 0.5, 1.0):
        row = bar.bottom - round(part * bar.height)
        pen.line((bar.right, row, bar.right + 4, row), fill=text.MUTED)
        text.write(pen, (bar.right + 8, row - half), f"{part * ceiling:.2g}", _SMALL)
    for number, words in enumerate(_UNIT):
        text.write(pen, (bar.left, bar.bottom + 14 + number * text.line_height(_SMALL)), words, _SMALL, text.MUTED)


def _write_heading(pen: ImageDraw.ImageDraw, box: Box, words: str) -> None:
    room = WIDTH - MARGIN - box.left
    text.write(
        pen, (box.left, box.top - text.line_height(_SMALL) - 2), text.cut(words, _SMALL, room), _SMALL, text.MUTED
    )


def _top_lines(words: Caption) -> list[tuple[str, int, text.Colour]]:
    room = WIDTH - 2 * MARGIN - sign.ROOM
    titles = [(line, _TITLE, text.LIGHT) for line in text.wrapped(words.title, _TITLE, room)]
    return titles + [(line, _BODY, text.LIGHT) for line in text.wrapped(words.facts, _BODY, room)]


def _top_height(words: Caption) -> int:
    written = sum(text.line_height(size) for _, size, _ in _top_lines(words))
    return TOP_MARGIN + max(written, sign.SIZE) + GAP


def _write_top(pen: ImageDraw.ImageDraw, words: Caption) -> None:
    sign.write(pen, TOP_MARGIN, words.outcome, words.figure)
    row = TOP_MARGIN
    for line, size, colour in _top_lines(words):
        text.write(pen, (MARGIN, row), line, size, colour)
        row += text.line_height(size)


def _foot_lines(words: Caption) -> list[tuple[str, int, text.Colour]]:
    room = WIDTH - 2 * MARGIN
    notes = [line for note in words.notes for line in text.wrapped(note, _SMALL, room)]
    return [*((line, _SMALL, text.MUTED) for line in notes), (words.warning, _BODY, text.AMBER)]


def _foot_height(words: Caption) -> int:
    return (
        GAP
        + table.height(words.rows)
        + sum(text.line_height(size) for _, size, _ in _foot_lines(words))
        + BOTTOM_MARGIN
    )


def _write_foot(pen: ImageDraw.ImageDraw, words: Caption, top: int) -> None:
    pen.line((MARGIN, top, WIDTH - MARGIN, top), fill=text.RULE)
    table.write(pen, words.rows, top + GAP)
    row = top + GAP + table.height(words.rows)
    for line, size, colour in _foot_lines(words):
        text.write(pen, (MARGIN, row), line, size, colour)
        row += text.line_height(size)
