"""Objects to decode: one builder, and a viewer to compare with."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.peers.programs import system_program

DATA = Path(__file__).parents[1] / "data" / "assemble"
CT = "1.2.840.10008.5.1.4.1.1.2"
LIMIT = 1 << 24


def dataset(stored: np.ndarray[Any, Any] | None = None, **changes: Any) -> Dataset:
    """A CT slice of those stored values; each further keyword sets an attribute, None removes it."""
    if stored is None:
        stored = np.arange(64, dtype=np.uint16).reshape(8, 8)
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = CT, "1.2.3.4", "CT"
    ds.Rows, ds.Columns = stored.shape[:2]
    ds.SamplesPerPixel = stored.shape[2] if stored.ndim == 3 else 1
    ds.PhotometricInterpretation = "RGB" if stored.ndim == 3 else "MONOCHROME2"
    if stored.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = stored.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(stored.dtype.kind == "i")
    data = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OB" if stored.dtype.itemsize == 1 else "OW"
    for keyword, value in changes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CT)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3.4")
    return ds


def item(**attributes: Any) -> Dataset:
    """A sequence item."""
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


class Builder:
    """Writes objects into one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def __call__(self, stored: np.ndarray[Any, Any] | None = None, **changes: Any) -> Path:
        """Write :func:`dataset`."""
        return self.save(dataset(stored, **changes))

    def save(self, ds: Dataset, **options: Any) -> Path:
        """Write `ds`."""
        self.count += 1
        path = self.folder / f"{self.count}.dcm"
        ds.save_as(path, enforce_file_format=True, **options)
        return path


@pytest.fixture
def write(tmp_path: Path) -> Builder:
    """A builder that writes into the test's folder."""
    return Builder(tmp_path)


@pytest.fixture
def make() -> Callable[..., Dataset]:
    """The builder of datasets in memory."""
    return dataset


@pytest.fixture
def sequence_item() -> Callable[..., Dataset]:
    """The builder of sequence items."""
    return item


@pytest.fixture
def data() -> Path:
    """The folder of real objects."""
    return DATA


class Viewer:
    """DCMTK's renderer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, path: Path, *options: str, frame: int = 1, colour: bool = False) -> np.ndarray[Any, Any]:
        """The picture that it draws, 0..1; 16 bits for grey, 8 for colour."""
        out = self.folder / "viewer.png"
        depth = "+on" if colour else "+on2"
        command = ["dcmj2pnm", "--quiet", "-O", *options, "+F", str(frame), depth, str(self._plain(path)), str(out)]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        with Picture.open(out) as picture:
            return np.asarray(picture) / (255.0 if colour else 65535.0)

    def _plain(self, path: Path) -> Path:
        """JPEG-LS has a tool of its own."""
        plain = self.folder / "plain.dcm"
        done = subprocess.run(["dcmdjpls", "--quiet", str(path), str(plain)], capture_output=True, timeout=30)
        return plain if done.returncode == 0 else path


@pytest.fixture
def viewer(tmp_path: Path) -> Viewer:
    """DCMTK's renderer; without it the test is skipped, except in CI."""
    system_program("dcmj2pnm")
    return Viewer(tmp_path)
