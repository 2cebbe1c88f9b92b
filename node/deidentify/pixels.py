"""Text burned into pixels (PS3.15 E.3.1): known regions are blanked, and what is not known to be clean is left out."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from node.deidentify.reason import LeftOut
from node.errors import PermanentError

#: Modalities whose images usually bear a patient's name in their pixels.
_USUALLY_LETTERED = frozenset({"US", "IVUS", "ES", "XC", "OT", "SC", "SM", "GM", "ECG", "EPS", "HD", "DOC", "SCREEN"})
#: SOP classes of pictures of something else: secondary captures, and documents as a whole.
_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104"
_OTHERS_REPORTS = "1.2.840.10008.5.1.4.1.1.88"

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
        raise LeftOut("a document as a whole (PDF, CDA, STL) cannot be looked into")
    if is_ours:
        return False
    if uid.startswith(_OTHERS_REPORTS):
        raise LeftOut("a structured report by somebody else: its texts may name the patient")
    if "PixelData" not in ds:
        return False
    region = next((one for one in regions if one.fits(ds)), None) or _ultrasound(ds)
    if region is not None and region.boxes:
        _blank(copy, ds, region.boxes)
        return True
    if region is None and not believed:
        _refuse_letters(ds, uid)
    return False


def _refuse_letters(ds: Dataset, uid: str) -> None:
    hint = "look at it; then --regions FILE says where the text is, or --pixels-are-clean that there is none"
    if str(ds.get("BurnedInAnnotation", "")) == "YES":
        raise LeftOut("its pixels bear text (Burned In Annotation is YES)", hint=hint)
    if ds.get("BurnedInAnnotation", "") == "NO":
        return
    if uid.startswith(_CAPTURES) or ds.get("Modality", "") in _USUALLY_LETTERED:
        raise LeftOut(f"images of its kind ({ds.get('Modality', '')}) usually bear a patient's name", hint=hint)


def _ultrasound(ds: Dataset) -> Region | None:
    """All around the regions that an ultrasound image declares (PS3.3 C.8.5.5) is text; None: it declares none."""
    declared = ds.get("SequenceOfUltrasoundRegions") or ()
    edges = [
        (one.RegionLocationMinX0, one.RegionLocationMinY0, one.RegionLocationMaxX1 + 1, one.RegionLocationMaxY1 + 1)
        for one in declared
        if all(f"RegionLocation{name}" in one for name in ("MinX0", "MinY0", "MaxX1", "MaxY1"))
    ]
    if not edges or ds.get("BurnedInAnnotation", "") == "NO":
        return None
    left, top = min(one[0] for one in edges), min(one[1] for one in edges)
    right, bottom = max(one[2] for one in edges), max(one[3] for one in edges)
    rows, columns = int(ds.Rows), int(ds.Columns)
    around = ((0, 0, columns, top), (0, bottom, columns, rows), (0, 0, left, rows), (right, 0, columns, rows))
    return Region(boxes=tuple(box for box in around if box[0] < box[2] and box[1] < box[3]))


def _blank(copy: Dataset, ds: Dataset, boxes: Sequence[Box]) -> None:
    """Decode, blank, and write as Explicit VR Little Endian."""
    try:
        work = Dataset()
        work.update({element.tag: element for element in ds if element.tag.group in (0x0028, 0x7FE0)})
        work.SOPClassUID, work.file_meta = ds.SOPClassUID, ds.file_meta
        if work.file_meta.TransferSyntaxUID.is_compressed:
            work.decompress(generate_instance_uid=False)
        pixels = np.array(work.pixel_array)
    except Exception as error:  # an edge: decoders raise anything; what cannot be blanked does not leave
        raise LeftOut(f"its pixels bear text and cannot be decoded: {type(error).__name__}") from error
    frames = pixels if int(work.get("NumberOfFrames", 1) or 1) > 1 else pixels[np.newaxis]
    for left, top, right, bottom in boxes:
        frames[:, top:bottom, left:right] = 0
    for element in work:
        if element.tag.group == 0x0028:
            copy.add(element)
    if work.get("SamplesPerPixel", 1) > 1:
        copy.PlanarConfiguration = 0
    copy.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    copy["PixelData"].VR = "OW" if int(work.BitsAllocated) > 8 else "OB"
    copy.BurnedInAnnotation = "NO"
    copy.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
