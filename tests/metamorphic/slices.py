"""One series to be sent in many ways: real slices of a head, and what leaves their picture as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    JPEG2000,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from node.assemble import read_images
from node.samples import sample_paths
from tests.metamorphic.film import EXACT, LOSSY, save

Change = Callable[[Dataset, int], None]
_MAX_PIXELS = 1 << 24


@dataclass(frozen=True)
class Slice:
    """One slice. Attributes: header: everything but its pixels; stored: int16 (rows, columns)."""

    header: Dataset
    stored: npt.NDArray[np.int16]


@dataclass(frozen=True)
class Sending:
    """A series ready to be sent.

    Attributes:
        study_instance_uid: its study.
        associations: files, by association and in their order.
        places: SOP Instance UID and frame -> index of the slice in space.
    """

    study_instance_uid: str
    associations: Sequence[Sequence[Path]]
    places: dict[tuple[str, int], int]


@dataclass(frozen=True)
class SeriesForm:
    """A way to write and send a series.

    Attributes:
        name: for the words of a test.
        change: what is done to each slice, given its index in space; it may encode it.
        order: in which the slices are sent, from their number.
        parts: number of associations, side by side.
        within: how far a probability may move.
        as_frames: all slices in one object.
    """

    name: str
    change: Change = field(default=lambda ds, index: None)
    order: Callable[[int], Sequence[int]] = range
    parts: int = 1
    within: float = EXACT
    as_frames: bool = False

    def write(self, stack: Sequence[Slice], folder: Path) -> Sending:
        """The files in `folder`."""
        study, series = generate_uid(), generate_uid()
        order = list(self.order(len(stack)))
        if self.as_frames:
            return _as_frames([stack[index] for index in order], order, study, folder)
        paths, places = [], {}
        for index in order:
            ds = _instance(stack[index], study, series, len(stack))
            self.change(ds, index)
            paths.append(save(ds, folder))
            places[str(ds.SOPInstanceUID), 1] = index
        return Sending(study, [paths[part :: self.parts] for part in range(self.parts)], places)


def assessable_slices() -> list[Slice]:
    """The longest run of slices of the sample that the plugin knows; of a whole head it refuses too many."""
    from radnode_brain_tumour_mr import plugin

    paths = [path for path in sample_paths() if path.parent.name == "5-brain-mr"]
    paths.sort(key=lambda path: read_images(path, _MAX_PIXELS)[0].position or 0.0)
    classifier = plugin()
    classifier.load("cpu")
    answers = classifier.answer([read_images(path, _MAX_PIXELS)[0] for path in paths])
    known = [distance <= 1 and not blank for distance, blank in zip(answers.distance, answers.blank, strict=True)]
    start, stop = _longest_run(known)
    return [_read(path) for path in paths[start:stop]]


def _longest_run(flags: Sequence[bool]) -> tuple[int, int]:
    edges = [-1, *(index for index, flag in enumerate(flags) if not flag), len(flags)]
    runs = [(left + 1, right) for left, right in pairwise(edges)]
    return max(runs, key=lambda run: run[1] - run[0])


def _read(path: Path) -> Slice:
    ds = pydicom.dcmread(path)
    stored = ds.pixel_array.astype(np.int16)
    del ds.PixelData
    return Slice(ds, stored)


def _instance(one: Slice, study: str, series: str, count: int) -> Dataset:
    ds = deepcopy(one.header)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = study, series, generate_uid()
    ds.NumberOfStudyRelatedInstances = count
    fill(ds, one.stored)
    return _as_file(ds)


def _as_file(ds: Dataset) -> Dataset:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return ds


def fill(ds: Dataset, stored: npt.NDArray[Any]) -> None:
    """Set 16-bit pixels."""
    ds.add_new("PixelData", "OW", stored.astype(stored.dtype.newbyteorder("<")).tobytes())
    ds.PixelRepresentation = int(stored.dtype.kind == "i")


def _as_frames(stack: Sequence[Slice], indices: Sequence[int], study: str, folder: Path) -> Sending:
    """One Enhanced MR object whose frames lie in the order given (PS3.3 A.36)."""
    ds = _instance(stack[0], study, generate_uid(), 1)
    ds.SOPClassUID, ds.NumberOfFrames = EnhancedMRImageStorage, len(stack)
    ds.SharedFunctionalGroupsSequence = [_shared(ds)]
    ds.PerFrameFunctionalGroupsSequence = [_place(one.header) for one in stack]
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(ds, keyword)
    fill(ds, np.stack([one.stored for one in stack]))
    places = {(str(ds.SOPInstanceUID), frame): index for frame, index in enumerate(indices, 1)}
    return Sending(study, [[save(_as_file(ds), folder)]], places)


def _shared(ds: Dataset) -> Dataset:
    measures, orientation, group = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = ds.PixelSpacing, ds.SliceThickness
    orientation.ImageOrientationPatient = ds.ImageOrientationPatient
    group.PixelMeasuresSequence, group.PlaneOrientationSequence = [measures], [orientation]
    return group


def _place(header: Dataset) -> Dataset:
    position, group = Dataset(), Dataset()
    position.ImagePositionPatient = header.ImagePositionPatient
    group.PlanePositionSequence = [position]
    return group


# What can be done to a slice


def _stored(ds: Dataset) -> npt.NDArray[np.int16]:
    return np.frombuffer(ds.PixelData, "<i2").reshape(ds.Rows, ds.Columns)


def _monochrome1(ds: Dataset, index: int) -> None:
    ds.PhotometricInterpretation = "MONOCHROME1"
    fill(ds, 500 - _stored(ds))


def _unsigned_twelve(ds: Dataset, index: int) -> None:
    ds.BitsStored, ds.HighBit, ds.RescaleSlope, ds.RescaleIntercept = 12, 11, "0.5", "-100"
    fill(ds, (_stored(ds) * 2 + 200).astype(np.uint16))


def _to(syntax: str, **options: object) -> Change:
    return lambda ds, index: ds.compress(syntax, generate_instance_uid=False, **options)


def _numbers_scattered(ds: Dataset, index: int) -> None:
    """Neighbours in space lie far from each other by their numbers."""
    ds.InstanceNumber = (index * 16) % 41 + 1


def _no_numbers(ds: Dataset, index: int) -> None:
    ds.InstanceNumber = None


def _no_place(ds: Dataset, index: int) -> None:
    del ds.ImagePositionPatient, ds.ImageOrientationPatient


def _neither(ds: Dataset, index: int) -> None:
    _no_place(ds, index)
    _numbers_scattered(ds, index)


def _backwards(count: int) -> Sequence[int]:
    return range(count - 1, -1, -1)


def _shuffled(count: int) -> Sequence[int]:
    return [int(index) for index in np.random.default_rng(3).permutation(count)]


FORMS: tuple[SeriesForm, ...] = (
    SeriesForm("sent backwards", order=_backwards),
    SeriesForm("sent shuffled", order=_shuffled),
    SeriesForm("two associations", order=_shuffled, parts=2),
    SeriesForm("numbers scattered", _numbers_scattered),
    SeriesForm("numbers backwards", lambda ds, index: setattr(ds, "InstanceNumber", 1000 - index), order=_shuffled),
    SeriesForm("no numbers", _no_numbers, order=_shuffled),
    SeriesForm("numbers but no place", _no_place, order=_shuffled),
    SeriesForm("frames of one object", as_frames=True),
    SeriesForm("frames in any order", order=_shuffled, as_frames=True),
    SeriesForm("MONOCHROME1", _monochrome1, order=_shuffled),
    SeriesForm("unsigned 12 bits", _unsigned_twelve),
    SeriesForm("RLE", _to(RLELossless)),
    SeriesForm("JPEG-LS", _to(JPEGLSLossless)),
    SeriesForm("JPEG 2000", _to(JPEG2000Lossless)),
    SeriesForm("JPEG 2000 lossy", _to(JPEG2000, j2k_cr=[10]), within=LOSSY),
)

#: Another series, not another form: its slices stand in another order, and no place says better.
SCATTERED = SeriesForm("scattered", _neither)
