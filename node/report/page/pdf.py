"""Ink on paper: marks in their places become a PDF of one page, the same bytes for the same marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from node.report.page.block import Bar, Mark, Photo, Words
from node.report.page.typeface import REGULAR, register, runs, width
from node.study import MANUFACTURER

WIDTH, HEIGHT = A4
#: Streams as they are: written as text (ASCII85) they take 25 % more room, and four times the time of all the rest.
rl_config.useA85 = 0


@dataclass(frozen=True)
class Paper:
    """What the document says of itself; nothing of it is about the patient.

    Attributes:
        title: of the document.
        author: who answers for the model.
        date: ``YYYYMMDDHHMMSS`` of the analysis.
        zone: its offset from UTC, ``+0100``.
    """

    title: str
    author: str
    date: str
    zone: str


def drawn(paper: Paper, marks: Sequence[Mark], picture: npt.NDArray[np.uint8] | None) -> bytes:
    """The PDF; `picture` (uint8, rows x columns x 3) goes where a :class:`Photo` stands."""
    register()
    canvas = Canvas(None, pagesize=A4, invariant=1, pageCompression=1, lang="en-US", initialFontName=REGULAR)
    _describe(canvas, paper)
    for mark in marks:
        if isinstance(mark, Words):
            _write(canvas, mark)
        elif isinstance(mark, Bar):
            _fill(canvas, mark)
        elif picture is not None:
            _paste(canvas, mark, picture)
    canvas.showPage()
    return bytes(canvas.getpdfdata())


def _describe(canvas: Canvas, paper: Paper) -> None:
    canvas.setTitle(paper.title)
    canvas.setAuthor(paper.author)
    canvas.setSubject("Report of one page")
    canvas.setCreator(MANUFACTURER)
    canvas.setProducer(MANUFACTURER)  # without reportlab's version: it says nothing of the page
    moment = f"D:{paper.date}{paper.zone[:3]}'{paper.zone[3:]}'"
    canvas.setDateFormatter(lambda *_: moment)


def _write(canvas: Canvas, words: Words) -> None:
    canvas.setFillGray(words.grey)
    left = words.left
    for typeface, part in runs(words.text, words.typeface):
        canvas.setFont(typeface, words.size)
        canvas.drawString(left, HEIGHT - words.baseline, part)
        left += width(part, words.size, typeface)


def _fill(canvas: Canvas, bar: Bar) -> None:
    canvas.setFillGray(bar.grey)
    canvas.rect(bar.left, HEIGHT - bar.bottom, bar.right - bar.left, bar.bottom - bar.top, stroke=0, fill=1)


def _paste(canvas: Canvas, place: Photo, picture: npt.NDArray[np.uint8]) -> None:
    image = ImageReader(Pillow.fromarray(np.ascontiguousarray(picture)))
    canvas.drawImage(image, place.left, HEIGHT - place.bottom, place.right - place.left, place.bottom - place.top)
