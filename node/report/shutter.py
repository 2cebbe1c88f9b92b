"""The Display Shutter of a source, repeated (PS3.3 C.7.6.11, C.11.12)."""

from __future__ import annotations

from math import isfinite

from pydicom.dataset import Dataset

from node.report import source

_PAIRS = 0
#: Shape -> the attributes that make it, with the number of values of each; of a polygon, three pairs or more.
_SHAPES = {
    "RECTANGULAR": (
        ("ShutterLeftVerticalEdge", 1),
        ("ShutterRightVerticalEdge", 1),
        ("ShutterUpperHorizontalEdge", 1),
        ("ShutterLowerHorizontalEdge", 1),
    ),
    "CIRCULAR": (("CenterOfCircularShutter", 2), ("RadiusOfCircularShutter", 1)),
    "POLYGONAL": (("VerticesOfThePolygonalShutter", _PAIRS),),
}
_WHITE = 0xFFFF
_NEUTRAL = 0x8080  # neither green nor red, neither blue nor yellow (PS3.3 C.10.7.1.1)


def add_shutter(ds: Dataset, holder: Dataset) -> None:
    """The shapes of the shutter in `holder` that are complete; nothing when none is.

    Args:
        ds: a presentation state with its SOP Class UID.
        holder: the source, or the functional group that tells its shutter.
    """
    shapes = [shape for shape in source.values(holder, "ShutterShape") if shape in _SHAPES]
    whole = [
        shape for shape in dict.fromkeys(shapes) if all(_whole_numbers(holder, *wanted) for wanted in _SHAPES[shape])
    ]
    if not whole:
        return
    ds.ShutterShape = whole
    for keyword, count in (wanted for shape in whole for wanted in _SHAPES[shape]):
        setattr(ds, keyword, _whole_numbers(holder, keyword, count))
    _add_shade(ds, holder)


def _add_shade(ds: Dataset, holder: Dataset) -> None:
    """Its P-Value, black unless told; the same as a colour, which only a state in colour may hold."""
    told = _whole_numbers(holder, "ShutterPresentationValue", 1)
    ds.ShutterPresentationValue = told[0] if told and 0 <= told[0] <= _WHITE else 0
    if "ICCProfile" in ds:
        ds.ShutterPresentationColorCIELabValue = [ds.ShutterPresentationValue, _NEUTRAL, _NEUTRAL]


def _whole_numbers(holder: Dataset, keyword: str, count: int) -> list[int]:
    """That many values; none when there are not as many, or one is broken."""
    found = source.numbers(holder, keyword)
    fits = len(found) == count if count != _PAIRS else len(found) >= 6 and len(found) % 2 == 0
    return [round(value) for value in found] if fits and all(map(isfinite, found)) else []
