"""Whether the generator copied its training images.

Three questions. Are made-up images closer to a training image than new real images are (Meehan, Chaudhuri and
Dasgupta, *A non-parametric test to detect data-copying in generative models*, AISTATS 2020)? Is any so close, also for
the crowd it stands in, that it is a copy (Carlini et al., *Extracting training data from diffusion models*, USENIX
Security 2023)? And does the generator denoise the images it learned from better than images it never saw (membership;
Carlini et al., *Membership inference attacks from first principles*, 2022, report the hits at few false alarms)?
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from node.plugin import Array, Interval
from radnode_kit.metrics import auroc_interval, midranks, wilson
from radnode_kit.synthetic.diffusion import Denoiser, losses, mixed, scaled
from radnode_kit.synthetic.images import Images, Pixels

Floats = npt.NDArray[np.float64]
#: Share of new real images that are allowed to lie closer than "suspiciously close".
SUSPICIOUS = 0.01
_CROWD = 50
_STEPS = (50, 150, 250, 400, 550, 700)
_BATCH = 64


def pixel_distances(queries: Pixels, views: Iterable[Pixels]) -> Floats:
    """(n, m), root mean square difference in 0..1, the smallest over the views of the m others (each (m, 3, s, s))."""
    flat = _flat(queries)
    nearest: Floats = np.minimum.reduce([_rms(flat, _flat(each)) for each in views])
    return nearest


def _flat(pixels: Pixels) -> npt.NDArray[np.float32]:
    return pixels.reshape(len(pixels), -1).astype(np.float32) / 255.0


def _rms(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> Floats:
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None] - 2.0 * (a @ b.T)
    return np.asarray(np.sqrt(np.clip(squares.astype(np.float64) / a.shape[1], 0.0, None)))


def cosine_distances(queries: Array, views: Array) -> Floats:
    """(n, m), one minus the cosine between embeddings (n, d) and the nearest of the views of the m others (m, v, d)."""
    unit = queries / np.linalg.norm(queries, axis=-1, keepdims=True)
    others = views / np.linalg.norm(views, axis=-1, keepdims=True)
    return np.asarray(1.0 - np.max([unit @ others[:, v].T for v in range(others.shape[1])], axis=0), dtype=np.float64)


@dataclass(frozen=True)
class Copying:
    """How close made-up images come to the training images, against new real images of the same class.

    Attributes:
        synthetic: median distance of a made-up image to its nearest training image.
        held_back: the same for real held-back images.
        ratio: of the two; below 1: made-up images are closer.
        z: Meehan's test; far below zero (-3 and less): copying; far above: the images lie apart from the real ones.
        close: share of made-up images closer than all but 1 % of the held-back images are.
        crowd_z: as `z`, for distances relative to the mean of the 50 nearest, which blur does not shrink.
        crowd_close: as `close`, for relative distances.
    """

    synthetic: float
    held_back: float
    ratio: float
    z: float
    close: Interval
    crowd_z: float
    crowd_close: Interval


def copying(synthetic: Floats, held_back: Floats) -> Copying:
    """Compare distances (n, t) of made-up and (m, t) of held-back images to the same t training images."""
    near, real = synthetic.min(axis=1), held_back.min(axis=1)
    crowd, real_crowd = crowd_distance(synthetic), crowd_distance(held_back)
    middle, real_middle = float(np.median(near)), float(np.median(real))
    return Copying(
        synthetic=middle,
        held_back=real_middle,
        ratio=middle / real_middle,
        z=rank_z(near, real),
        close=_closer(near, real),
        crowd_z=rank_z(crowd, real_crowd),
        crowd_close=_closer(crowd, real_crowd),
    )


def crowd_distance(distances: Floats) -> Floats:
    """(n,), distance of the nearest over the mean distance of the 50 nearest: near 0 for a copy, near 1 in a crowd."""
    ordered = np.sort(distances, axis=1)[:, :_CROWD]
    return np.asarray(ordered[:, 0] / np.maximum(ordered.mean(axis=1), 1e-12))


def rank_z(a: Floats, b: Floats) -> float:
    """Mann and Whitney's U of a against b in standard deviations; below zero where `a` has the smaller values."""
    n, m = len(a), len(b)
    u = midranks(np.concatenate([a, b]))[:n].sum() - n * (n + 1) / 2.0
    return float((u - n * m / 2.0) / np.sqrt(n * m * (n + m + 1) / 12.0))


def _closer(near: Floats, real: Floats) -> Interval:
    return wilson(int((near < np.quantile(real, SUSPICIOUS)).sum()), len(near))


def repeated(distances: Floats, limit: float) -> Interval:
    """Share of images that lie closer than `limit` to another of the same n; distances (n, n)."""
    others = distances + np.where(np.eye(len(distances), dtype=bool), np.inf, 0.0)
    return wilson(int((others.min(axis=1) < limit).sum()), len(distances))


@dataclass(frozen=True)
class Membership:
    """How well the loss of an image tells whether the generator learned from it.

    Attributes:
        auroc: 0.5: not at all.
        hits: share of training images that are named when 1 % of the others are named wrongly; 0.01: not at all.
    """

    auroc: Interval
    hits: float


def membership(members: Floats, strangers: Floats) -> Membership:
    """From the losses (n,) of training images and (m,) of held-back ones."""
    values = -np.concatenate([members, strangers])
    truth = np.repeat([True, False], [len(members), len(strangers)])
    return Membership(auroc_interval(values, truth)[0], float((members < np.quantile(strangers, SUSPICIOUS)).mean()))


def image_losses(denoiser: Denoiser, images: Images, seed: int) -> Floats:
    """(n,), mean loss at six noise levels; every image gets the same noise."""
    noise = torch.randn((len(_STEPS), *images.pixels.shape[1:]), generator=torch.Generator().manual_seed(seed))
    total = np.zeros(len(images.pixels))
    with torch.inference_mode(), mixed():
        for start in range(0, len(total), _BATCH):
            some = slice(start, start + _BATCH)
            pixels, classes = scaled(images.pixels[some]), torch.from_numpy(images.classes[some]).float()
            for step, one in zip(_STEPS, noise, strict=True):
                steps = torch.full((len(pixels),), step)
                total[some] += losses(denoiser, pixels, classes, one.expand_as(pixels), steps).numpy()
    return total / len(_STEPS)
