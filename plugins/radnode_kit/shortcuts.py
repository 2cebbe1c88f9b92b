"""Does the model read the disease, or what goes with it? The same images without their middle, and without their frame.

A model that still tells the labels apart when only the frame is left reads letters, collimators or the habits of a
source; one that no longer does when only the frame is gone read them before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from node.plugin import Array, Interval
from radnode_kit.calibration import Floats
from radnode_kit.classifier import BundleClassifier
from radnode_kit.dataset import read_pixels, targets_of
from radnode_kit.letterbox import canvas
from radnode_kit.metrics import auroc, bootstrap
from radnode_kit.refusals import picture
from radnode_kit.sources import Sample

#: Of the side: the frame that is covered, and the middle that is.
FRAME, MIDDLE = 0.1, 0.7


@dataclass(frozen=True)
class Shortcut:
    """AUROC of one label in one source when a part of every image is covered."""

    source: str
    label: str
    covered: str
    area: Interval


def without_frame(image: Array) -> Array:
    """(c, s, s) with its outer tenth in the mean grey of the rest."""
    side = image.shape[1]
    width = round(FRAME * side)
    kept = image[:, width : side - width, width : side - width]
    out = np.full_like(image, kept.mean())  # not the whole image's mean, which would tell of what is covered
    out[:, width : side - width, width : side - width] = kept
    return out


def without_middle(image: Array) -> Array:
    """(c, s, s) with a square of 70 % of its side covered by the mean grey of the rest."""
    side = image.shape[1]
    start = round((1 - MIDDLE) / 2 * side)
    frame = np.ones((side, side), dtype=bool)
    frame[start : side - start, start : side - start] = False
    return np.where(frame, image, image[:, frame].mean())


COVERS: dict[str, Callable[[Array], Array]] = {"the frame": without_frame, "the middle": without_middle}


def shortcuts(classifier: BundleClassifier, held_back: Sequence[Sample]) -> list[Shortcut]:
    """The area for every source, label that takes part in an answer, and cover; bootstrap intervals over patients."""
    labels, manifest = classifier.bundle.labels, classifier.manifest
    claimed = {spec.name for spec in manifest.findings}
    counted = [column for column, label in enumerate(labels) if manifest.mutually_exclusive or label in claimed]
    targets = targets_of(held_back, labels)
    rows = []
    for covered, cover in COVERS.items():
        values = _probabilities(classifier, held_back, cover)
        for source in sorted({sample.source for sample in held_back}):
            here = np.array([sample.source == source for sample in held_back])
            for column in counted:
                chosen = here & ~np.isnan(targets[:, column])
                truth = targets[chosen, column] > 0.5
                if 5 <= truth.sum() <= len(truth) - 5:
                    groups = np.array([sample.group for sample in held_back])[chosen]
                    rows.append(Shortcut(source, labels[column], covered, _area(values[chosen, column], truth, groups)))
    return rows


def _area(values: Floats, truth: npt.NDArray[np.bool_], groups: npt.NDArray[np.str_]) -> Interval:
    return bootstrap(lambda rows: auroc(values[rows], truth[rows]), groups, rounds=400)


def _probabilities(classifier: BundleClassifier, samples: Sequence[Sample], cover: Callable[[Array], Array]) -> Floats:
    bundle, parts = classifier.bundle, []
    for start in range(0, len(samples), 32):
        images = [
            picture(cover(canvas(read_pixels(s.path, bundle.channels), bundle.size, bundle.channels)[0]), number)
            for number, s in enumerate(samples[start : start + 32])
        ]
        parts.append(classifier.answer(images).probabilities)
    return np.concatenate(parts)
