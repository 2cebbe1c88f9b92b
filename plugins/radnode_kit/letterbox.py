"""An image of any shape on a square canvas, and the way back from the canvas to the image.

Used by training and by inference alike, so that a model sees the same pixels in both. numpy and Pillow only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from node.plugin import Array


@dataclass(frozen=True)
class Letterbox:
    """How an image of `rows` x `columns` lies on a canvas of `size` x `size`.

    Attributes:
        size: side of the canvas in its pixels.
        rows: of the image.
        columns: of the image.
        height: of the image on the canvas.
        width: of the image on the canvas.
        top: first canvas row of the image.
        left: first canvas column of the image.
    """

    size: int
    rows: int
    columns: int
    height: int
    width: int
    top: int
    left: int

    def extent(self) -> tuple[float, float, float, float]:
        """(top, left, bottom, right) of the whole canvas in pixels of the image, from its outer top left corner."""
        down, across = self.rows / self.height, self.columns / self.width
        top, left = -self.top * down, -self.left * across
        return top, left, top + self.size * down, left + self.size * across


def letterbox(rows: int, columns: int, size: int, pixel_height: float = 1.0) -> Letterbox:
    """Fit an image into the canvas with its aspect ratio (to whole canvas pixels), in the middle.

    `pixel_height` is that of one of its pixels over its width: those of the canvas are square.
    """
    tall = rows * pixel_height
    scale = size / max(tall, columns)
    height = min(size, max(1, round(tall * scale)))
    width = min(size, max(1, round(columns * scale)))
    return Letterbox(size, rows, columns, height, width, (size - height) // 2, (size - width) // 2)


def flat(pixels: Array, channels: int) -> Array:
    """(rows, columns) or (rows, columns, 3) in 0..1 -> (rows, columns, channels); what is not a number becomes 0.

    Where there is nothing to change it is the same memory.
    """
    planes = pixels if pixels.ndim == 3 else pixels[:, :, None]
    if planes.shape[2] != channels:
        planes = np.repeat(planes.mean(axis=2, keepdims=True), channels, axis=2)
    if planes.min(initial=0.0) >= 0.0 and planes.max(initial=0.0) <= 1.0:  # nor is it where one is no number
        return planes.astype(np.float32, copy=False)
    image = np.clip(planes, 0.0, 1.0).astype(np.float32, copy=False)
    if np.isnan(image.min()):  # a NaN anywhere is the least
        np.nan_to_num(image, copy=False)
    return image


def canvas(pixels: Array, size: int, channels: int = 1, pixel_height: float = 1.0) -> tuple[Array, Letterbox]:
    """Canvas (channels, size, size) in 0..1 of an image in 0..1, black around it, and how it lies there.

    The canvas has square pixels, those of the image are `pixel_height` times as high as wide. Bilinear with
    antialiasing when it shrinks (Pillow widens the filter with the scale). Grey for one channel, the image's own
    colours for three.
    """
    image = flat(pixels, channels)
    box = letterbox(image.shape[0], image.shape[1], size, pixel_height)
    out = np.zeros((channels, size, size), dtype=np.float32)
    for plane in range(channels):
        resized = Pillow.fromarray(np.ascontiguousarray(image[:, :, plane])).resize(
            (box.width, box.height), Pillow.Resampling.BILINEAR
        )
        out[plane, box.top : box.top + box.height, box.left : box.left + box.width] = np.asarray(resized)
    return out, box


def smoothed(images: Array, sigma: float) -> Array:
    """float32 (..., rows, columns), each plane under a Gaussian of `sigma` pixels, cut at four of them.

    Nothing (0) lies beyond the edge, as in MONAI's ``GaussianSmooth``.
    """
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-np.square(np.arange(-reach, reach + 1) / sigma) / 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (-2, -1):
        length, out = images.shape[axis], np.zeros(images.shape, dtype=np.float32)
        for shift, weight in zip(range(-reach, reach + 1), weights, strict=True):
            here, there = _overlap(length, shift), _overlap(length, -shift)
            where = (Ellipsis, here, slice(None)) if axis == -2 else (Ellipsis, here)
            whence = (Ellipsis, there, slice(None)) if axis == -2 else (Ellipsis, there)
            out[where] += weight * images[whence]
        images = out
    return images


def _overlap(length: int, shift: int) -> slice:
    return slice(max(0, -shift), min(length, length - shift))
