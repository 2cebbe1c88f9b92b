"""An image of any shape on a square, in the way that a stranger's network wants it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from node.plugin import Array, Image
from radnode_kit.bundle import INFERENCE
from radnode_kit.letterbox import Letterbox, canvas, flat


def fit_of(folder: Path) -> str:
    """``letterbox`` or ``squash``: what the Resized in a bundle's ``inference.json`` says."""
    transforms = json.loads((folder / INFERENCE).read_text(encoding="utf-8"))["preprocessing"]["transforms"]
    longest = any(transform.get("size_mode") == "longest" for transform in transforms)
    return "letterbox" if longest else "squash"


def place(image: Image, size: int, channels: int, fit: str) -> tuple[Array, Letterbox]:
    """Canvas (channels, size, size) in 0..1 of an image, and how it lies there."""
    if fit == "squash":
        return squash(image.pixels, size, channels)
    return canvas(image.pixels, size, channels, image.pixel_height)


def squash(pixels: Array, size: int, channels: int) -> tuple[Array, Letterbox]:
    """The whole image on the whole canvas; its aspect ratio is given up."""
    image = flat(pixels, channels)
    rows, columns = image.shape[:2]
    planes = [
        Pillow.fromarray(np.ascontiguousarray(image[:, :, plane])).resize((size, size), Pillow.Resampling.BILINEAR)
        for plane in range(channels)
    ]
    return np.stack([np.asarray(plane) for plane in planes]), Letterbox(size, rows, columns, size, size, 0, 0)
