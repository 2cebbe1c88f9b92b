"""Labelled images as arrays: decoded and put on their canvas once, then memory-mapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from rich.progress import track

from node.plugin import Array
from radnode_kit.bundle import Bundle
from radnode_kit.letterbox import canvas
from radnode_kit.sources import Sample
from radnode_kit.split import part_of
from radnode_kit.whole import whole


@dataclass(frozen=True)
class Dataset:
    """n samples and their pixels.

    Attributes:
        samples: in the order of the arrays.
        canvases: uint8 (n, c, s, s).
        targets: float32 (n, k), 1 where the label is true, NaN where the source does not tell.
        parts: (n,), ``train``, ``validation`` or ``held-back``.
    """

    samples: Sequence[Sample]
    canvases: npt.NDArray[np.uint8]
    targets: Array
    parts: npt.NDArray[np.str_]

    def part(self, name: str) -> Dataset:
        """The samples of one part."""
        chosen = np.flatnonzero(self.parts == name)
        samples = [self.samples[int(index)] for index in chosen]
        return Dataset(samples, self.canvases[chosen], self.targets[chosen], self.parts[chosen])

    @property
    def sources(self) -> npt.NDArray[np.str_]:
        """(n,), name of the set of each sample."""
        return np.array([sample.source for sample in self.samples])


def read_pixels(path: Path, channels: int = 1) -> Array:
    """An image file as float32 in 0..1: grey (rows, columns), or (rows, columns, 3) for three channels."""
    with Pillow.open(path) as image:
        return np.asarray(image.convert("L" if channels == 1 else "RGB"), dtype=np.float32) / 255.0


def targets_of(samples: Sequence[Sample], labels: Sequence[str]) -> Array:
    """float32 (n, k): 1 true, 0 false, NaN unknown."""
    rows = [[float(name in s.labels) if name in s.known else np.nan for name in labels] for s in samples]
    return np.array(rows, dtype=np.float32).reshape(len(samples), len(labels))


def load_dataset(samples: Sequence[Sample], bundle: Bundle, work: Path) -> Dataset:
    """Decode all samples once into a file under `work`; later calls map that file."""
    name = sha256("".join(f"{s.source}/{s.path.name}\n" for s in samples).encode()).hexdigest()[:12]
    stored = work / f"canvases-{name}-{bundle.channels}x{bundle.size}.npy"
    if not stored.is_file():
        canvases = np.stack([_canvas(s.path, bundle) for s in track(samples, description="decode")])
        with whole(stored) as new:
            np.save(new, canvases)
    parts = np.array([sample.part or part_of(sample.group) for sample in samples])
    return Dataset(samples, np.load(stored, mmap_mode="r"), targets_of(samples, bundle.labels), parts)


def _canvas(path: Path, bundle: Bundle) -> npt.NDArray[np.uint8]:
    pixels, _ = canvas(read_pixels(path, bundle.channels), bundle.size, bundle.channels)
    return np.round(pixels * 255.0).astype(np.uint8)
