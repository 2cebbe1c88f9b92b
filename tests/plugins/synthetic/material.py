"""Made-up sets, small and quick, for the tests of made-up images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor, nn

from radnode_kit.synthetic.diffusion import Plan
from radnode_kit.synthetic.images import CLASSES, Images

SIZE = 16
#: Finishes in seconds.
TINY = Plan(
    size=SIZE,
    channels=(16, 16, 16),
    steps=4,
    batch=4,
    samples=(12, 6, 6),
    sampler_steps=4,
    repeats=2,
)


def images(count: int, part: str = "train", seed: int = 0) -> Images:
    """Noise on a brightness that goes with the class; classes in turn."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % len(CLASSES)
    pixels = rng.integers(0, 120, (count, 3, SIZE, SIZE)) + classes[:, None, None, None] * 60
    cases = np.array([f"{part}/{number}" for number in range(count)])
    return Images(pixels.astype(np.uint8), classes, cases, np.full(count, part))


def write_set(data: Path, count: int) -> None:
    """A folder laid out as the real set is, with `count` images of the training table and 15 of the validation's."""
    folder = data / "skin_isic2017"
    (folder / "images").mkdir(parents=True)
    rows, rng = ["file,part,label,age,sex"], np.random.default_rng(0)
    for number in range(count + 15):
        label = CLASSES[number % 3]
        name = f"images/I{number:04d}.png"
        shade = rng.integers(0, 120, (24, 24, 3)) + 60 * (number % 3)
        Pillow.fromarray(shade.astype(np.uint8)).save(folder / name)
        rows.append(f"{name},{'train' if number < count else 'val'},{label},50,male")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


class Means(nn.Module):
    """Stands in for Lite0: 40 numbers made of the pixels, quick and not the same for all views."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = torch.randn(3 * 8 * 8, 40, generator=torch.Generator().manual_seed(0)) / 10

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        embedding = nn.functional.adaptive_avg_pool2d(x, 8).flatten(1) @ self.mix
        return embedding, embedding, embedding, embedding
