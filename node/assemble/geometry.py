"""Where a frame lies and how large its pixels are, in millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, isfinite
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from node.assemble.groups import functional_group

Vector = tuple[float, float, float]

_CENTIMETRES = 3  # Physical Units X/Y Direction, PS3.3 C.8.5.5.1.15


@dataclass(frozen=True)
class Geometry:
    """Of one frame.

    Attributes:
        spacing: millimetres between rows and between columns; None when unknown.
        aspect_ratio: height of a pixel over its width as Pixel Aspect Ratio has it; None when unknown.
        position: millimetres along `normal`; None when unknown.
        normal: unit vector of the slice in the patient's coordinates; None when unknown.
    """

    spacing: tuple[float, float] | None = None
    position: float | None = None
    normal: Vector | None = None
    aspect_ratio: float | None = None


def read_geometry(ds: Dataset, index: int, frames: int) -> Geometry:
    """The geometry of one frame.

    Args:
        ds: the object.
        index: of the frame, from 0.
        frames: how many the object has; the position in the dataset itself is that of a single frame only.
    """
    plane = functional_group(ds, index, "PlanePositionSequence")
    orientation = functional_group(ds, index, "PlaneOrientationSequence")
    normal = _normal(_numbers(orientation.get("ImageOrientationPatient"), 6))
    origin = _numbers(plane.get("ImagePositionPatient"), 3) if plane is not ds or frames == 1 else None
    position = None if normal is None or origin is None else float(np.dot(origin, normal))
    return Geometry(_spacing(ds, index), position, normal, _aspect_ratio(ds))


def _spacing(ds: Dataset, index: int) -> tuple[float, float] | None:
    """Millimetres from the most to the least meaningful attribute.

    Pixel Spacing is in the patient (or calibrated), Imager Pixel Spacing at the detector, Nominal Scanned Pixel Spacing
    on the film. Pixel Aspect Ratio knows no millimetres and is no answer here: see :func:`_aspect_ratio`.
    """
    candidates = (
        functional_group(ds, index, "PixelMeasuresSequence").get("PixelSpacing"),
        ds.get("PixelSpacing"),
        ds.get("ImagerPixelSpacing"),
        ds.get("NominalScannedPixelSpacing"),
    )
    for candidate in candidates:
        numbers = _numbers(candidate, 2)
        if numbers is not None and min(numbers) > 0:
            return numbers[0], numbers[1]
    return _ultrasound_spacing(ds)


def _aspect_ratio(ds: Dataset) -> float | None:
    """Vertical over horizontal size of a pixel (PS3.3 C.7.6.3.1.7)."""
    sizes = _numbers(ds.get("PixelAspectRatio"), 2)
    return sizes[0] / sizes[1] if sizes is not None and min(sizes) > 0 else None


def _ultrasound_spacing(ds: Dataset) -> tuple[float, float] | None:
    """From the only calibrated region of an ultrasound image, if its units are centimetres (PS3.3 C.8.5.5)."""
    regions = ds.get("SequenceOfUltrasoundRegions") or []
    if len(regions) != 1:
        return None
    region = regions[0]
    units = {region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")}
    deltas = _numbers([region.get("PhysicalDeltaY"), region.get("PhysicalDeltaX")], 2)
    if units != {_CENTIMETRES} or deltas is None or min(map(abs, deltas)) == 0:
        return None
    return abs(deltas[0]) * 10, abs(deltas[1]) * 10


def _normal(cosines: list[float] | None) -> Vector | None:
    if cosines is None:
        return None
    a, b, c, d, e, f = cosines
    normal = b * f - c * e, c * d - a * f, a * e - b * d
    length = hypot(*normal)
    if length < 0.5:  # row and column must be unit vectors at a right angle
        return None
    return normal[0] / length, normal[1] / length, normal[2] / length


def _numbers(value: Any, count: int) -> list[float] | None:
    """That many finite numbers, or None."""
    try:
        numbers = [float(number) for number in value]
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(map(isfinite, numbers)) else None
