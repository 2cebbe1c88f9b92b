"""The upper end of the page: what it is, whose it is, and the answer; and its foot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pydicom.dataset import Dataset

from node import __version__
from node.report import source, summary
from node.report.page.block import BLACK, MUTED, SHADE, Bar, Block, Words, beside, frame_margin, framed, rule, stacked
from node.report.page.text import Paragraph, fitted, line, shortened
from node.report.page.typeface import BOLD, REGULAR, Change, legible, width
from node.report.page.words import POINTER, Headline
from node.study import MANUFACTURER, Analysis

_LABEL = 5.6
#: Sizes that are tried until a value stands on one line.
_TITLE, _NAME, _VALUE = (14.0, 12.0, 10.0, 8.6), (11.5, 10.0, 8.6), (8.6, 7.6, 6.6)
_MOST_LINES = 2
#: Left edges of the cells below the name.
_CELLS = (0.0, 124.0, 188.0, 218.0, 288.0, 386.0)
_NOT_STATED = "not stated"
_MADE_LEGIBLE = {
    Change.TRANSLITERATED: "some letters are transliterated one by one",
    Change.LEFT_TO_VIEWER: "East Asian letters are drawn by the viewer's own typeface and may be missing",
    Change.REPLACED: "in brackets stands the script of letters that this page cannot show",
}


def head(analysis: Analysis, header: Dataset, room: float) -> Block:
    """Title, patient and study; `header` is that of the object that holds the page, so that the two agree."""
    name, cells = person_name(source.value(header, "PatientName")), _cells(header)
    person = stacked([_label("Patient"), _value(name, _NAME, room, BOLD)])
    study = beside(
        (left, stacked([_label(label), _value(value, _VALUE, right - left - 8.0)]))
        for left, right, (label, value) in zip(_CELLS, (*_CELLS[1:], room), cells, strict=True)
    )
    notes = _notes([name, *(value for _, value in cells)], [person, study], room)
    return stacked([_title(analysis, room), rule(room, 1.0, BLACK), person, study, notes], 5.0)


def person_name(value: str) -> str:
    """A Person Name (PS3.5 6.2.1) for a person: its groups one after the other, the family name first."""
    groups = [_group(group) for group in value.split("=")]
    first, *others = dict.fromkeys(group for group in groups if group) or [""]
    return f"{first} ({', '.join(others)})" if others else first


def _group(group: str) -> str:
    family, *given = (part.strip() for part in f"{group}^".split("^"))
    given = [part for part in given if part]
    comma = ", " if family.isascii() or legible(family).changes != {Change.LEFT_TO_VIEWER} else " "
    return comma.join(part for part in (family, " ".join(given)) if part)


def _title(analysis: Analysis, room: float) -> Block:
    said = "AI result, research use" if analysis.manifest.research_only else "AI result"
    right = room - width(said, 8.0, BOLD)
    mark = Block(18.0, (Words(said, 0.0, 6.2, 8.0, BOLD),))
    size = _fitting(analysis.manifest.title, _TITLE, right - 12.0, BOLD)
    title = line(analysis.manifest.title, size, right - 12.0, BOLD)
    return beside([(0.0, Block(18.0, tuple(replace(one, top=14.0 - size) for one in title.marks))), (right, mark)])


def _cells(header: Dataset) -> list[tuple[str, str]]:
    values = (
        ("Patient ID", source.value(header, "PatientID")),
        ("Born", _date(source.value(header, "PatientBirthDate"))),
        ("Sex", source.value(header, "PatientSex")),
        ("Study date", _date(source.value(header, "StudyDate"))),
        ("Accession number", source.value(header, "AccessionNumber")),
        ("Study", source.value(header, "StudyDescription")),
    )
    return [(label, value or "-") for label, value in values]


def _date(value: str) -> str:
    """``2025-06-14`` of a DA; what is none is shown as it is."""
    return re.sub(r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3", value)


def _label(text: str) -> Block:
    return line(text, _LABEL, 500.0, grey=MUTED)


def _value(text: str, sizes: Sequence[float], room: float, typeface: str = REGULAR) -> Block:
    """On one line, as large as that goes; else on two lines, ended by dots where they do not hold it either."""
    text = text or _NOT_STATED
    size = _fitting(text, sizes, room, typeface)
    lead, rest = (text, "") if typeface == BOLD else ("", text)
    return stacked(shortened(Paragraph(rest, lead, size).lines(room), _MOST_LINES, room))


def _fitting(text: str, sizes: Sequence[float], room: float, typeface: str) -> float:
    """The first of the sizes in which the text stands on one line, or the last."""
    return next((size for size in sizes if width(legible(text).text, size, typeface) <= room), sizes[-1])


def _notes(told: Sequence[str], written: Sequence[Block], room: float) -> Block:
    """What was done to the values above, where anything was."""
    changes = {change for text in told for change in legible(text).changes}
    said = [words for change, words in _MADE_LEGIBLE.items() if change in changes]
    if any(isinstance(mark, Words) and mark.text.endswith("...") for block in written for mark in block.marks):
        said.append("what ends in dots is cut short")
    if not said:
        return Block(0.0)
    text = f"Above, {'; '.join(said)}: as received it stands in the header of this object, Patient's Name (0010,0010)."
    return stacked(Paragraph(text, size=_LABEL + 0.4, grey=MUTED).lines(room))


def answer(said: Headline, room: float) -> Block:
    """The answer in a frame: a heavy one, on grey, where there is no answer."""
    weight = 2.0 if said.unanswered else 0.8
    inner = room - 2.0 * frame_margin(weight)
    title = stacked(shortened(Paragraph("", said.title, 11.0).lines(inner), 2, inner))
    below = fitted([Paragraph(text, size=7.6) for text in said.below], inner, 44.0, POINTER)
    block = framed(stacked([title, below], 2.0), room, weight)
    ground = (Bar(0.0, 0.0, room, block.height, SHADE),) if said.unanswered else ()
    return Block(block.height, (*ground, *block.marks))


def foot(analysis: Analysis, header: Dataset, room: float) -> Block:
    """Who says so, that no person has verified it, and that there is no other page."""
    warning = summary.UNVERIFIED + (f" {summary.RESEARCH}" if analysis.manifest.research_only else "")
    place = "Page 1 of 1"
    right = room - width(place, 6.2)
    made = f"{MANUFACTURER} {__version__}{_station(analysis)}, {_moment(header)}"
    made += f", revision {analysis.revision}" if analysis.revision > 1 else ""
    return stacked(
        [
            rule(room, 0.8, BLACK),
            line(warning, 7.6, room, BOLD),
            beside([(0.0, line(made, 6.2, right - 8.0, grey=MUTED)), (right, line(place, 6.2, room, grey=MUTED))]),
        ],
        2.0,
    )


def _station(analysis: Analysis) -> str:
    names = [name for name in (analysis.station_name, analysis.ae_title) if name]
    return f" on {' / '.join(dict.fromkeys(names))}" if names else ""


def _moment(header: Dataset) -> str:
    """Content Date and Time as a person writes them."""
    time = re.sub(r"^(\d{2})(\d{2})(\d{2}).*$", r"\1:\2:\3", source.value(header, "ContentTime"))
    return (
        f"{_date(source.value(header, 'ContentDate'))} {time} {source.value(header, 'TimezoneOffsetFromUTC') or 'UTC'}"
    )
