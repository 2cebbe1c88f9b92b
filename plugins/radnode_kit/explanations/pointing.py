"""The pointing game: does the place of most evidence lie where a radiologist marked something?

Source: Zhang et al., Top-down neural attention by excitation backprop (arXiv:1608.00507), with its tolerance of 15
pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.plugin import Array
from radnode_kit.explanations.methods import PATCH, on_patches

TOLERANCE = 15.0


@dataclass(frozen=True)
class Place:
    """A marked circle, in pixels of the network's input.

    Attributes:
        row: of its centre, from the top.
        column: of its centre, from the left.
        radius: of the circle.
    """

    row: float
    column: float
    radius: float


def hit(evidence: Array, size: int, places: Sequence[Place]) -> bool:
    """Whether the patch of most evidence (h, w) lies in a marked circle, or within the tolerance around it."""
    side = size // PATCH
    patches = on_patches(evidence[None], side)[0]
    row, column = ((np.array(divmod(int(patches.argmax()), side)) + 0.5) * PATCH).tolist()
    return any(np.hypot(row - p.row, column - p.column) <= p.radius + TOLERANCE for p in places)


def density(evidence: Array, size: int, places: Sequence[Place]) -> float:
    """How dense the positive evidence (h, w) is in the marked circles, relative to the whole image; 0 without any.

    1 is what chance would give.
    """
    side = size // PATCH
    positive = np.maximum(on_patches(evidence[None], side)[0], 0.0).astype(np.float64)
    inside = _inside(side, places)
    total = positive.sum()
    return float(positive[inside].sum() / total / inside.mean()) if total > 0 else 0.0


def _inside(side: int, places: Sequence[Place]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """(side, side), patches whose middle lies in a circle or that hold a circle's middle."""
    middle = (np.arange(side) + 0.5) * PATCH
    inside = np.zeros((side, side), dtype=bool)
    for place in places:
        inside |= np.hypot(middle[:, None] - place.row, middle[None, :] - place.column) <= place.radius
        row, column = (min(side - 1, max(0, int(value // PATCH))) for value in (place.row, place.column))
        inside[row, column] = True
    return inside
