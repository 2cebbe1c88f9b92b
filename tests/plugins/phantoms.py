"""Made-up CT slices: a body with lungs, spine and a blood pool, on the canvas of the sequence model."""

from __future__ import annotations

import numpy as np

from node.plugin import Array, Image, ImageSet

Place = tuple[float, float]


def _ellipse(place: Place, radii: Place) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    down, across = (np.indices((256, 256)) - 127.5) * 2.0
    return np.asarray(((down - place[0]) / radii[0]) ** 2 + ((across - place[1]) / radii[1]) ** 2 < 1.0)


def chest(*, enhanced: bool, seed: int = 0) -> Array:
    """HU (256, 256) at 2 mm: heart and aorta at 220 or 40 HU."""
    rng = np.random.default_rng(seed)
    blood = 220.0 if enhanced else 40.0
    canvas = np.full((256, 256), -1000.0)
    parts: list[tuple[Place, Place, float]] = [
        ((0, 0), (110, 165), -95.0),
        ((0, 0), (98, 150), 50.0),
        ((-10, -75), (75, 55), -860.0),
        ((-10, 75), (75, 55), -860.0),
        ((-30, 5), (38, 42), blood),
        ((42, 18), (13, 13), blood),
        ((72, 0), (18, 18), 700.0),
        ((72, 0), (14, 14), 180.0),
    ]
    for place, radii, hounsfield in parts:
        canvas[_ellipse((place[0] + rng.uniform(-3, 3), place[1] + rng.uniform(-3, 3)), radii)] = hounsfield
    return np.asarray(canvas + rng.normal(0, 8, canvas.shape), dtype=np.float32)


def chest_series(*enhanced: bool, agent: str | None = None) -> ImageSet:
    """A CT series of such slices, 4 mm apart."""
    images = []
    for number, each in enumerate(enhanced):
        values = chest(enhanced=each, seed=number)
        pixels = np.clip((values + 160.0) / 400.0, 0.0, 1.0).astype(np.float32)
        images.append(Image(pixels, values, f"1.2.3.{number}", spacing=(2.0, 2.0), position=4.0 * number))
    return ImageSet(tuple(images), "1.2.3", "CT", contrast_agent=agent)
