"""The page: the whole report on one side of A4, for a person.

From top to bottom: what this is and whose it is, the answer in a frame, the table of all findings, the first picture
beside the reasons, what was not assessed and the model's limits beside the model's card in short, and the foot. Table,
head, answer and foot keep their heights; the picture takes what is left, and texts that do not fit are cut short and
say where the rest stands. Nothing is ever set on a second page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydicom.dataset import Dataset

from node.report.page import words
from node.report.page.block import MUTED, Block, Mark, Photo, beside, stacked
from node.report.page.head import answer, foot, head
from node.report.page.pdf import HEIGHT, WIDTH, Paper, drawn
from node.report.page.table import table
from node.report.page.text import Paragraph, fitted, line
from node.report.page.typeface import BOLD
from node.report.page.words import Told, key_picture, told
from node.study import Analysis, Explanation

SIDE, TOP, BOTTOM = 42.0, 34.0, 28.0
ROOM = WIDTH - 2.0 * SIDE
_GAP, _GUTTER = 9.0, 16.0
#: Most that the picture takes across and downwards, and what it keeps downwards however much is said.
_WIDEST, _HIGHEST, _LOWEST = 330.0, 400.0, 150.0
#: Most that the columns at the lower end take.
_MOST_BELOW = 190.0


def page(analysis: Analysis, header: Dataset, sources: Mapping[str, Dataset], explanation: Explanation) -> bytes:
    """The page as PDF, the same bytes for the same analysis.

    Args:
        analysis: what was found.
        header: of the object that will hold the page: patient, study, and when.
        sources: header of each source instance by SOP Instance UID; missing ones are tolerated.
        explanation: one of its pictures is shown; without pictures the words take its place.
    """
    manifest = analysis.manifest
    paper = Paper(
        title=f"{manifest.title} ({manifest.name} {manifest.version})",
        author=manifest.manufacturer,
        date=f"{header.ContentDate}{header.ContentTime}",
        zone=header.get("TimezoneOffsetFromUTC", "+0000"),
    )
    picture = key_picture(explanation, told(analysis, sources, explanation))
    marks = arranged(analysis, header, sources, explanation)
    return drawn(paper, marks, None if picture is None else picture.pixels)


def arranged(
    analysis: Analysis, header: Dataset, sources: Mapping[str, Dataset], explanation: Explanation
) -> tuple[Mark, ...]:
    """Everything on the page in its place, all of it within the margins, nothing upon another."""
    rows = told(analysis, sources, explanation)
    said = answer(words.headline(analysis, rows), ROOM)
    above = stacked([head(analysis, header, ROOM), said, table(rows)], _GAP)
    end = foot(analysis, header, ROOM)
    foot_top = HEIGHT - BOTTOM - end.height
    free = foot_top - TOP - above.height - 3.0 * _GAP
    below = _below(analysis, rows, min(_MOST_BELOW, free - _LOWEST))
    middle = _middle(words.reasons(analysis, rows), _photo(explanation, rows, free - below.height), free - below.height)
    return (*stacked([above, middle, below], _GAP).at(SIDE, TOP), *end.at(SIDE, foot_top))


def _photo(explanation: Explanation, rows: Sequence[Told], height: float) -> Block:
    """The place of the picture, and which of how many it is."""
    picture = key_picture(explanation, rows)
    if picture is None:
        return Block(0.0)
    place = next(place for place, one in enumerate(explanation.pictures, 1) if one is picture)  # arrays: no equality
    count = len(explanation.pictures)
    words = line(f"Picture {place} of {count}; all are in the series of heatmaps.", 5.8, _WIDEST, grey=MUTED)
    caption = words if count > 1 else Block(0.0)
    tall, wide = picture.pixels.shape[:2]
    scale = min(_WIDEST / wide, min(_HIGHEST, height - caption.height - 2.0) / tall)
    return stacked([Block(scale * tall, (Photo(0.0, 0.0, scale * wide, scale * tall),)), caption], 2.0)


def _middle(reasons: Sequence[Paragraph], photo: Block, height: float) -> Block:
    """The picture, and beside it what stands behind the answer."""
    left = max((mark.right for mark in photo.marks), default=-_GUTTER) + _GUTTER
    return beside([(0.0, photo), (left, _section("Reasons", reasons, ROOM - left, height, words.POINTER))])


def _below(analysis: Analysis, rows: Sequence[Told], height: float) -> Block:
    """Left what is not said and what to beware of, right who says it."""
    room = 0.47 * ROOM
    missing = _section("Not assessed", words.not_assessed(analysis, rows), room, height / 2.0, words.POINTER)
    rest = height - missing.height - _GAP
    beware = _section("Limits of the model", words.limits(analysis), room, rest, words.CARD_POINTER)
    card = _section("The model", words.model(analysis), ROOM - room - _GUTTER, height, words.CARD_POINTER)
    return beside([(0.0, stacked([missing, beware], _GAP)), (room + _GUTTER, card)])


def _section(title: str, paragraphs: Sequence[Paragraph], room: float, height: float, pointer: str) -> Block:
    heading = line(title, 7.6, room, BOLD, MUTED)
    return stacked([heading, fitted(paragraphs, room, height - heading.height - 2.0, pointer)], 2.0)
