"""The report of the models on paper: A4, as many pages as it takes."""

from __future__ import annotations

import textwrap

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from node.report.page.typeface import BOLD, REGULAR, legible, register
from node.study import MANUFACTURER
from node.watch.drawing import INK, LIMIT, Box, Drawing, Line, Words
from node.watch.report import COLUMNS, Report

_WIDTH, _HEIGHT = A4
_SIDE, _TOP, _BOTTOM = 42.0, 42.0, 36.0
_LETTERS = 110  # of a sentence, on a line
_TABS = (0.0, 112.0, 218.0, 298.0, 346.0, 392.0, 438.0)


def pdf(report: Report) -> bytes:
    """As bytes."""
    register()
    page = _Page(Canvas(None, pagesize=A4, invariant=1, pageCompression=1, lang="en-US", initialFontName=REGULAR))
    page.canvas.setTitle(report.title)
    page.canvas.setCreator(MANUFACTURER)
    page.write(report.title, 15, BOLD)
    if not report.chapters:
        page.write("No model has answered yet.", 9)
    for chapter in report.chapters:
        page.write(chapter.title, 12, BOLD, above=12)
        for sentence in chapter.sentences:
            for line in textwrap.wrap(sentence, _LETTERS):
                page.write(line, 8)
        for row in (COLUMNS, *chapter.rows) if chapter.rows else ():
            page.row(row)
        for drawing in chapter.drawings:
            page.draw(drawing)
    page.canvas.showPage()
    return bytes(page.canvas.getpdfdata())


class _Page:
    """A canvas that is written from top to bottom, and turned when it is full."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas, self._y = canvas, _TOP

    def write(self, text: str, size: float, typeface: str = REGULAR, above: float = 0.0) -> None:
        """One line."""
        self._room(above + size * 1.4)
        self._y += above + size
        self._text(_SIDE, self._y, text, size, typeface)
        self._y += size * 0.4

    def row(self, cells: tuple[str, ...]) -> None:
        """A row of the table."""
        self._room(10.0)
        self._y += 8.0
        typeface = BOLD if cells == COLUMNS else REGULAR
        self.canvas.setFillColor(HexColor(LIMIT if cells[-1] == "alarm" else INK))
        for left, cell in zip(_TABS, cells, strict=True):
            self._text(_SIDE + left, self._y, cell[:28], 7, typeface)
        self.canvas.setFillColor(HexColor(INK))
        self._y += 2.0

    def draw(self, drawing: Drawing) -> None:
        """A plot."""
        self._room(drawing.height + 10.0)
        self._y += 10.0
        for shape in drawing.shapes:
            self._shape(shape)
        self.canvas.setFillColor(HexColor(INK))
        self._y += drawing.height

    def _room(self, height: float) -> None:
        if self._y + height > _HEIGHT - _BOTTOM and self._y > _TOP:
            self.canvas.showPage()
            self._y = _TOP

    def _shape(self, shape: Line | Box | Words) -> None:
        down = _HEIGHT - self._y
        if isinstance(shape, Line):
            self.canvas.setStrokeColor(HexColor(shape.colour))
            self.canvas.setLineWidth(shape.width)
            for (x, y), (to_x, to_y) in zip(shape.points, shape.points[1:], strict=False):
                self.canvas.line(_SIDE + x, down - y, _SIDE + to_x, down - to_y)
            return
        self.canvas.setFillColor(HexColor(shape.colour))
        if isinstance(shape, Box):
            top = down - shape.top - shape.height
            self.canvas.rect(_SIDE + shape.left, top, shape.width, shape.height, stroke=0, fill=1)
        else:
            self._text(_SIDE + shape.left, self._y + shape.baseline, shape.text, shape.size, ends=shape.ends)

    def _text(
        self, left: float, baseline: float, text: str, size: float, typeface: str = REGULAR, *, ends: bool = False
    ) -> None:
        self.canvas.setFont(typeface, size)
        write = self.canvas.drawRightString if ends else self.canvas.drawString
        write(left, _HEIGHT - baseline, legible(text).text)
