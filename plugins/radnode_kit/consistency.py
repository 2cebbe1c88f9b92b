"""Does the answer stay when protocol, scanner or archive change the picture a little? The same images in other forms.

Each change is one that a site can expect: another window, another detector's sharpness and noise, a lossy archive,
another collimation, a patient who lies askew. The label stays what it was; so should the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image as Pillow

from node.plugin import Array, Interval
from radnode_kit.calibration import Floats
from radnode_kit.classifier import BundleClassifier
from radnode_kit.dataset import read_pixels
from radnode_kit.letterbox import canvas, smoothed
from radnode_kit.metrics import wilson
from radnode_kit.refusals import picture
from radnode_kit.sources import Sample
from radnode_kit.wrong import mirrored

_MOST = 150


@dataclass(frozen=True)
class Consistency:
    """How the answers of n images and k findings bear one change.

    Attributes:
        change: in words.
        moved: mean distance of the probabilities.
        most: 95th percentile of that distance.
        called: share of images and findings on another side of the threshold, with Wilson's interval.
        refused: share of images refused now and not before, with Wilson's interval.
    """

    change: str
    moved: float
    most: float
    called: Interval
    refused: Interval


def askew(image: Array) -> Array:
    """Turned by five degrees, black where nothing was."""
    return _of_planes(image, lambda plane: plane.rotate(5, Pillow.Resampling.BILINEAR))


def collimated(image: Array) -> Array:
    """A twentieth cut off on each side, and the rest blown up."""
    side = image.shape[1]
    cut = round(side / 20)
    box = (cut, cut, side - cut, side - cut)
    return _of_planes(image, lambda plane: plane.resize((side, side), Pillow.Resampling.BILINEAR, box))


def padded(image: Array) -> Array:
    """Shrunk by a tenth, with black around it."""
    side = image.shape[1]
    inner = round(0.9 * side)
    start, out = (side - inner) // 2, np.zeros_like(image)
    small = _of_planes(image, lambda plane: plane.resize((inner, inner), Pillow.Resampling.BILINEAR))
    out[:, start : start + inner, start : start + inner] = small
    return out


def brighter(image: Array) -> Array:
    """Gamma 0.8."""
    return np.asarray(image**0.8, dtype=np.float32)


def darker(image: Array) -> Array:
    """Gamma 1.25."""
    return np.asarray(image**1.25, dtype=np.float32)


def narrower(image: Array) -> Array:
    """A window narrower by a fifth, about the middle."""
    return np.asarray(np.clip((image - 0.5) * 1.25 + 0.5, 0, 1), dtype=np.float32)


def blurred(image: Array) -> Array:
    """A Gaussian blur with a standard deviation of one pixel of the network's input."""
    return smoothed(image, 1.0)


def coarse(image: Array) -> Array:
    """Half the resolution."""
    side = image.shape[1]
    half = (side // 2, side // 2)
    return _of_planes(
        image,
        lambda plane: plane.resize(half, Pillow.Resampling.BILINEAR).resize((side, side), Pillow.Resampling.BILINEAR),
    )


def noisy(image: Array) -> Array:
    """Gaussian noise with a standard deviation of 2 % of the grey scale; the same noise for every image."""
    noise = np.random.default_rng(1).normal(0, 0.02, image.shape)
    return np.asarray(np.clip(image + noise, 0, 1), dtype=np.float32)


def compressed(image: Array) -> Array:
    """JPEG at quality 50."""
    grey = len(image) == 1
    bytes_ = np.round(image * 255).astype(np.uint8)
    stream = BytesIO()
    Pillow.fromarray(bytes_[0] if grey else bytes_.transpose(1, 2, 0)).save(stream, "JPEG", quality=50)
    seen = np.asarray(Pillow.open(stream), dtype=np.float32) / 255
    return np.ascontiguousarray(seen[None] if grey else seen.transpose(2, 0, 1), dtype=np.float32)


CHANGES: Mapping[str, Callable[[Array], Array]] = {
    "mirror image": mirrored,
    "turned by 5 degrees": askew,
    "a twentieth cut off on each side": collimated,
    "a tenth of black around it": padded,
    "gamma 0.8": brighter,
    "gamma 1.25": darker,
    "window narrower by a fifth": narrower,
    "blur of one pixel": blurred,
    "half the resolution": coarse,
    "noise of 2 %": noisy,
    "JPEG at quality 50": compressed,
}


def consistency(
    classifier: BundleClassifier, held_back: Sequence[Sample], thresholds: Mapping[str, float]
) -> list[Consistency]:
    """One row for each change, over at most 150 images. Args: thresholds: of the claimed findings, by name."""
    step, bundle = max(1, len(held_back) // _MOST), classifier.bundle
    pixels = [read_pixels(sample.path, bundle.channels) for sample in held_back[::step][:_MOST]]
    canvases = [canvas(each, bundle.size, bundle.channels)[0] for each in pixels]
    columns = [bundle.labels.index(name) for name in thresholds]
    limits = np.array(list(thresholds.values()))
    before, shut_before = _answers(classifier, canvases, columns)
    rows = []
    for change, function in CHANGES.items():
        after, shut = _answers(classifier, [function(each) for each in canvases], columns)
        moved, other = np.abs(after - before), (after >= limits) != (before >= limits)
        called, refused = wilson(int(other.sum()), other.size), wilson(int((shut & ~shut_before).sum()), len(shut))
        rows.append(Consistency(change, float(moved.mean()), float(np.quantile(moved, 0.95)), called, refused))
    return rows


def _answers(
    classifier: BundleClassifier, canvases: Sequence[Array], columns: Sequence[int]
) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Probabilities (n, k) of the findings, and whether each image is refused (n,)."""
    probabilities, shut = [], []
    for start in range(0, len(canvases), 32):
        answers = classifier.answer([picture(each, n) for n, each in enumerate(canvases[start : start + 32])])
        probabilities.append(answers.probabilities[:, columns])
        shut.append(answers.distance > 1.0)
    return np.concatenate(probabilities), np.concatenate(shut)


def _of_planes(image: Array, change: Callable[[Pillow.Image], Pillow.Image]) -> Array:
    """Each plane through Pillow, as floats."""
    return np.stack([np.asarray(change(Pillow.fromarray(plane)), dtype=np.float32) for plane in image])
