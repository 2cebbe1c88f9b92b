"""From a DICOM file to its images, as a viewer would show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import UID

from node import logs
from node.assemble.age import age_years
from node.assemble.colour import rgb
from node.assemble.declaration import Declaration, read_declaration
from node.assemble.frames import Frame, read_frames
from node.assemble.geometry import Vector, read_geometry
from node.assemble.modality import modality_values, padding_mask
from node.assemble.part10 import Part10
from node.assemble.voi import shown
from node.errors import DecodeError
from node.plugin import Array, Image


@dataclass(frozen=True)
class Slice:
    """An image with what its series needs to know of it.

    Attributes:
        image: as the plugins see it.
        normal: unit vector along which its position is measured; None when unknown.
        age_years: of the patient when it was made; None when unknown.
        contrast_agent: (0018,0010); None when the tag is absent, empty when it has no value.
    """

    image: Image
    normal: Vector | None = None
    age_years: float | None = None
    contrast_agent: str | None = None


def read_images(path: Path, max_pixels: int) -> list[Image]:
    """Decode all frames of a DICOM file.

    Args:
        path: a DICOM file (PS3.10), in any transfer syntax.
        max_pixels: most samples over all frames that it may declare.

    Returns:
        One image for each frame, in their order. Pixels have the stored shape, square or not: who wants square ones
        resamples by their `pixel_height`. Where only a pixel aspect ratio is known they have no spacing.

    Raises:
        DecodeError: it has no pixels, declares too many, or cannot be decoded. Nothing else is raised.
    """
    return [item.image for item in read_slices(path, max_pixels)]


def read_slices(path: Path, max_pixels: int) -> list[Slice]:
    """The same as :func:`read_images`, with what their series needs to know."""
    reading = _Reading()
    try:
        with logs.pydicom_silent():
            return list(_slices(path, max_pixels, reading))
    except DecodeError as error:
        raise DecodeError(error.what, about=reading.about, hint=error.hint) from None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # codecs raise anything, one even outside Exception; the text may quote the object
        what = f"{reading.what} cannot be read ({type(error).__name__})"
        raise DecodeError(what, about=reading.about, hint="the object is broken or of an unknown kind") from None


@dataclass
class _Reading:
    """How far reading has come, for the words of an error."""

    about: str = ""
    what: str = "its header"


def _slices(path: Path, max_pixels: int, reading: _Reading) -> Iterator[Slice]:
    with Part10(path) as file:
        ds = file.header
        reading.about = _uid(ds)
        keyword = file.pixel_keyword
        if not keyword:
            raise DecodeError("it has no pixels", hint="only images can be assessed")
        declared = read_declaration(ds, keyword, max_pixels)
        reading.what = f"its pixel data ({declared.transfer_syntax_uid.name})"
        file.load_pixels(declared.native_bytes if declared.is_native else 0)
    for index, frame in enumerate(read_frames(ds, declared)):
        yield _slice(frame, ds, index, declared)


def _slice(frame: Frame, ds: Dataset, index: int, declared: Declaration) -> Slice:
    geometry = read_geometry(ds, index, declared.frames)
    grey = declared.photometric.startswith("MONOCHROME")
    pixels, values, padding = _grey(frame, ds, index, declared) if grey else (rgb(frame, ds, declared), None, None)
    image = Image(
        pixels=pixels,
        values=values,
        sop_instance_uid=_uid(ds),
        sop_class_uid=str(ds.get("SOPClassUID", "")),
        frame=index + 1,
        spacing=geometry.spacing,
        position=geometry.position,
        padding=padding,
        aspect_ratio=geometry.aspect_ratio,
    )
    return Slice(image, geometry.normal, age_years(str(ds.get("PatientAge", ""))), _contrast_agent(ds))


def _contrast_agent(ds: Dataset) -> str | None:
    """Contrast/Bolus Agent as written, on one line."""
    if "ContrastBolusAgent" not in ds:
        return None
    words = str(ds.ContrastBolusAgent or "")
    return "".join(char if char.isprintable() else " " for char in words).strip()


def _grey(
    frame: Frame, ds: Dataset, index: int, declared: Declaration
) -> tuple[Array, Array, npt.NDArray[np.bool_] | None]:
    """Pixels, values and padding of a monochrome frame."""
    padding = padding_mask(frame.stored, ds, declared)
    values = modality_values(frame.stored, ds, index, declared)
    if declared.is_float and padding is not None:
        values = np.where(np.isfinite(values), values, _lowest(values))
    kept = values.astype(np.float32, copy=False)
    if not np.isfinite([kept.min(), kept.max()]).all():  # a NaN anywhere is the least and the greatest
        raise DecodeError("its values are not finite numbers after the Modality LUT")
    pixels = shown(values, padding, ds, index, declared).astype(np.float32, copy=False)
    if is_inverted(ds, declared):
        np.subtract(1, pixels, out=pixels)
    if padding is not None:
        pixels[padding] = 0
    return np.ascontiguousarray(pixels), kept, padding


def is_inverted(ds: Dataset, declared: Declaration) -> bool:
    """Whether the lowest value is shown white.

    Presentation LUT Shape (2050,0020) says so when it is there: INVERSE goes with MONOCHROME1, it does not undo it, and
    IDENTITY means that values are shown as they are (PS3.3 C.11.6). Else it is MONOCHROME1.
    """
    shape = ds.get("PresentationLUTShape")
    return shape == "INVERSE" if shape in ("INVERSE", "IDENTITY") else declared.photometric == "MONOCHROME1"


def _lowest(values: npt.NDArray[Any]) -> float:
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise DecodeError("none of its values is a finite number")
    return float(finite.min())


def _uid(ds: Dataset) -> str:
    """SOP Instance UID, or nothing when it is none."""
    uid = UID(str(ds.get("SOPInstanceUID", "")), validation_mode=0)
    return str(uid) if uid.is_valid else ""
