"""Text burned into pixels (PS3.15 E.3.1): known regions are blanked, and what is not known to be clean is left out."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from copy import copy as shallow
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRLittleEndian

from node.deidentify.reason import LeftOut
from node.errors import PermanentError

#: Modalities whose images usually bear a patient's name in their pixels, or are pictures of paper and screens.
_USUALLY_LETTERED = frozenset(
    {
        "US", "IVUS", "BDUS", "ES", "XC", "OT", "SC", "SM", "GM", "DMS", "DG", "BMD", "OAM", "KER", "AR",
        "ECG", "EPS", "HD", "DOC", "SCREEN",
    }
)  # fmt: skip
#: Values of Image Type of screens that were saved among the images.
_SCREENS = frozenset({"SCREEN SAVE", "SCREENSAVE", "CAPTURE", "DOSE_INFO", "PROT_IMAGE", "PASTED"})
#: Most samples that are decoded to be blanked: a small file may declare what no machine can hold.
_MOST_SAMPLES = 1 << 30
#: SOP classes of pictures of something else: secondary captures, and documents as a whole.
_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104"
_OTHERS_REPORTS = "1.2.840.10008.5.1.4.1.1.88"

#: Black where there is luminance and chrominance (PS3.3 C.7.6.3.1.2).
_BLACK_YBR = (0, 128, 128)

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Region:
    """Where a kind of image bears text. Conditions that are empty or 0 hold always.

    Attributes:
        boxes: (left, top, right, bottom) in pixels, right and bottom not included; none: that kind bears no text.
        modality, manufacturer, model: as in the images; manufacturer and model may be a part of it.
        rows, columns: size of the images.
    """

    boxes: tuple[Box, ...] = ()
    modality: str = ""
    manufacturer: str = ""
    model: str = ""
    rows: int = 0
    columns: int = 0

    def fits(self, ds: Dataset) -> bool:
        """Whether an image is of that kind."""
        return (
            self.modality in ("", ds.get("Modality", ""))
            and self.manufacturer.casefold() in str(ds.get("Manufacturer", "")).casefold()
            and self.model.casefold() in str(ds.get("ManufacturerModelName", "")).casefold()
            and self.rows in (0, ds.get("Rows", 0))
            and self.columns in (0, ds.get("Columns", 0))
        )


def read_regions(path: Path) -> list[Region]:
    """Regions of a TOML file with `[[regions]]`: the attributes of :class:`Region`; raises PermanentError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("regions", [])
        return [_region(one) for one in tables]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        hint = "[[regions]] with modality, manufacturer, model, rows, columns, and boxes = [[left, top, right, bottom]]"
        raise PermanentError(f"it is no table of regions: {error}", about=str(path), hint=hint) from error


def known_regions() -> list[Region]:
    """Those of makers whose images are known, see `regions.toml`."""
    return read_regions(Path(__file__).with_name("regions.toml"))


def _region(table: dict[str, Any]) -> Region:
    boxes = tuple(tuple(int(edge) for edge in box) for box in table.pop("boxes", ()))
    if any(len(box) != 4 or box[0] >= box[2] or box[1] >= box[3] or min(box) < 0 for box in boxes):
        raise ValueError("a box is left, top, right, bottom")
    return Region(boxes=boxes, **table)  # type: ignore[arg-type]  # lengths were looked at


def clean(copy: Dataset, ds: Dataset, regions: Sequence[Region], *, is_ours: bool, believed: bool) -> bool:
    """Blank what is known to be text in the pixels of `copy`; whether something was. Raises :class:`LeftOut`.

    Args:
        copy: gets the pixels, and what describes them.
        ds: the original.
        regions: of the operator; the first that fits counts.
        is_ours: a result of this node, which writes no patient into pixels.
        believed: somebody says that no image bears a patient's text.
    """
    uid = str(ds.get("SOPClassUID", ""))
    if uid.startswith(_DOCUMENTS):
        what = (
            "our report as a document names the patient" if is_ours else "a document (PDF, CDA, STL) is not looked into"
        )
        raise LeftOut(what)
    if is_ours:
        return False
    if uid.startswith(_OTHERS_REPORTS):
        raise LeftOut("a structured report by somebody else: its texts may name the patient")
    if not any(keyword in ds for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        return False
    region = next((one for one in regions if one.fits(ds)), None)
    if region is not None:
        if region.boxes:
            _blank(copy, ds, region.boxes)
        return bool(region.boxes)
    if believed:
        return False
    shown = _ultrasound(ds)
    if not shown:
        _refuse_letters(ds, uid)
        return False
    _blank(copy, ds, shown, outside=True)
    return True


def _refuse_letters(ds: Dataset, uid: str) -> None:
    """What the object itself claims counts only against it: makers write NO on images with a banner, too."""
    hint = "look at it; then --regions FILE says where the text is, or --pixels-are-clean that there is none"
    modality = str(ds.get("Modality", ""))
    if str(ds.get("BurnedInAnnotation", "")) == "YES":
        raise LeftOut("its pixels bear text (Burned In Annotation is YES)", hint=hint)
    if str(ds.get("RecognizableVisualFeatures", "")) == "YES":
        raise LeftOut("a person may be recognised in it (Recognizable Visual Features is YES)", hint=hint)
    if uid.startswith(_CAPTURES) or modality in _USUALLY_LETTERED:
        raise LeftOut(f"images of its kind ({modality}) usually bear a patient's name", hint=hint)
    if any(one.tag.group & 0xFF00 == 0x6000 and one.tag.element == 0x0102 and one.value for one in ds):
        raise LeftOut("an overlay, which may be text, lies in unused bits of its pixels", hint=hint)
    if _SCREENS & {str(one).upper() for one in ds.get("ImageType") or ()}:
        raise LeftOut("it is a screen that was saved as an image", hint=hint)


def _ultrasound(ds: Dataset) -> list[Box]:
    """The regions that an ultrasound image declares (PS3.3 C.8.5.5): what is around them is text.

    None where the image says that text is burned in, which may then stand within them; where regions are declared that
    leave no room for text; and where they are no regions.
    """
    if ds.get("Modality", "") != "US" or str(ds.get("BurnedInAnnotation", "")) == "YES":
        return []
    try:
        found = [
            (
                int(one.RegionLocationMinX0),
                int(one.RegionLocationMinY0),
                int(one.RegionLocationMaxX1) + 1,
                int(one.RegionLocationMaxY1) + 1,
            )
            for one in ds.get("SequenceOfUltrasoundRegions") or ()
        ]
        rows, columns = int(ds.Rows), int(ds.Columns)
    except (AttributeError, TypeError, ValueError):
        return []
    good = all(0 <= left < right <= columns and 0 <= top < bottom <= rows for left, top, right, bottom in found)
    room = all(top > 0 or bottom < rows for _, top, _, bottom in found)
    return found if good and room else []


def _blank(copy: Dataset, ds: Dataset, boxes: Sequence[Box], *, outside: bool = False) -> None:
    """Blank what is within the boxes, or all that is outside of them; written as Explicit VR Little Endian."""
    try:
        work, pixels = _decoded(ds)
    except LeftOut:
        raise
    except Exception as error:  # an edge: decoders raise anything; what cannot be blanked does not leave
        raise LeftOut(f"its pixels bear text and cannot be decoded: {type(error).__name__}") from error
    frames = pixels if int(work.get("NumberOfFrames", 1) or 1) > 1 else pixels[np.newaxis]
    within = np.zeros(frames.shape[1:3], dtype=bool)
    for left, top, right, bottom in boxes:
        within[top:bottom, left:right] = True
    is_ybr = str(work.PhotometricInterpretation).startswith("YBR")
    frames[:, ~within if outside else within] = _BLACK_YBR if is_ybr else 0
    for element in work:
        if element.tag.group == 0x0028:
            copy.add(element)
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):  # of the compressed frames
        copy.pop(keyword, None)
    if work.get("SamplesPerPixel", 1) > 1:
        copy.PlanarConfiguration = 0
        if str(work.PhotometricInterpretation) == "YBR_FULL_422":
            copy.PhotometricInterpretation = "YBR_FULL"  # every pixel has its own chrominance now
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    copy.PixelData = data + b"\0" * (len(data) % 2)
    copy["PixelData"].VR = "OW" if int(work.BitsAllocated) > 8 else "OB"
    copy.BurnedInAnnotation = "NO"
    copy.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _decoded(ds: Dataset) -> tuple[Dataset, npt.NDArray[Any]]:
    """What describes the pixels once they are decoded, and the pixels: (frames,) rows, columns (, samples)."""
    samples = int(ds.Rows) * int(ds.Columns) * int(ds.SamplesPerPixel) * int(ds.get("NumberOfFrames", 1) or 1)
    if samples > _MOST_SAMPLES or int(ds.BitsAllocated) < 8 or "PixelData" not in ds:
        raise LeftOut(f"its pixels bear text and are too many, or of a kind that is not blanked: {samples} samples")
    work = Dataset()
    work.update({element.tag: shallow(element) for element in ds if element.tag.group in (0x0028, 0x7FE0)})
    work.SOPClassUID, work.file_meta = ds.SOPClassUID, deepcopy(ds.file_meta)
    work.set_original_encoding(*ds.original_encoding)
    if work.file_meta.TransferSyntaxUID.is_compressed:
        work.decompress(generate_instance_uid=False)
    return work, np.array(pixel_array(work, raw=True))  # raw: no conversion of colours
