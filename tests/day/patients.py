"""The patients of the day: real images, each study under UIDs and of a patient of its own."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import generate_uid

from node.samples import sample_paths
from node.samples.wrap import Film, wrap

_IMAGES = Path(__file__).parents[1] / "data" / "images"
_VL_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"
_MAKERS = ("Siemens", "Philips", "GE")


class Patients:
    """Makes studies as files. Args: folder: for the files; seed: of who comes, and of what age."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._draw, self._count = folder, random.Random(seed), 0
        folder.mkdir(parents=True, exist_ok=True)
        self._films = sorted((_IMAGES / "cxr_nih").glob("*.jpg"))
        self._children = sorted((_IMAGES / "cxr_pediatric_kermany").glob("*.jpg"))
        self._skins = sorted((_IMAGES / "skin_isic2017").glob("*.jpg"))
        self._slices = sorted((_IMAGES / "ct_chest_tcga").glob("*.dcm"))
        self._brain = [path for path in sample_paths() if path.parent.name == "5-brain-mr"][8:16]

    def film(self, gamma: float = 1.0) -> list[Path]:
        """A chest film of an adult. Args: gamma: what the detector's processing does to its contrast; 1: as it was."""
        jpeg = self._draw.choice(self._films)
        return [self._written(self._photograph(_with_contrast(jpeg, gamma), "CR", f"{self._draw.randint(20, 89):03}Y"))]

    def child(self) -> list[Path]:
        """A chest film of a child."""
        return [self._written(self._photograph(self._draw.choice(self._children).read_bytes(), "CR", "004Y"))]

    def skin(self) -> list[Path]:
        """A photograph of a lesion."""
        ds = self._photograph(self._draw.choice(self._skins).read_bytes(), "XC", f"{self._draw.randint(20, 89):03}Y")
        return [self._written(ds)]

    def chest_ct(self) -> list[Path]:
        """One slice: those at hand are of different patients."""
        return [self._written(self._renamed(pydicom.dcmread(self._draw.choice(self._slices)), self._new_study()))]

    def brain_mr(self) -> list[Path]:
        """A series of slices."""
        study = self._new_study()
        return [self._written(self._renamed(pydicom.dcmread(path), study)) for path in self._brain]

    def damaged(self) -> list[Path]:
        """A film whose compressed pixels end early."""
        (path,) = self.film()
        ds = pydicom.dcmread(path)
        ds.PixelData = encapsulate([next(generate_frames(ds.PixelData, number_of_frames=1))[:2000]])
        ds["PixelData"].VR = "OB"
        return [self._written(ds)]

    def foreign(self) -> list[Path]:
        """A film of a hand, which no route wants."""
        (path,) = self.film()
        ds = pydicom.dcmread(path)
        ds.BodyPartExamined = "HAND"
        return [self._written(ds)]

    def mixed_up(self) -> list[Path]:
        """Two films under one study, of two patients."""
        first, second = (pydicom.dcmread(path) for path in (*self.film(), *self.film()))
        second.StudyInstanceUID = first.StudyInstanceUID
        return [self._written(first), self._written(second)]

    def _new_study(self) -> str:
        self._count += 1
        return str(generate_uid(entropy_srcs=[f"day {self._draw.random()} {self._count}"]))

    def _photograph(self, jpeg: bytes, modality: str, age: str) -> Dataset:
        path = self._folder / "picture.jpg"
        path.write_bytes(_grey(jpeg) if modality == "CR" else jpeg)
        if modality == "CR":
            ds = wrap(path, Film("day", age, self._draw.choice("FM"), self._draw.choice(["PA", "AP"])))
        else:
            ds = _coloured(path, age)
        return self._renamed(ds, self._new_study())

    def _renamed(self, ds: Dataset, study: str) -> Dataset:
        number = self._count
        ds.StudyInstanceUID = study
        ds.SeriesInstanceUID = generate_uid(entropy_srcs=[study, str(ds.SeriesInstanceUID)])
        ds.SOPInstanceUID = generate_uid(entropy_srcs=[study, str(ds.SOPInstanceUID)])
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.PatientName, ds.PatientID, ds.AccessionNumber = f"Day^Patient{number}", f"DAY{number}", f"D{number}"
        ds.Manufacturer = ds.get("Manufacturer") or _MAKERS[number % len(_MAKERS)]
        return ds

    def _written(self, ds: Dataset) -> Path:
        path = self._folder / f"{ds.SOPInstanceUID}.dcm"
        ds.save_as(path, enforce_file_format=True)
        return path


def _with_contrast(jpeg: Path, gamma: float) -> bytes:
    if gamma == 1.0:
        return jpeg.read_bytes()
    with Image.open(jpeg) as picture:
        pixels = np.asarray(picture.convert("L"), np.float32) / 255
    stream = io.BytesIO()
    Image.fromarray(np.rint(255 * pixels**gamma).astype(np.uint8)).save(stream, "JPEG", quality=92)
    return stream.getvalue()


def _grey(jpeg: bytes) -> bytes:
    """As a baseline JPEG of one component."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        if picture.mode == "L" and not picture.info.get("progressive"):
            return jpeg
        stream = io.BytesIO()
        picture.convert("L").save(stream, "JPEG", quality=92)
    return stream.getvalue()


def _coloured(path: Path, age: str) -> Dataset:
    """A photograph (PS3.3 A.32.4) around the bytes of a colour JPEG."""
    with Image.open(path) as picture:
        columns, rows = picture.size
        grey = io.BytesIO()
        picture.convert("L").save(grey, "JPEG", quality=92)
    plain = path.with_name("grey.jpg")
    plain.write_bytes(grey.getvalue())
    ds = wrap(plain, Film("day", age, "F", "", "Skin"))
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = _VL_PHOTOGRAPHIC
    ds.Modality, ds.BodyPartExamined, ds.Rows, ds.Columns = "XC", "SKIN", rows, columns
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "YBR_FULL_422", 0
    for keyword in ("WindowCenter", "WindowWidth", "ViewPosition", "PatientOrientation"):
        delattr(ds, keyword)
    ds.PixelData = encapsulate([path.read_bytes()])
    ds["PixelData"].VR = "OB"
    return ds
