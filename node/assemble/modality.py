"""Stored values to the values of the modality: Modality LUT (PS3.3 C.11.1) and Pixel Padding (PS3.3 C.7.5.1.1.2)."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from node.assemble.declaration import Declaration
from node.assemble.frames import Stored
from node.assemble.groups import functional_group
from node.assemble.lut import read_lut
from node.errors import DecodeError

#: X-Ray Angiographic, X-Ray Radiofluoroscopic and the retired biplane class.
_FLUOROSCOPY = {f"1.2.840.10008.5.1.4.1.1.12.{n}" for n in (1, 2, 3)}


def modality_values(stored: Stored, ds: Dataset, index: int, declared: Declaration) -> npt.NDArray[np.floating[Any]]:
    """The output of the Modality LUT for one frame, in its units.

    Args:
        stored: stored values, (rows, columns).
        ds: the object.
        index: of the frame, from 0.
        declared: what `ds` declares.

    Returns:
        (rows, columns); float64 where float32 would round whole numbers.

    Raises:
        DecodeError: the table makes no sense.
    """
    if _is_for_analysis_only(ds):
        return _as_float(stored)
    if sequence := ds.get("ModalityLUTSequence"):
        item = sequence[0]
        little = declared.is_little_endian
        lut = read_lut(item.LUTDescriptor, item.LUTData, little_endian=little, signed=declared.signed)
        return lut.apply(stored).astype(np.float32)
    slope, intercept = _rescale(ds, index)
    if slope == 1.0 and intercept == 0.0:
        return _as_float(stored)
    values = stored.astype(np.float64)  # a film is too large for more than one copy
    values *= slope
    values += intercept
    return values


def can_be_negative(ds: Dataset, index: int, declared: Declaration) -> bool:
    """Whether the output of the Modality LUT is signed: by what the object declares, not by what this frame holds.

    A VOI LUT whose first value is above 32767 or below zero is read by it (PS3.3 C.11.2.1.1).
    """
    if declared.is_float:
        return True
    if ds.get("ModalityLUTSequence") and not _is_for_analysis_only(ds):
        return False
    slope, intercept = (1.0, 0.0) if _is_for_analysis_only(ds) else _rescale(ds, index)
    low = -(1 << declared.bits_stored - 1) if declared.signed else 0
    high = low + (1 << declared.bits_stored) - 1
    return min(low * slope, high * slope) + intercept < 0


def padding_mask(stored: Stored, ds: Dataset, declared: Declaration) -> npt.NDArray[np.bool_] | None:
    """Where `stored` is Pixel Padding Value (to Pixel Padding Range Limit), or not a number; None without any.

    Args:
        stored: stored values, (rows, columns).
        ds: the object.
        declared: what `ds` declares.
    """
    limits = _padding_limits(ds, declared)
    broken = ~np.isfinite(stored) if declared.is_float else None
    if limits is None:
        return broken if broken is not None and broken.any() else None
    mask: npt.NDArray[np.bool_] = (stored >= limits[0]) & (stored <= limits[1])
    return mask if broken is None else mask | broken


def _padding_limits(ds: Dataset, declared: Declaration) -> tuple[float, float] | None:
    kind = {"PixelData": "", "FloatPixelData": "Float", "DoubleFloatPixelData": "DoubleFloat"}[declared.keyword]
    value = ds.get(f"{kind}PixelPaddingValue")
    if value is None or value == "":
        return None
    limit = ds.get(f"{kind}PixelPaddingRangeLimit")
    ends = [_in_cell(end, declared) for end in (value, value if limit in (None, "") else limit)]
    return min(ends), max(ends)


def _in_cell(value: Any, declared: Declaration) -> float:
    """A padding value as a stored value: writers mix up US and SS, and fill unused bits with the sign or not."""
    if declared.is_float:
        return float(value)
    size = 1 << declared.bits_stored
    cell = int(value) & (size - 1)
    return cell - size if declared.signed and cell >= size // 2 else cell


def _is_for_analysis_only(ds: Dataset) -> bool:
    """XA and XRF images with LOG or DISP values carry a table for measuring, not for showing (PS3.3 C.8.7.1.1.2)."""
    relationship = ds.get("PixelIntensityRelationship")
    return ds.get("SOPClassUID") in _FLUOROSCOPY and relationship in ("LOG", "DISP")


def _rescale(ds: Dataset, index: int) -> tuple[float, float]:
    """Rescale Slope and Rescale Intercept of a frame; a slope of zero is no slope."""
    group = functional_group(ds, index, "PixelValueTransformationSequence")
    return _number(group, "RescaleSlope", 1.0) or 1.0, _number(group, "RescaleIntercept", 0.0)


def _as_float(stored: Stored) -> npt.NDArray[np.floating[Any]]:
    return stored.astype(np.float32 if stored.dtype.itemsize <= 2 else np.float64)


def _number(ds: Dataset, keyword: str, default: float) -> float:
    value = ds.get(keyword)
    if value is None or value == "":
        return default
    number = float(value)
    if not isfinite(number):
        raise DecodeError(f"{keyword} is not a finite number")
    return number
