"""How a source image is shown, told anew: what a presentation state leaves out counts as identity (PS3.4 N.2).

So whatever the source says of its own display is mirrored here: Modality LUT, VOI LUT, polarity or colour profile,
shutter, overlays and the shape of its pixels.
"""

from __future__ import annotations

from math import isfinite

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    ColorSoftcopyPresentationStateStorage,
    CTImageStorage,
    EnhancedCTImageStorage,
    GrayscaleSoftcopyPresentationStateStorage,
)
from pydicom.valuerep import DSfloat

from node.plugin import Image
from node.report import source
from node.report.colour_profile import add_profile
from node.report.lookup_table import lookup_table
from node.report.shutter import add_shutter

#: Name of the graphic layer on which the source's own overlays stay visible.
OVERLAYS = "OVERLAYS"
_FLUOROSCOPY = {f"1.2.840.10008.5.1.4.1.1.12.{number}" for number in (1, 2, 3)}
_UNUSUAL_FUNCTIONS = ("LINEAR_EXACT", "SIGMOID")


def look(origin: Dataset, image: Image) -> Dataset:
    """What all images of one state must share, as its attributes: they can be told only once.

    SOP Class UID, Modality LUT (PS3.3 C.11.1) and Softcopy Presentation LUT (C.11.6) or ICC Profile (C.11.15), Display
    Shutter (C.7.6.11) and Overlay Activation (C.11.7).

    Args:
        origin: header of the source; empty when it is not at hand.
        image: the decoded frame.
    """
    ds = Dataset()
    if is_colour(origin, image):
        ds.SOPClassUID = ColorSoftcopyPresentationStateStorage
        add_profile(ds, origin)
    else:
        ds.SOPClassUID = GrayscaleSoftcopyPresentationStateStorage
        _add_modality_lut(ds, origin, image.frame)
        inverse = source.value(origin, "PhotometricInterpretation") == "MONOCHROME1"
        ds.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
    add_shutter(ds, group(origin, image.frame, "FrameDisplayShutterSequence"))
    for number in _overlay_groups(origin):
        ds.add_new((number, 0x1001), "CS", OVERLAYS)
    return ds


def voi(origin: Dataset, image: Image) -> Dataset:
    """The first VOI LUT, else the first window, as an item of Softcopy VOI LUT Sequence (PS3.3 C.11.8).

    Where the source has neither, the window spans the values of the image, as a viewer would; empty where those are not
    known, or all the same.
    """
    ds = Dataset()
    holder = group(origin, image.frame, "FrameVOILUTSequence")
    little, signed = _is_little_endian(origin), _can_be_negative(origin, image.frame)
    for item in source.places(holder, "VOILUTSequence")[:1]:
        table = lookup_table(item, has_unit=False, signed=signed, little_endian=little)
        if table is not None:
            ds.VOILUTSequence = [table]
            return ds
    _add_window(ds, holder, image)
    return ds


def displayed_area(origin: Dataset, image: Image) -> Dataset:
    """The whole image, fitted to the viewport, as an item of Displayed Area Selection Sequence (PS3.3 C.10.4)."""
    rows, columns = image.pixels.shape[:2]
    ds = Dataset()
    ds.DisplayedAreaTopLeftHandCorner = [1, 1]
    ds.DisplayedAreaBottomRightHandCorner = [columns, rows]
    ds.PresentationSizeMode = "SCALE TO FIT"
    ratio = source.numbers(origin, "PixelAspectRatio")
    if image.spacing is not None:
        ds.PresentationPixelSpacing = [_decimal(millimetres) for millimetres in image.spacing]
    elif len(ratio) == 2 and all(isfinite(part) and part >= 1 for part in ratio):
        ds.PresentationPixelAspectRatio = [int(part) for part in ratio]
    else:
        ds.PresentationPixelAspectRatio = [1, 1]
    return ds


def is_colour(origin: Dataset, image: Image) -> bool:
    """Whether the source is shown in colour, by its header, else by its decoded pixels."""
    photometric = source.value(origin, "PhotometricInterpretation")
    return not photometric.startswith("MONOCHROME") if photometric else image.pixels.ndim == 3


def group(origin: Dataset, frame: int, macro: str) -> Dataset:
    """Where the attributes of a functional group macro stand for that frame (PS3.3 C.7.6.16), else `origin` itself."""
    own = source.places(origin, "PerFrameFunctionalGroupsSequence")[frame - 1 : frame]
    shared = source.places(origin, "SharedFunctionalGroupsSequence")[:1]
    return next((found for place in (*own, *shared) for found in source.places(place, macro)), origin)


def _add_modality_lut(ds: Dataset, origin: Dataset, frame: int) -> None:
    if _is_for_analysis_only(origin):
        return
    little, signed = _is_little_endian(origin), 1.0 in source.numbers(origin, "PixelRepresentation")
    for item in source.places(origin, "ModalityLUTSequence")[:1]:
        table = lookup_table(item, has_unit=True, signed=signed, little_endian=little)
        if table is not None:
            table.ModalityLUTType = source.value(item, "ModalityLUTType")[:64] or "US"
            ds.ModalityLUTSequence = [table]
            return
    holder = group(origin, frame, "PixelValueTransformationSequence")
    if "RescaleSlope" in holder or "RescaleIntercept" in holder:
        slope, intercept = _rescale(holder)
        ds.RescaleIntercept, ds.RescaleSlope = _decimal(intercept), _decimal(slope)
        ds.RescaleType = _rescale_type(origin, holder)


def _rescale(holder: Dataset) -> tuple[float, float]:
    """Rescale Slope and Rescale Intercept; a slope of zero is no slope."""
    slope, intercept = _number(holder, "RescaleSlope"), _number(holder, "RescaleIntercept")
    return slope or 1.0, intercept or 0.0


def _rescale_type(origin: Dataset, holder: Dataset) -> str:
    """Required in a presentation state; what CT leaves out are Hounsfield units (PS3.3 C.8.2.1), else unspecified."""
    found = source.element(holder, "RescaleType")
    if found is not None and found.value and source.is_valid(found):
        return str(found.value)
    is_ct = source.value(origin, "SOPClassUID") in (CTImageStorage, EnhancedCTImageStorage)
    return "HU" if is_ct else "US"


def _can_be_negative(origin: Dataset, frame: int) -> bool:
    """Whether the output of the Modality LUT is signed, by what the source declares."""
    if source.places(origin, "ModalityLUTSequence") and not _is_for_analysis_only(origin):
        return False
    holder = Dataset() if _is_for_analysis_only(origin) else group(origin, frame, "PixelValueTransformationSequence")
    slope, intercept = _rescale(holder)
    bits = int(_number(origin, "BitsStored") or 16)
    low = -(1 << bits - 1) if _number(origin, "PixelRepresentation") else 0
    high = low + (1 << bits) - 1
    return min(low * slope, high * slope) + intercept < 0


def _is_for_analysis_only(origin: Dataset) -> bool:
    """XA and XRF images with LOG or DISP values carry a table for measuring, not for showing (PS3.3 C.8.7.1.1.2)."""
    relationship = source.value(origin, "PixelIntensityRelationship")
    return source.value(origin, "SOPClassUID") in _FLUOROSCOPY and relationship in ("LOG", "DISP")


def _add_window(ds: Dataset, holder: Dataset, image: Image) -> None:
    center, width = _number(holder, "WindowCenter"), _number(holder, "WindowWidth")
    function = source.value(holder, "VOILUTFunction").upper()
    if center is None or width is None or width <= 0.0:
        center, width = _span(image)
        function = "LINEAR"
    if width <= 0.0:
        return
    ds.WindowCenter, ds.WindowWidth = _decimal(center), _decimal(width)
    if width < 1.0 and function != "SIGMOID":
        function = "LINEAR_EXACT"  # PS3.3 C.11.2.1.2.1: the linear one is at least 1 wide
    if function in _UNUSUAL_FUNCTIONS:
        ds.VOILUTFunction = function


def _span(image: Image) -> tuple[float, float]:
    """Center and width of the linear window from the least to the greatest value; a width of 0 when there is none."""
    if image.values is None:
        return 0.0, 0.0
    inside = image.values if image.padding is None or image.padding.all() else image.values[~image.padding]
    low, high = float(inside.min()), float(inside.max())
    return (low + high + 1.0) / 2.0, (high - low + 1.0 if np.isfinite(high - low) and high > low else 0.0)


def _overlay_groups(origin: Dataset) -> list[int]:
    return [number for number in range(0x6000, 0x6020, 2) if (number, 0x0010) in origin]


def _is_little_endian(origin: Dataset) -> bool:
    return origin.original_encoding[1] is not False


def _number(ds: Dataset, keyword: str) -> float | None:
    """The first value; None when missing, broken or not finite."""
    found = source.numbers(ds, keyword)[:1]
    return found[0] if found and isfinite(found[0]) else None


def _decimal(value: float) -> DSfloat:
    """A Decimal String of at most 16 characters (PS3.5 6.2)."""
    return DSfloat(value, auto_format=True)
