"""Private attributes: all go, but for a short list whose numbers are needed to read the images (PS3.15 E.3.10)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

#: Kind of an attribute: group, element within its block, private creator.
_Key = tuple[int, int, str]


@cache
def safe() -> dict[_Key, str]:
    """The list: which attribute -> its VR."""
    lines = files("node.deidentify").joinpath("safe_private.txt").read_text(encoding="ascii").splitlines()
    found = {}
    for line in lines:
        if not line.startswith("#"):
            group, element, vr, rest = line.split(" ", 3)
            found[int(group, 16), int(element, 16), rest.partition(" = ")[0]] = vr
    return found


def safe_elements(ds: Dataset) -> Iterator[DataElement]:
    """Those of a dataset or item, each with the creator of its block; of another VR than the list's none."""
    for element in ds:
        tag = element.tag
        if not tag.is_private or tag.element < 0x1000:
            continue
        creator = ds.get((tag.group, tag.element >> 8))
        if creator is None:
            continue
        name = str(creator.value)
        if safe().get((tag.group, tag.element & 0xFF, name)) == element.VR:
            yield DataElement(creator.tag, "LO", name)
            yield element
