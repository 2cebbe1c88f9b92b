"""A head with one bright ball in it, and the plugin that finds it: no sample that may be shipped shows a tumour."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from tests.peers import Hospital

SLICES, SIZE, APART = 12, 128, 4.0
#: Of the ball: column, row and slice of its middle, and its radius, in pixels; slices lie four pixels apart.
COLUMN, ROW, SLICE, RADIUS = 83, 51, 6.5, 15
_HEAD, _BALL, _NOISE = 900, 2300, 30


def head(hospital: Hospital, patient: int, modality: str) -> list[Path]:
    """A series of slices, CT or MR, as a study of its own."""
    return [hospital.write(_slice(hospital, patient, modality, number)) for number in range(1, SLICES + 1)]


def install_plugin(folder: Path) -> Path:
    """A folder that brings the plugin `bright-spot` when it stands on PYTHONPATH."""
    info = folder / "bright_spot-1.0.0.dist-info"
    info.mkdir(parents=True)
    shutil.copytree(Path(__file__).with_name("bright_spot"), folder / "bright_spot")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bright-spot\nVersion: 1.0.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[radnode.plugins]\nbright-spot = bright_spot:plugin\n", encoding="utf-8")
    return folder


def _slice(hospital: Hospital, patient: int, modality: str, number: int) -> Dataset:
    return hospital.image(
        patient,
        series=2,
        image=number,
        modality=modality,
        size=SIZE,
        SliceThickness=APART,
        ImagePositionPatient=[-SIZE / 2, -SIZE / 2, APART * number],
        SeriesDescription=f"{modality} of a head",
        PixelData=_pixels(number).tobytes(),
    )


def _pixels(number: int) -> npt.NDArray[np.uint16]:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    middle = SIZE / 2
    head = (columns - middle) ** 2 + (rows - middle) ** 2 < (0.42 * SIZE) ** 2
    away = (columns - COLUMN) ** 2 + (rows - ROW) ** 2 + (APART * (number - SLICE)) ** 2
    clean = np.where(away < RADIUS**2, _BALL, np.where(head, _HEAD, 0))
    noise = np.random.default_rng(number).normal(2 * _NOISE, _NOISE, clean.shape)
    return np.clip(clean + noise, 0, 4095).astype("<u2")
