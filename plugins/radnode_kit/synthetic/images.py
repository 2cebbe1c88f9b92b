"""The labelled images at a small size, and the eight ways in which a square can lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track

from radnode_kit.dataset import read_pixels
from radnode_kit.letterbox import canvas
from radnode_kit.sources import Sample, read_source
from radnode_kit.split import part_of
from radnode_kit.whole import whole

SOURCE = "skin_isic2017"
#: Class numbers; what has neither of the set's two labels is a nevus.
CLASSES = ("melanoma", "seborrheic_keratosis", "nevus")
RARE = 0
VIEWS = 8
Pixels = npt.NDArray[np.uint8]
Classes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Images:
    """n images.

    Attributes:
        pixels: (n, 3, s, s).
        classes: (n,), places in :data:`CLASSES`.
        cases: (n,), public identifier of each image.
        parts: (n,), ``train``, ``validation`` or ``held-back``.
    """

    pixels: Pixels
    classes: Classes
    cases: npt.NDArray[np.str_]
    parts: npt.NDArray[np.str_]

    def part(self, name: str) -> Images:
        """The images of one part."""
        return self.chosen(self.parts == name)

    def of(self, number: int) -> Images:
        """The images of one class."""
        return self.chosen(self.classes == number)

    def chosen(self, mask: npt.NDArray[np.bool_]) -> Images:
        """The images for which `mask` (n,) is true."""
        return Images(self.pixels[mask], self.classes[mask], self.cases[mask], self.parts[mask])


def read_images(data: Path, work: Path, size: int) -> Images:
    """The whole set at `size` x `size` pixels; decoded once into a file under `work`."""
    samples = read_source(data, SOURCE)
    stored = work / f"images-{size}.npy"
    if not stored.is_file():
        images = np.stack([_small(sample.path, size) for sample in track(samples, description="decode")])
        with whole(stored) as new:
            np.save(new, images)
    return Images(
        np.load(stored),
        np.array([_class(sample) for sample in samples]),
        np.array([sample.case for sample in samples]),
        np.array([sample.part or part_of(sample.group) for sample in samples]),
    )


def _small(path: Path, size: int) -> Pixels:
    pixels, _ = canvas(read_pixels(path, 3), size, 3)
    return np.round(pixels * 255.0).astype(np.uint8)


def _class(sample: Sample) -> int:
    return next((number for number, name in enumerate(CLASSES) if name in sample.labels), len(CLASSES) - 1)


def view(pixels: Pixels, number: int) -> Pixels:
    """(..., s, s) turned by `number` quarter turns and, from 4 on, mirrored: the symmetries of a square."""
    turned = np.rot90(pixels, number % 4, (-2, -1))
    return np.ascontiguousarray(turned[..., ::-1] if number >= VIEWS // 2 else turned)


def all_views(pixels: Pixels) -> Iterator[Pixels]:
    """The images in each of the eight views; the first is as they are."""
    return (view(pixels, number) for number in range(VIEWS))
