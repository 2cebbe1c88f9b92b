"""Studies to measure with: the packaged samples, as large as detectors make them, dressed as a plugin wants them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from node.plugin import Accepts
from node.samples import sample_paths

#: Modalities whose studies are series of slices; of others a film stands for the study.
SLICED = frozenset({"CT", "MR", "PT", "NM"})
_FILM, _SERIES = "2-adult-pneumonia", "5-brain-mr"
_AXIAL = slice(19, 32)  # of the series; the others lie across, and models of the head rightly refuse them
_TIMES, _MOST = 4, 4095  # 512 x 512 pixels of 8 bits become 2048 x 2048 of 12


def is_sliced(accepts: Accepts) -> bool:
    """Whether a study for that plugin is a series of slices."""
    return bool(SLICED & set(accepts.modality))


def write_studies(folder: Path, accepts: Accepts, count: int) -> list[list[Path]]:
    """So many studies that fit what a plugin takes, as files in Explicit VR Little Endian; new UIDs each time."""
    images = list(_slices() if is_sliced(accepts) else _film())
    for image in images:
        _dress(image, accepts)
    return [_written(images, folder / str(number)) for number in range(count)]


def _film() -> Iterator[Dataset]:
    (path,) = (path for path in sample_paths() if path.parent.name == _FILM)
    ds = pydicom.dcmread(path)
    large = np.kron(ds.pixel_array.astype(np.float32) / 255 * _MOST, np.ones((_TIMES, _TIMES), np.float32))
    noise = np.random.default_rng(1).normal(scale=8, size=large.shape)  # a detector's, or codecs would have it easy
    ds.PixelData = np.clip(large + noise, 0, _MOST).astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    ds.Rows, ds.Columns = large.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.WindowCenter, ds.WindowWidth = _MOST // 2, _MOST
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    yield ds


def _slices() -> Iterator[Dataset]:
    for path in [path for path in sample_paths() if path.parent.name == _SERIES][_AXIAL]:
        ds = pydicom.dcmread(path)
        ds.decompress()
        yield ds


def _dress(ds: Dataset, accepts: Accepts) -> None:
    """Change what a plugin would not take."""
    wanted = {
        "Modality": accepts.modality,
        "SOPClassUID": accepts.sop_class,
        "BodyPartExamined": accepts.body_part,
        "ViewPosition": accepts.view,
    }
    for keyword, allowed in wanted.items():
        if allowed and ds.get(keyword) not in allowed:
            setattr(ds, keyword, allowed[0])
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID


def _written(images: list[Dataset], folder: Path) -> list[Path]:
    folder.mkdir(parents=True)
    study, series, paths = generate_uid(), generate_uid(), []
    for number, ds in enumerate(images):
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        paths.append(folder / f"{number:04d}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True)
    return paths
