"""What the reports in a folder say of each study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from tests.peers import folder_objects

_FINDING, _CERTAINTY, _SOURCE = "121071", "111012", "121112"


@dataclass(frozen=True)
class Score:
    """A finding in a report.

    Attributes:
        code: of the finding, with its scheme and meaning.
        probability: 0..1; None when it was not assessed.
        image: SOP Instance UID and frame number of the image that shows it best.
    """

    code: tuple[str, str, str]
    probability: float | None
    image: tuple[str, int] = ("", 1)


def scores(folder: Path) -> dict[str, list[Score]]:
    """Study Instance UID -> what its report says of each finding, in its order; fails over two reports of one study."""
    found: dict[str, list[Score]] = {}
    for one in folder_objects(folder):
        if one.kind == "sr":
            assert one.study not in found, f"two reports of the study {one.study}"
            found[one.study] = list(_scores(pydicom.dcmread(one.path)))
    return found


def _scores(item: Dataset) -> Iterator[Score]:
    """Of every container that holds both a finding and its certainty (PS3.16 TID 1500)."""
    children = item.get("ContentSequence", ())
    named = {one.ConceptNameCodeSequence[0].CodeValue: one for one in children if "ConceptNameCodeSequence" in one}
    if _CERTAINTY in named and _FINDING in named:
        yield _score(named[_FINDING], named[_CERTAINTY], named.get(_SOURCE))
    for child in children:
        yield from _scores(child)


def _score(finding: Dataset, certainty: Dataset, source: Dataset | None) -> Score:
    code = finding.ConceptCodeSequence[0]
    values = certainty.MeasuredValueSequence
    probability = float(values[0].NumericValue) / 100 if values else None
    image = ("", 1) if source is None else _image(source.ReferencedSOPSequence[0])
    return Score((str(code.CodeValue), str(code.CodingSchemeDesignator), str(code.CodeMeaning)), probability, image)


def _image(reference: Dataset) -> tuple[str, int]:
    return str(reference.ReferencedSOPInstanceUID), int(reference.get("ReferencedFrameNumber", 1))
