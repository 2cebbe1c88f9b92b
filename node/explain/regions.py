"""Places that speak for a finding: the smallest part of the image that holds half of the positive evidence.

That is the region of highest density: no place outside it speaks more strongly than one inside. Of its parts those
that hold at least a tenth of all positive evidence, that beyond the image included, are kept, three at most, the
weightiest first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw

from node.explain.contour import Points, outlines, simplified
from node.explain.surface import PATCH, surface
from node.plugin import Array, EvidenceMap, Image
from node.study import Region

HELD = 0.5
MIN_SHARE = 0.1
MOST = 3
#: Samples along the longer side; evidence grids are far coarser.
_SAMPLES = 256
#: Of the samples: how far a contour may move when it is simplified.
_TOLERANCE = 0.2


def regions(evidence: EvidenceMap, image: Image) -> tuple[Region, ...]:
    """Closed polygons on the image, clipped to it; none where no place speaks for the finding."""
    rows, columns = image.pixels.shape[:2]
    size = _size(rows, columns)
    positive = np.clip(surface(evidence, (rows, columns), size), 0.0, None)
    level = half_level(positive)
    if level <= 0.0:
        return ()
    total = _total(evidence) * positive.size * PATCH
    found = [(_share(points, positive, total), points) for points in outlines(positive, level)]
    kept = sorted((item for item in found if item[0] >= MIN_SHARE), key=lambda item: -item[0])[:MOST]
    scale = np.array([columns / size[1], rows / size[0]])
    return tuple(
        Region(evidence.finding, evidence.sop_instance_uid, evidence.frame, polygon, round(share, 4))
        for share, points in kept
        if len(polygon := _polygon(points, scale, (columns, rows))) >= 3
    )


def half_level(positive: Array) -> float:
    """The density from which places are inside; 0 where there is no positive evidence."""
    ordered = np.sort(positive, axis=None)[::-1].astype(np.float64)
    total = float(ordered.sum())
    if total <= 1e-9:
        return 0.0
    last = int(np.searchsorted(np.cumsum(ordered), HELD * total))
    # just below that sample, so that it is inside, and a flat map is one region
    return float(ordered[min(last, ordered.size - 1)]) * (1.0 - 1e-6)


def _size(rows: int, columns: int) -> tuple[int, int]:
    scale = _SAMPLES / max(rows, columns)
    return max(2, round(rows * scale)), max(2, round(columns * scale))


def _total(evidence: EvidenceMap) -> float:
    """All positive evidence of the map in logits, wherever it lies."""
    top, left, bottom, right = evidence.extent
    size = (max(1, round(bottom - top)), max(1, round(right - left)))
    whole = replace(evidence, extent=(0.0, 0.0, float(size[0]), float(size[1])))
    field = surface(whole, size, (_SAMPLES // 2, _SAMPLES // 2))
    return float(np.clip(field, 0.0, None).mean(dtype=np.float64)) / PATCH


def _share(points: Points, positive: Array, total: float) -> float:
    mask: npt.NDArray[np.bool_] = _mask(points, positive.shape)
    return min(1.0, float(positive[mask].sum(dtype=np.float64)) / total)


def _mask(points: Points, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    canvas = Pillow.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(canvas).polygon([(x - 0.5, y - 0.5) for x, y in points.tolist()], fill=1)
    return np.array(canvas, dtype=bool)


def _polygon(points: Points, scale: Points, limits: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    placed = np.clip(simplified(points, _TOLERANCE) * scale, 0.0, np.array(limits, dtype=float))
    rounded = [(round(x, 2), round(y, 2)) for x, y in placed.tolist()]
    return tuple(dict.fromkeys(rounded))
