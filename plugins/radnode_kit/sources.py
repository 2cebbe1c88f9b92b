"""The labelled sets that the shipped plugins learn from, read from a data folder into :class:`Sample` values.

Each set is a folder with ``labels.csv`` and ``images/`` (see plugins/DATA.md for origin, licence and columns).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.errors import PluginError

Row = Mapping[str, str]
#: A row of a table -> group, labels that are true, labels that are told, strata.
Reader = Callable[[Row], tuple[str, set[str], set[str], dict[str, str]]]
_NO_LABELS = {"file", "patient", "series", "label", "part", "view", "sex", "age", "source", "maker"}


@dataclass(frozen=True)
class Sample:
    """One labelled image.

    Attributes:
        path: of the image file.
        source: name of the set.
        group: patient, or group of near duplicates; never in two parts.
        labels: one name from the plugin's labels that are true; see `known`.
        known: names of the labels that this set tells; the others are unknown for this image.
        strata: subgroup name -> value, for the model card (view, sex, age).
        part: where the publisher's own split decides it; empty: by the hash of the group (``radnode_kit.split``).
    """

    path: Path
    source: str
    group: str
    labels: frozenset[str]
    known: frozenset[str]
    strata: Mapping[str, str]
    part: str = ""

    @property
    def case(self) -> str:
        """Public identifier of the image, e.g. ``cxr_nih/00001280_004``."""
        return f"{self.source}/{self.path.stem}"


def age_band(age: str) -> str:
    """Words for an age in years: ``under 40``, ``40 to 59``, ``60 and over`` or ``unknown``."""
    if not age or age == "unknown":
        return "unknown"
    years = float(age)
    return "under 40" if years < 40 else "40 to 59" if years < 60 else "60 and over"


def _cxr_nih(row: Row) -> tuple[str, set[str], set[str], dict[str, str]]:
    labels = {name.lower() for name in row["finding_labels"].split("|")} - {"no finding"}
    known = {"pneumonia", "infiltration", "atelectasis", "edema", "effusion"}
    strata = {"view": row["view"], "sex": row["sex"], "age": age_band(row["age"])}
    return row["patient"], labels & known, known, strata


def _cxr_pediatric_kermany(row: Row) -> tuple[str, set[str], set[str], dict[str, str]]:
    labels = {"pneumonia"} if row["pneumonia"] == "1" else set()
    return row["patient"], labels, {"pneumonia"}, {"view": "AP", "kind": row["label"]}


def _mr_brain_tumor(row: Row) -> tuple[str, set[str], set[str], dict[str, str]]:
    known = {"glioma", "meningioma", "pituitary", "notumor"}
    return row["neardup_group"], {row["label"]}, known, {"collection": row["kaggle_part"].lower()}


def _skin_isic2017(row: Row) -> tuple[str, set[str], set[str], dict[str, str]]:
    known = {"melanoma", "seborrheic_keratosis"}
    strata = {"sex": row["sex"] or "unknown", "age": age_band(row["age"])}
    return Path(row["file"]).stem, {row["label"]} & known, known, strata


def _own(row: Row) -> tuple[str, set[str], set[str], dict[str, str]]:
    """Any other set: a column for each label with 1, 0 or nothing; the other columns as `radnode evaluate` has them."""
    told = {name: value.strip() for name, value in row.items() if name not in _NO_LABELS and value and value.strip()}
    wrong = {name: value for name, value in told.items() if value not in ("0", "1")}
    if wrong:
        raise ValueError(f"label columns hold 1, 0 or nothing, not {wrong}")
    strata = {name: row[name] for name in ("view", "sex", "source", "maker") if row.get(name)}
    if "age" in row:
        strata["age"] = age_band(row["age"])
    return row.get("patient") or row["file"], {name for name, value in told.items() if value == "1"}, set(told), strata


def publishers_part(source: str, row: Row) -> str:
    """The part that a publisher's own split asks for: ISIC 2017's validation images are validation here too."""
    return "validation" if source == "skin_isic2017" and row["part"] == "val" else ""


READERS: Mapping[str, Reader] = {
    "cxr_nih": _cxr_nih,
    "cxr_pediatric_kermany": _cxr_pediatric_kermany,
    "mr_brain_tumor": _mr_brain_tumor,
    "skin_isic2017": _skin_isic2017,
}


def read_source(data: Path, source: str) -> list[Sample]:
    """All samples of one set in the order of its table; raises :class:`PluginError` when the table is missing."""
    table = data / source / "labels.csv"
    if not table.is_file():
        raise PluginError("the data set is not there", about=str(table), hint="see plugins/DATA.md for the layout")
    samples = []
    with table.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            group, labels, known, strata = _read(READERS.get(source, _own), row, table)
            path = data / source / row["file"]
            part = publishers_part(source, row)
            samples.append(Sample(path, source, group, frozenset(labels), frozenset(known), strata, part))
    return samples


def _read(reader: Reader, row: Row, table: Path) -> tuple[str, set[str], set[str], dict[str, str]]:
    try:
        return reader(row)
    except (KeyError, ValueError) as error:
        about = f"{table}, file {row.get('file', '?')}"
        what, hint = f"a row of the table cannot be read: {error}", "see plugins/DATA.md"
        raise PluginError(what, about=about, hint=hint) from error


def read_sources(data: Path, sources: Sequence[str]) -> list[Sample]:
    """All samples of several sets, one set after another."""
    return [sample for source in sources for sample in read_source(data, source)]
