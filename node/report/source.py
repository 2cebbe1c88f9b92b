"""Reading of source headers: tolerant, because a broken optional tag must never stop a report."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.valuerep import validate_value

from node.study import Analysis

#: What pydicom raises while it converts a broken element.
BROKEN = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    NotImplementedError,
    EOFError,
    OSError,  # a sequence of unknown VR that ends too soon
    struct.error,
    BytesLengthException,
)
_RAISE = 2  # pydicom.config.RAISE


def element(ds: Dataset, keyword: str) -> DataElement | None:
    """The element when it is there, can be converted and has the VR of the dictionary."""
    tag = Tag(keyword)
    try:
        found = ds[tag]
        _convert(found)
    except BROKEN:  # KeyError: missing
        return None
    return found if dictionary_VR(tag) == found.VR else None


def _convert(found: DataElement) -> None:
    """Decode what lies below a sequence too: its raw bytes would be copied in the source's own encoding."""
    for item in found.value if found.VR == "SQ" else ():
        for below in item:
            _convert(below)


def everything(datasets: Iterable[Dataset]) -> Iterator[DataElement]:
    """Every element in and below these, in no order; an item that stands in many places is visited once."""
    waiting, seen = list(datasets), set[int]()
    while waiting:
        ds = waiting.pop()
        if id(ds) in seen:
            continue
        seen.add(id(ds))
        for tag, held in ds.items():
            found = ds[tag] if held.is_raw else held
            if found.VR == "SQ":
                waiting += found.value
            yield found


def value(ds: Dataset, keyword: str) -> str:
    """The value as stripped text; of several the first; empty when missing or broken."""
    return next(iter(values(ds, keyword)), "")


def values(ds: Dataset, keyword: str) -> tuple[str, ...]:
    """All values as stripped text; empty when missing or broken."""
    found = element(ds, keyword)
    if found is None or found.value is None:
        return ()
    several = found.value if isinstance(found.value, MultiValue | list | tuple) else [found.value]
    return tuple(str(item).strip() for item in several)


def numbers(ds: Dataset, keyword: str) -> tuple[float, ...]:
    """All values as numbers; empty when one of them is none."""
    try:
        return tuple(float(item) for item in values(ds, keyword))
    except ValueError:
        return ()


def items(ds: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """The items of a sequence; empty when missing or broken."""
    found = element(ds, keyword)
    return tuple(found.value) if found is not None and found.VR == "SQ" and found.value else ()


def places(ds: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """The items of a sequence, whatever is broken below them: to be read from, not to be copied."""
    try:
        found = ds[keyword]
        return tuple(found.value) if found.VR == "SQ" and found.value else ()
    except BROKEN:
        return ()


def is_valid(found: DataElement) -> bool:
    """Whether every value obeys its VR (PS3.5 6.2)."""
    several = found.value if isinstance(found.value, MultiValue) else [found.value]
    try:
        for item in several:
            validate_value(found.VR, None if item is None else str(item), _RAISE)
    except BROKEN:
        return False
    return True


def main_source(analysis: Analysis, sources: Mapping[str, Dataset]) -> Dataset:
    """The header that patient and study are copied from: the first analysed instance, else the first at hand."""
    analysed = (image.sop_instance_uid for item in analysis.analysed for image in item.image_set.images)
    unseen = (item.sop_instance_uid for item in analysis.not_assessed)
    for sop_instance_uid in (*analysed, *unseen, *sorted(sources)):
        if sop_instance_uid in sources:
            return sources[sop_instance_uid]
    return Dataset()


def is_multi_frame(ds: Dataset) -> bool:
    """Whether references into this instance must name the frame."""
    return any(count > 1 for count in numbers(ds, "NumberOfFrames"))
