"""Draws images from the generator: DDIM with classifier-free guidance, and a sheet of them to look at."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from monai.inferers import DiffusionInferer
from PIL import Image as Pillow
from rich.console import Console

from radnode_kit.synthetic.diffusion import NO_CLASS, Denoiser, Plan, denoising, mixed, unscaled
from radnode_kit.synthetic.images import CLASSES, Images, Pixels

SAMPLES = "samples.npz"
_BATCH = 50


@dataclass(frozen=True)
class Drawn:
    """Made-up images and the seconds that drawing them took."""

    images: Images
    seconds: float


def sample(denoiser: Denoiser, number: int, count: int, plan: Plan) -> Pixels:
    """`count` images (count, 3, s, s) of class `number`; the same plan gives the same images."""
    rng = torch.Generator().manual_seed(plan.seed * 10 + number)
    noise = torch.randn((count, 3, plan.size, plan.size), generator=rng)
    inferer, parts = DiffusionInferer(denoising(plan.sampler_steps)), []
    for some in torch.split(noise, _BATCH):
        classes = torch.full((len(some),), float(number))
        with mixed():
            parts.append(
                inferer.sample(
                    some, denoiser, conditioning=classes, verbose=False, cfg=plan.guidance, cfg_fill_value=NO_CLASS
                )
            )
        Console().print(f"samples of {CLASSES[number]}: {sum(map(len, parts))} of {count}")
    return unscaled(torch.cat(parts))


def sample_all(denoiser: Denoiser, plan: Plan, work: Path) -> Drawn:
    """So many images of each class as the plan says; drawn once into a file under `work`."""
    stored = work / SAMPLES
    if not stored.is_file():
        started = time.monotonic()
        parts = [sample(denoiser, number, count, plan) for number, count in enumerate(plan.samples)]
        np.savez(stored, pixels=np.concatenate(parts), seconds=time.monotonic() - started)
    with np.load(stored) as table:
        pixels, seconds = table["pixels"], float(table["seconds"])
    classes = np.repeat(np.arange(len(CLASSES)), plan.samples)
    cases = np.array([f"synthetic/{number:04d}" for number in range(len(classes))])
    return Drawn(Images(pixels, classes, cases, np.full(len(classes), "synthetic")), seconds)


def write_sheet(pixels: Pixels, columns: int, path: Path, zoom: int = 2) -> None:
    """A picture of all the images (n, 3, s, s), row by row."""
    side = pixels.shape[-1]
    rows = -(-len(pixels) // columns)
    sheet = np.zeros((rows * side, columns * side, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        top, left = number // columns * side, number % columns * side
        sheet[top : top + side, left : left + side] = image.transpose(1, 2, 0)
    picture = Pillow.fromarray(sheet)
    picture.resize((picture.width * zoom, picture.height * zoom), Pillow.Resampling.NEAREST).save(path)
