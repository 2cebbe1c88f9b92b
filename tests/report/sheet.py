"""The page of an analysis as the tests look at it: its marks, its words, the file, and whether anything overlaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import combinations
from typing import Any

import pypdf
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from node.plugin import Neighbour
from node.report import provenance, source
from node.report.page.block import SHADE, Bar, Mark, Photo, Words
from node.report.page.page import BOTTOM, SIDE, TOP, arranged, page
from node.report.page.pdf import HEIGHT, WIDTH
from node.study import Analysis, Explanation
from tests.report.material import (
    analysis,
    banded,
    by_uid,
    contribution,
    header,
    manifest,
    picture,
)

LIMITS = (
    "Only frontal films of adults were measured; children were not seen, and what is said of them is not known.",
    "The labels were mined from reports, so the figures say how well these are repeated, not how well it finds.",
    "Evidence maps show which places raised the score; they do not outline a lesion.",
)
FOURTEEN = tuple(banded(f"finding {number}") for number in range(14))
SLACK = 0.01  # points


def header_of(told: Analysis, sources: Mapping[str, Dataset]) -> Dataset:
    """The header of the object that holds the page."""
    role = provenance.Role("pdf", EncapsulatedPDFStorage, "DOC")
    return provenance.head(told, source.main_source(told, sources), role)


def explained(told: Analysis, *sources: Dataset) -> Explanation:
    """A picture and a sentence for every finding on every source."""
    names = [one.name for one in told.manifest.findings]
    pictures = tuple(picture(ds, name) for name in names for ds in sources)
    return Explanation((), pictures, tuple(contribution(ds, name) for name in names for ds in sources))


def marks_of(told: Analysis, *sources: Dataset, explanation: Explanation | None = None) -> tuple[Mark, ...]:
    """Everything on the page in its place."""
    known = by_uid(*sources)
    return arranged(told, header_of(told, known), known, explanation or explained(told, *sources))


def text_of(marks: Sequence[Mark]) -> str:
    """All words, line by line, with plain spaces."""
    said = sorted((mark for mark in marks if isinstance(mark, Words)), key=lambda mark: (mark.top, mark.left))
    return " ".join(one.text for one in said).replace("\N{NO-BREAK SPACE}", " ")


def pdf_of(told: Analysis, *sources: Dataset, explanation: Explanation | None = None) -> pypdf.PdfReader:
    """The page as another program reads it."""
    known = by_uid(*sources)
    data = page(told, header_of(told, known), known, explanation or explained(told, *sources))
    return pypdf.PdfReader(BytesIO(data), strict=True)


def all_at(told: Analysis, probability: float) -> Analysis:
    """The same with every finding at that probability."""
    (item,) = told.analysed
    findings = tuple(replace(one, probability=probability) for one in item.prediction.findings)
    return replace(told, analysed=(replace(item, prediction=replace(item.prediction, findings=findings)),))


def talkative(told: Analysis) -> Analysis:
    """The same with all that a model can say beside its probabilities."""
    (item,) = told.analysed
    cases = tuple(
        Neighbour(one.name, f"cxr_nih/0000{number}280_004", 0.9, present=True)
        for one in item.prediction.findings
        for number in range(5)
    )
    said = replace(item.prediction, neighbours=cases, remarks=("The header says PA, the pixels look AP.",) * 3)
    return replace(told, analysed=(replace(item, prediction=said),))


def film(**changes: Any) -> tuple[Analysis, Dataset]:
    """One film with a finding that is present."""
    ds = header()
    return analysis(ds, manifest=manifest(**({"limits": LIMITS} | changes))), ds


def assert_nothing_overlaps(marks: Sequence[Mark]) -> None:
    """All marks lie within the margins; no words lie on words, on the picture, or on anything dark."""
    for mark in marks:
        assert SIDE - SLACK <= mark.left <= mark.right <= WIDTH - SIDE + SLACK, mark
        assert TOP - SLACK <= mark.top <= mark.bottom <= HEIGHT - BOTTOM + SLACK, mark
    words = [mark for mark in marks if isinstance(mark, Words)]
    solid = [mark for mark in marks if isinstance(mark, Photo) or (isinstance(mark, Bar) and mark.grey < SHADE - SLACK)]
    clashes = [(a, b) for a, b in combinations(words, 2) if touch(a, b)]
    clashes += [(a, b) for a in words for b in solid if touch(a, b)]  # type: ignore[misc]
    assert not clashes


def touch(one: Mark, other: Mark) -> bool:
    """Whether they share more than an edge."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return across > SLACK and down > SLACK
