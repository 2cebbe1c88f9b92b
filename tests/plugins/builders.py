"""Builds the images that the tests hand to plugins."""

from __future__ import annotations

import numpy as np

from node.plugin import Array, Image, ImageSet


def pattern(rows: int = 96, columns: int = 96, seed: int = 0) -> Array:
    """Smooth grey structure in 0..1 of shape (rows, columns)."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((6, 6))
    grid = np.kron(coarse, np.ones((-(-rows // 6), -(-columns // 6))))[:rows, :columns]
    return np.asarray(grid, dtype=np.float32)


def image(pixels: Array, number: int = 1) -> Image:
    """One image with a UID of its own; a grey one has values as a CT would: -1000 to 1000."""
    values = pixels * np.float32(2000.0) - np.float32(1000.0) if pixels.ndim == 2 else None
    return Image(pixels, values, f"1.2.3.{number}")


def image_set(*pixels: Array, modality: str = "MR") -> ImageSet:
    """A series of these images."""
    images = tuple(image(each, number) for number, each in enumerate(pixels, start=1))
    return ImageSet(images, "1.2.3", modality)
