"""The labelled CT slices that the model learns from, as the node decodes them. Needs a data folder; training only."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom

from node.errors import PluginError
from node.plugin import Image
from radnode_kit.sources import age_band

SOURCE = "ct_chest_tcga"
_MAX_PIXELS = 2**24
_MAKERS = {"SIEMENS": "Siemens", "GE MEDICAL SYSTEMS": "GE"}


@dataclass(frozen=True)
class Case:
    """One labelled slice.

    Attributes:
        image: as a plugin would get it.
        patient: never in two folds.
        series: Series Instance UID.
        enhanced: the data set's label.
        agent: Contrast/Bolus Agent as the header has it, None when absent; never an input of the model.
        strata: subgroup name -> value, for the model card.
    """

    image: Image
    patient: str
    series: str
    enhanced: bool
    agent: str | None
    strata: Mapping[str, str]


def read_cases(data: Path, source: str = SOURCE) -> list[Case]:
    """All slices of the set in the order of its table; raises :class:`PluginError` when the table is missing."""
    table = data / source / "labels.csv"
    if not table.is_file():
        raise PluginError("the data set is not there", about=str(table), hint="see plugins/DATA.md for the layout")
    with table.open(newline="", encoding="utf-8") as stream:
        return [_case(table.parent / row["file"], row) for row in csv.DictReader(stream)]


def _case(path: Path, row: Mapping[str, str]) -> Case:
    from node.assemble import read_images

    header = pydicom.dcmread(path, stop_before_pixels=True)
    agent = header.get("ContrastBolusAgent")
    image = read_images(path, _MAX_PIXELS)[0]
    return Case(
        image=image,
        patient=row["patient"],
        series=str(header.SeriesInstanceUID),
        enhanced=row["contrast"] == "1",
        agent=None if agent is None else str(agent),
        strata={
            "maker": _MAKERS.get(row["mfr"], row["mfr"]),
            "sex": row["sex"],
            "age": age_band(row["age"]),
            "field of view": _field_of_view(image),
        },
    )


def _field_of_view(image: Image) -> str:
    if image.spacing is None:
        return "unknown"
    return "450 mm and more" if image.spacing[1] * image.pixels.shape[1] >= 450 else "under 450 mm"


@dataclass(frozen=True)
class Sequences:
    """Cases put together into series; all rows of one series have the same label.

    Attributes:
        rows: for each series the numbers of its cases, in the order of space.
        patients: (s,), patient of each series.
        enhanced: (s,), its label.
    """

    rows: Sequence[Sequence[int]]
    patients: npt.NDArray[np.str_]
    enhanced: npt.NDArray[np.bool_]

    @property
    def slices(self) -> list[int]:
        """All case numbers, series by series."""
        return [row for rows in self.rows for row in rows]


def sequences(cases: Sequence[Case]) -> Sequences:
    """Series in the order of their first case. A slice that came twice (same pixels) is used once."""
    table: dict[tuple[str, bool], list[int]] = {}
    seen: set[tuple[str, bytes]] = set()
    for number, case in enumerate(cases):
        picture = (case.patient, case.image.pixels.tobytes())
        if picture not in seen:
            seen.add(picture)
            table.setdefault((case.series, case.enhanced), []).append(number)
    rows = [sorted(each, key=lambda n: cases[n].image.position or 0.0) for each in table.values()]
    patients = np.array([cases[each[0]].patient for each in rows])
    return Sequences(rows, patients, np.array([cases[each[0]].enhanced for each in rows]))
