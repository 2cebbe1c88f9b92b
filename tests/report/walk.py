"""Reads the content tree of a report: a walker of a few lines, as highdicom cannot read a NUM without a value."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset


def items(ds: Dataset) -> Iterator[Dataset]:
    """Every content item below `ds`, depth first."""
    for item in ds.get("ContentSequence", ()):
        yield item
        yield from items(item)


def named(ds: Dataset, code: str) -> list[Dataset]:
    """All items below `ds` whose concept name has that code value."""
    return [item for item in items(ds) if item.ConceptNameCodeSequence[0].CodeValue == code]


def groups(ds: Dataset) -> list[Dataset]:
    """The measurement groups."""
    return named(ds, "125007")


def coded(ds: Dataset, code: str) -> list[str]:
    """Meanings of all CODE items of that name below `ds`."""
    return [item.ConceptCodeSequence[0].CodeMeaning for item in named(ds, code)]


def texts(ds: Dataset, code: str) -> list[str]:
    """Values of all TEXT items of that name below `ds`."""
    return [item.TextValue for item in named(ds, code)]


def number(ds: Dataset, code: str) -> float | None:
    """Value of the only NUM of that name; None when it has none."""
    (item,) = named(ds, code)
    return float(item.MeasuredValueSequence[0].NumericValue) if item.MeasuredValueSequence else None


def evidence(ds: Dataset) -> dict[str, str]:
    """SOP Instance UID -> Series Instance UID of the evidence sequence."""
    return {
        item.ReferencedSOPInstanceUID: series.SeriesInstanceUID
        for study in ds.get("CurrentRequestedProcedureEvidenceSequence", ())
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
