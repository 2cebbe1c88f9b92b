"""One picture to be written in many ways: a real film as 8-bit values, and the builder of objects around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from node.samples import sample_paths

Stored = npt.NDArray[Any]  # any integer type, as stored

#: How far a probability may move from the reference's: not at all (a report rounds it to 0.000001, so two of these
#: steps), by the rounding of an encoding that keeps all 256 grey values apart, by lossy compression.
EXACT, LOSSLESS, LOSSY = 2e-6, 0.01, 0.03

#: What belongs to the pixels of a header, and must not be inherited by another form.
_OF_THE_PIXELS = ("LossyImageCompression", "LossyImageCompressionMethod", "LossyImageCompressionRatio")


@dataclass(frozen=True)
class Film:
    """A picture.

    Attributes:
        name: for the words of a test.
        header: everything but its pixels.
        grey: uint8 (rows, columns), 0 black and 255 white.
    """

    name: str
    header: Dataset
    grey: npt.NDArray[np.uint8]

    def written(self, stored: Stored | None = None, **changes: Any) -> Dataset:
        """An object of these stored values, by default the grey values as they are, as a study of its own.

        Each further keyword sets an attribute, None removes it. Bits Stored are all that are allocated.
        """
        stored = self.grey if stored is None else stored
        ds = deepcopy(self.header)
        bits = stored.dtype.itemsize * 8
        ds.Rows, ds.Columns = stored.shape[:2]
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
        ds.PixelRepresentation = int(stored.dtype.kind == "i")
        ds.WindowCenter, ds.WindowWidth = window(0, 255)
        _fill(ds, stored.astype(stored.dtype.newbyteorder("<")).tobytes())
        for keyword, value in changes.items():
            if value is None:
                delattr(ds, keyword)
            else:
                setattr(ds, keyword, value)
        return as_its_own_study(ds)

    def deep(self, **changes: Any) -> Dataset:
        """The same picture in 12 of 16 bits, each grey value times 16."""
        center, width = window(0, 255 * 16)
        facts = {"BitsStored": 12, "HighBit": 11, "WindowCenter": center, "WindowWidth": width}
        return self.written(self.grey.astype(np.uint16) * 16, **{**facts, **changes})


def save(ds: Dataset, folder: Path) -> Path:
    """As a Part 10 file."""
    path = folder / f"{ds.SOPInstanceUID}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


@dataclass(frozen=True)
class Form:
    """A way to write a picture.

    Attributes:
        name: what it is, for the words of a test.
        make: the object.
        within: how far a probability may move.
        encode: writes the object into a folder, in its transfer syntax.
    """

    name: str
    make: Callable[[Film], Dataset]
    within: float = EXACT
    encode: Callable[[Dataset, Path], Path] = save

    def write(self, film: Film, folder: Path) -> Path:
        """The picture as a file in `folder`."""
        return self.encode(self.make(film), folder)


def sample(folder: str) -> Film:
    """The film that the demonstration ships in that folder."""
    ds = pydicom.dcmread(shipped(folder))
    grey = ds.pixel_array
    for keyword in ("PixelData", *_OF_THE_PIXELS):
        delattr(ds, keyword)
    ds.SOPClassUID = ComputedRadiographyImageStorage
    return Film(folder, ds, grey)


def shipped(folder: str) -> Path:
    """The one file in that folder of samples."""
    (path,) = (path for path in sample_paths() if path.parent.name == folder)
    return path


def window(low: float, high: float) -> tuple[float, float]:
    """Centre and width of the LINEAR window that shows `low` black and `high` white (PS3.3 C.11.2.1.2.1)."""
    return (low + high + 1) / 2, high - low + 1


def as_its_own_study(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """With new UIDs, and announced as the only image of its study; `syntax` is how its pixels are encoded."""
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = generate_uid(), generate_uid(), generate_uid()
    ds.NumberOfStudyRelatedInstances = 1
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return ds


def table(first: int, bits: int, entries: Sequence[int] | Stored, **attributes: Any) -> Dataset:
    """An item of a Modality or VOI LUT Sequence: what the value `first` and those after it become."""
    item = Dataset()
    words = np.asarray(entries, "<u2")
    item.LUTDescriptor = [len(words), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.add_new("LUTData", "OW", words.tobytes())
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _fill(ds: Dataset, data: bytes) -> None:
    ds.add_new("PixelData", "OB" if ds.BitsAllocated == 8 else "OW", data + b"\0" * (len(data) % 2))
