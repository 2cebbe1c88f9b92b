"""Colour frames to RGB (PS3.3 C.7.6.3.1.2): palettes and luminance-chrominance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from node.assemble.declaration import Declaration
from node.assemble.frames import Frame, Stored
from node.assemble.lut import Lut, read_lut, read_segmented_lut
from node.errors import DecodeError

Rgb = npt.NDArray[np.float32]

_TO_RGB = np.array([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]], np.float32)


def rgb(frame: Frame, ds: Dataset, declared: Declaration) -> Rgb:
    """A colour frame as RGB, float32 (rows, columns, 3) in 0..1.

    Raises:
        DecodeError: a palette is missing or makes no sense.
    """
    if declared.photometric == "PALETTE COLOR":
        return _through_palette(frame.stored, ds, declared)
    top = np.float32(2**declared.bits_stored - 1)
    scaled = frame.stored.astype(np.float32)
    scaled /= top
    if frame.photometric.startswith("YBR"):
        middle = np.float32(2 ** (declared.bits_stored - 1)) / top
        scaled = (scaled - np.array([0.0, middle, middle], np.float32)) @ _TO_RGB.T
    pixels: Rgb = np.clip(scaled, 0.0, 1.0, out=scaled)
    return pixels


def _through_palette(stored: Stored, ds: Dataset, declared: Declaration) -> Rgb:
    luts = [_palette(ds, name, declared) for name in ("Red", "Green", "Blue")]
    top = 255 if all(lut.top <= 255 or lut.table.max() <= 255 for lut in luts) else 65535
    planes = [lut.apply(stored).astype(np.float32) / top for lut in luts]
    pixels: Rgb = np.clip(np.stack(planes, axis=-1), 0.0, 1.0)
    return pixels


def _palette(ds: Dataset, name: str, declared: Declaration) -> Lut:
    descriptor = ds.get(f"{name}PaletteColorLookupTableDescriptor")
    data = ds.get(f"{name}PaletteColorLookupTableData")
    segmented = ds.get(f"Segmented{name}PaletteColorLookupTableData")
    if not descriptor or not (data or segmented):
        raise DecodeError("the palette is missing")
    read = read_lut if data else read_segmented_lut
    return read(descriptor, data or segmented, little_endian=declared.is_little_endian, signed=declared.signed)
