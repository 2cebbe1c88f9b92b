"""Wrong inputs, made from right ones or taken from other sets: what the input check learns and is measured with.

The same seed makes the same images. numpy and Pillow only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from node.plugin import Array
from radnode_kit.bundle import Bundle
from radnode_kit.dataset import read_pixels
from radnode_kit.letterbox import canvas
from radnode_kit.split import part_of

Random = np.random.Generator


def inverted(image: Array, random: Random) -> Array:
    """Dark and bright exchanged."""
    return 1.0 - image


def rotated(image: Array, random: Random) -> Array:
    """Turned by one, two or three quarters."""
    return turned(image, int(random.integers(1, 4)))


def turned(image: Array, quarters: int) -> Array:
    """Turned by so many quarters; two: upside down."""
    return np.ascontiguousarray(np.rot90(image, quarters, axes=(1, 2)))


def mirrored(image: Array) -> Array:
    """Left and right exchanged."""
    return np.ascontiguousarray(image[:, :, ::-1])


def cropped(image: Array, random: Random) -> Array:
    """A window of 30 to 55 % of the side, blown up."""
    side = image.shape[1]
    window = int(side * random.uniform(0.3, 0.55))
    top, left = (int(random.integers(0, side - window + 1)) for _ in range(2))
    return _resized(image[:, top : top + window, left : left + window], side)


def screen(image: Array, random: Random) -> Array:
    """Photographed from a screen: seen askew, within its frame, with moire, glare and a dim room around it."""
    side = image.shape[1]
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]]) * side + random.uniform(-0.13, 0.13, (4, 2)) * side
    seen = np.stack([_askew(plane, corners, float(random.uniform(0.02, 0.25))) for plane in image])
    rows, columns = np.mgrid[0:side, 0:side] / side
    angle, lines = random.uniform(0, np.pi), random.uniform(40, 120)
    moire = np.sin(2 * np.pi * lines * (rows * np.sin(angle) + columns * np.cos(angle)))
    glare = np.exp(-((rows - random.random()) ** 2 + (columns - random.random()) ** 2) / 0.05)
    shown = seen * (1 + random.uniform(0.05, 0.2) * moire) + random.uniform(0, 0.35) * glare
    return np.asarray(np.clip(shown, 0, 1), dtype=np.float32)


def noise(image: Array, random: Random) -> Array:
    """White or coarse noise, bars, a ramp, or nothing at all."""
    side = image.shape[1]
    kind = int(random.integers(0, 5))
    if kind == 0:
        made = random.random((side, side))
    elif kind == 1:
        made = _resized(random.random((1, 9, 9)).astype(np.float32), side)[0]
    elif kind == 2:
        made = np.repeat(np.repeat(random.random((1, int(random.integers(3, 12)))), side, 0), 1 + side // 3, 1)[
            :, :side
        ]
    elif kind == 3:
        made = np.linspace(0, 1, side)[None] * np.ones((side, 1))
    else:
        made = np.full((side, side), random.random()) + random.normal(0, 0.02, (side, side))
    made = made if made.shape == (side, side) else np.resize(made, (side, side))
    return np.asarray(np.clip(np.repeat(made[None], len(image), axis=0), 0, 1), dtype=np.float32)


MADE: Mapping[str, Callable[[Array, Random], Array]] = {
    "inverted": inverted,
    "rotated": rotated,
    "cropped": cropped,
    "screen": screen,
    "noise": noise,
}


def strangers(data: Path, source: str, bundle: Bundle, part: str, most: int) -> Iterator[Array]:
    """Canvases (c, s, s) in 0..1 of up to `most` images of another set that belong to `part` by their file name."""
    files = sorted(path for path in (data / source).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    chosen = [path for path in files if part_of(path.stem) == part]
    step = max(1, len(chosen) // most)
    for path in chosen[::step][:most]:
        yield canvas(read_pixels(path, 3), bundle.size, bundle.channels)[0]


def _resized(image: Array, side: int) -> Array:
    planes = [Pillow.fromarray(np.ascontiguousarray(plane, np.float32)) for plane in image]
    return np.stack([np.asarray(p.resize((side, side), Pillow.Resampling.BILINEAR)) for p in planes])


def _askew(plane: Array, corners: Array, room: float) -> Array:
    """The plane seen through a homography that takes the picture's corners to `corners` (row, column) of the plane."""
    side = plane.shape[0]
    target = np.array([[0, 0], [0, side], [side, side], [side, 0]])
    rows = []
    for (v, u), (y, x) in zip(target, corners, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -x * u, -x * v, x], [0, 0, 0, u, v, 1, -y * u, -y * v, y]]
    system = np.array(rows, dtype=np.float64)
    data = tuple(float(value) for value in np.linalg.lstsq(system[:, :8], system[:, 8], rcond=None)[0])
    picture = Pillow.fromarray(np.ascontiguousarray(plane, np.float32))
    turned = picture.transform(
        (side, side), Pillow.Transform.PERSPECTIVE, data, Pillow.Resampling.BILINEAR, fillcolor=room
    )
    return np.asarray(turned, dtype=np.float32)
