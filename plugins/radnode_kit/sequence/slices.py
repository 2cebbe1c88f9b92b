"""A CT slice in Hounsfield units on a square canvas of fixed millimetres, and the way back to the image.

Training and inference use the same canvas, so that an aorta has the same size whatever the field of view was. numpy
and Pillow only.
"""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow

from node.plugin import Array, Image
from radnode_kit.letterbox import Letterbox

SIZE = 256
MILLIMETRES = 2.0
AIR, TOP = -1024.0, 2000.0

#: Limits in HU between air in the lung, partial volume, fat, fluid and muscle, bright (vessel or bone), bone.
_EDGES = (-950.0, -700.0, -200.0, -20.0, 90.0, 200.0, 400.0, TOP + 1.0)


def placed(rows: int, columns: int, spacing: tuple[float, float] | None, pixel_height: float = 1.0) -> Letterbox:
    """An image in the middle of the canvas at 2 mm to a pixel; smaller where it would not fit.

    An image of unknown spacing fills the canvas, with pixels that are `pixel_height` times as high as wide.
    """
    across = SIZE * MILLIMETRES / max(rows * pixel_height, columns)
    down, across = spacing if spacing and min(spacing) > 0 else (across * pixel_height, across)
    scale = min(1.0, SIZE * MILLIMETRES / (rows * down), SIZE * MILLIMETRES / (columns * across)) / MILLIMETRES
    height = min(SIZE, max(1, round(rows * down * scale)))
    width = min(SIZE, max(1, round(columns * across * scale)))
    return Letterbox(SIZE, rows, columns, height, width, (SIZE - height) // 2, (SIZE - width) // 2)


def hounsfield_canvas(image: Image) -> tuple[Array, Letterbox]:
    """HU (256, 256) in -1024..2000, air around the image; and how the image lies on it.

    What is no number, and what the scanner padded, becomes air. Raises ValueError for an image without values.
    """
    if image.values is None:
        raise ValueError("the image has no Modality LUT values")
    values = np.nan_to_num(image.values, nan=AIR, posinf=TOP, neginf=AIR)
    if image.padding is not None:
        values = np.where(image.padding, AIR, values)
    values = np.clip(values, AIR, TOP).astype(np.float32)
    box = placed(values.shape[0], values.shape[1], image.spacing, image.pixel_height)
    resized = Pillow.fromarray(values).resize((box.width, box.height), Pillow.Resampling.BILINEAR)
    out = np.full((SIZE, SIZE), AIR, dtype=np.float32)
    out[box.top : box.top + box.height, box.left : box.left + box.width] = np.asarray(resized)
    return out, box


def tissue_shares(canvas: Array) -> Array:
    """(8,): square roots of the share of the canvas that is no air, and of each kind of tissue in that part.

    A picture of something else, or one whose numbers are no HU, has other shares (square roots even out the variance).
    """
    body = canvas[canvas > _EDGES[0]]
    counts = np.histogram(body, bins=np.array(_EDGES))[0] / max(1, body.size)
    return np.asarray(np.sqrt(np.concatenate([[body.size / canvas.size], counts])), dtype=np.float32)
