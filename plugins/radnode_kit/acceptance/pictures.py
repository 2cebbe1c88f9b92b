"""PNG, JPEG and TIFF files as the node would hand them to a plugin: float32 in 0..1."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from node.errors import DecodeError
from node.plugin import Array

FORMATS = ("PNG", "JPEG", "TIFF")
_GREY_16 = ("I;16", "I;16B", "I;16L", "I;16N", "I")
_HINT = "only DICOM, PNG, JPEG and TIFF can be read"


def read_picture(path: Path, max_pixels: int) -> Array:
    """Grey (rows, columns) or RGB (rows, columns, 3), turned as its EXIF orientation says.

    Raises :class:`~node.errors.DecodeError` when it is no such file, is broken, or is too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(path, formats=FORMATS) as picture:
                _check(picture, max_pixels)
                return _pixels(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError as error:
        raise DecodeError("it is no image", hint=_HINT) from error
    except (OSError, SyntaxError, ValueError, EOFError, Pillow.DecompressionBombError) as error:
        raise DecodeError(f"it cannot be decoded ({type(error).__name__})", hint="the file is broken") from error


def _check(picture: Pillow.Image, max_pixels: int) -> None:
    if picture.width * picture.height > max_pixels:
        raise DecodeError(f"it declares {picture.width} x {picture.height} pixels, more than {max_pixels}")
    if picture.format == "TIFF" and getattr(picture, "n_frames", 1) > 1:
        raise DecodeError("it holds several pictures", hint="write each of them into a file of its own")


def _pixels(picture: Pillow.Image) -> Array:
    if picture.mode in _GREY_16:
        return np.asarray(np.clip(np.asarray(picture, dtype=np.float32) / 65535.0, 0.0, 1.0))
    if picture.mode == "F":
        raise DecodeError("its values are floating point, of no known range", hint="write it with 8 or 16 bits")
    mode = "L" if picture.mode in ("1", "L", "LA") else "RGB"
    return np.asarray(picture.convert(mode), dtype=np.float32) / 255.0
