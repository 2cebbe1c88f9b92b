"""Values of the modality to what a viewer shows by default: VOI LUT, window, or the whole range (PS3.3 C.11.2)."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from node.assemble.declaration import Declaration
from node.assemble.groups import functional_group
from node.assemble.lut import read_lut
from node.assemble.modality import can_be_negative

Values = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Window:
    """Window Center (0028,1050), Window Width (0028,1051) and VOI LUT Function (0028,1056)."""

    center: float
    width: float
    function: str = "LINEAR"

    def apply(self, values: Values) -> Values:
        """`values` through the window, 0..1, in their shape."""
        if self.function == "SIGMOID":  # PS3.3 C.11.2.1.3.1
            steepness = np.clip(-4.0 * (values - self.center) / self.width, -80.0, 80.0)
            sigmoid: Values = 1.0 / (1.0 + np.exp(steepness))
            return sigmoid
        if self.function == "LINEAR_EXACT" or self.width < 1.0:  # PS3.3 C.11.2.1.3.2
            return _clipped((values - self.center) / self.width + 0.5)
        low = self.center - 0.5 - (self.width - 1.0) / 2.0  # PS3.3 C.11.2.1.2.1
        if self.width == 1.0:
            return (values > low).astype(values.dtype)
        return _scaled(values, low, self.width - 1.0)


def shown(values: Values, padding: Mask | None, ds: Dataset, index: int, declared: Declaration) -> Values:
    """One frame as shown at its default window, 0..1, before any inversion.

    The first VOI LUT is used if there is one, else the first window that is valid, else the range of the values outside
    the padding. A LINEAR window narrower than 1, which the standard forbids, is taken as LINEAR_EXACT: writers of
    fractional rescale slopes mean that.

    Args:
        values: output of the Modality LUT, (rows, columns).
        padding: where there is no image.
        ds: the object.
        index: of the frame, from 0.
        declared: what `ds` declares.

    Raises:
        DecodeError: the VOI LUT makes no sense.
    """
    group = functional_group(ds, index, "FrameVOILUTSequence")
    if sequence := group.get("VOILUTSequence"):
        item = sequence[0]
        signed = can_be_negative(ds, index, declared)
        lut = read_lut(item.LUTDescriptor, item.LUTData, little_endian=declared.is_little_endian, signed=signed)
        return lut.apply(values).astype(np.float32) / np.float32(lut.top)
    window = read_window(group)
    return window.apply(values) if window else _stretched(values, padding)


def read_window(group: Dataset) -> Window | None:
    """The first window of `group`; None when there is none or it is not valid."""
    center, width = _first(group.get("WindowCenter")), _first(group.get("WindowWidth"))
    if center is None or width is None or not isfinite(center) or not 0 < width < float("inf"):
        return None
    return Window(center, width, str(group.get("VOILUTFunction") or "LINEAR").strip().upper())


def _stretched(values: Values, padding: Mask | None) -> Values:
    inside = values if padding is None or padding.all() else values[~padding]
    low, high = float(inside.min()), float(inside.max())
    if low == high:
        return np.zeros_like(values)
    return _scaled(values, low, high - low)


def _scaled(values: Values, low: float, width: float) -> Values:
    """(values - low) / width, cut to 0..1; a film is too large for more than one copy."""
    found: Values = values - low
    found /= width
    return _clipped(found)


def _clipped(values: Values) -> Values:
    """`values` themselves, which nobody else has, cut to 0..1."""
    np.clip(values, 0.0, 1.0, out=values)
    return values


def _first(value: Any) -> float | None:
    if isinstance(value, MultiValue | list | tuple):
        value = value[0] if value else None
    return None if value is None or value == "" else float(value)
