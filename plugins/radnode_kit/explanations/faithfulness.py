"""Deletion and insertion: does the probability hang on the places that an explanation calls important?

Source: Petsiuk et al., RISE (arXiv:1806.07421). Patches are blurred in the order of their importance (deletion: the
sooner the probability falls, the better), or shown in that order on the blurred image (insertion: the sooner it rises,
the better). Figures are areas under the probability over the share of patches, from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.progress import track

from node.plugin import Array, Interval
from radnode_kit.calibration import Floats
from radnode_kit.explanations.methods import METHODS, PATCH, Method, blended, blurred, on_patches
from radnode_kit.explanations.subject import Columns, Subject
from radnode_kit.metrics import bootstrap

STEPS = 12
_SEED = 20260101


@dataclass(frozen=True)
class Faithfulness:
    """Areas for n images.

    Attributes:
        names: of the m methods.
        deletion: (m, n), low is good.
        insertion: (m, n), high is good.
        groups: (n,), patient of each image.
    """

    names: tuple[str, ...]
    deletion: Floats
    insertion: Floats
    groups: npt.NDArray[np.str_]

    def mean(self, name: str) -> tuple[Interval, Interval]:
        """(deletion, insertion) of a method, with intervals over patients."""
        row = self.names.index(name)
        return mean_interval(self.deletion[row], self.groups), mean_interval(self.insertion[row], self.groups)

    def gain(self, name: str, other: str) -> tuple[Interval, Interval]:
        """(deletion, insertion): how much better the one method is than the other on the same images."""
        one, two = self.names.index(name), self.names.index(other)
        return (
            mean_interval(self.deletion[two] - self.deletion[one], self.groups),
            mean_interval(self.insertion[one] - self.insertion[two], self.groups),
        )


def mean_interval(values: Floats, groups: npt.NDArray[np.str_]) -> Interval:
    """The mean of (n,) with its bootstrap interval over patients."""
    return bootstrap(lambda rows: float(values[rows].mean()), groups)


def compare(
    subject: Subject, images: Array, columns: Columns, groups: npt.NDArray[np.str_], steps: int = STEPS
) -> Faithfulness:
    """Every method on the same normalised images (n, c, s, s), each explained for the label `columns[i]`."""
    names = tuple(METHODS)
    areas = np.empty((len(names), len(images), 2))
    for row, name in enumerate(track(names, description="deletion and insertion")):
        areas[row] = judged(subject, METHODS[name], images, columns, steps)
    return Faithfulness(names, areas[:, :, 0], areas[:, :, 1], groups)


def judged(subject: Subject, method: Method, images: Array, columns: Columns, steps: int) -> Floats:
    """(n, 2): deletion and insertion of one method for each image."""
    maps = on_patches(method(subject, images, columns), images.shape[-1] // PATCH)
    return np.array([_areas(subject, images[i], int(columns[i]), maps[i], steps) for i in range(len(images))])


def _areas(subject: Subject, image: Array, column: int, importance: Array, steps: int) -> tuple[float, float]:
    masks = hidden(importance, steps)
    baseline = blurred(image)
    shown = np.concatenate([blended(image, baseline, masks), blended(image, baseline, 1.0 - masks)])
    probability = subject.probability(shown, np.full(len(shown), column))
    return area(probability[: steps + 1]), area(probability[steps + 1 :])


def hidden(importance: Array, steps: int) -> Array:
    """Masks (steps + 1, p, p): none, then ever more of the most important patches, then all.

    Equally important patches follow in a fixed random order: Grad-CAM answers zero for many, and reading order would
    favour the top of the picture.
    """
    flat = importance.ravel()
    shuffled = np.random.default_rng(_SEED).permutation(len(flat))
    order = shuffled[np.argsort(-flat[shuffled], kind="stable")]
    rank = np.empty(len(flat), dtype=np.int64)
    rank[order] = np.arange(len(flat))
    counts = np.round(np.linspace(0, len(flat), steps + 1))
    return (rank[None] < counts[:, None]).astype(np.float32).reshape(steps + 1, *importance.shape)


def area(probability: Floats) -> float:
    """Area under values at equal distances from 0 to 1, by trapezia."""
    return float(((probability[:-1] + probability[1:]) / 2).mean())
