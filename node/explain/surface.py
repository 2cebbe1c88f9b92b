"""The evidence map laid smoothly over its image: logits per share of the image's area at every place."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from node.plugin import Array, EvidenceMap

#: The colour bar's unit: contributions are given for a patch of one per cent of the image's area.
PATCH = 0.01


def surface(evidence: EvidenceMap, shape: tuple[int, int], size: tuple[int, int]) -> Array:
    """Evidence density in logits per one per cent of the image's area, float32 of `size`.

    The grid is interpolated by uniform cubic B-splines, which never overshoot and keep the sum. What the grid says of
    places beyond the image (padding) is left outside.

    Args:
        evidence: grid with its extent in pixels of the image.
        shape: (rows, columns) of the image.
        size: (rows, columns) of the samples that cover the image evenly.
    """
    top, left, bottom, right = evidence.extent
    grid = np.nan_to_num(evidence.grid.astype(np.float64), posinf=0.0, neginf=0.0)
    cells = grid.size
    if cells == 0 or bottom <= top or right <= left:
        return np.zeros(size, np.float32)
    down = _weights(shape[0], size[0], (top, bottom), grid.shape[0])
    across = _weights(shape[1], size[1], (left, right), grid.shape[1])
    cell_area = (bottom - top) * (right - left) / cells
    density = (down @ grid @ across.T) * (PATCH * shape[0] * shape[1] / cell_area)
    return np.asarray(density, dtype=np.float32)


@lru_cache(maxsize=32)
def _weights(length: int, samples: int, extent: tuple[float, float], cells: int) -> npt.NDArray[np.float64]:
    """(samples, cells): how much each cell along one axis speaks at each sample's centre; zero beyond the extent.

    They are the same for all maps of a series; nobody may change them.
    """
    centres = (np.arange(samples) + 0.5) * length / samples
    place = (centres - extent[0]) / (extent[1] - extent[0]) * cells - 0.5
    weights = np.zeros((samples, cells))
    first = np.floor(place).astype(int) - 1
    for tap in range(4):
        cell = first + tap
        # at the border the outermost cell is repeated
        np.add.at(weights, (np.arange(samples), np.clip(cell, 0, cells - 1)), _spline(np.abs(place - cell)))
    inside = (centres >= extent[0]) & (centres <= extent[1])
    weights *= inside[:, None]
    weights.setflags(write=False)
    return weights


def _spline(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The uniform cubic B-spline; its values at unit steps sum to one."""
    near = 2.0 / 3.0 - distance**2 + distance**3 / 2.0
    far = np.clip(2.0 - distance, 0.0, None) ** 3 / 6.0
    return np.where(distance < 1.0, near, far)
