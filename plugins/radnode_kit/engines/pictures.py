"""The packaged set on which engines are compared: films and slices that ship with the node, and made-up colours."""

from __future__ import annotations

import numpy as np
import pydicom

from node.plugin import Array
from node.samples import sample_paths
from radnode_kit.bundle import Bundle
from radnode_kit.letterbox import canvas

COUNT = 8
_FILMS, _SLICES = 4, (8, 14, 20, 26)


def pictures(bundle: Bundle) -> Array:
    """float32 (8, c, s, s), normalised for that bundle: chest films and MR slices; for colour made-up ones as well."""
    grey = [_read(path) for path in _grey_paths()]
    shown = grey if bundle.channels == 1 else [*grey[::2], *(colours(seed) for seed in range(COUNT // 2))]
    return bundle.normalised(np.stack([canvas(pixels, bundle.size, bundle.channels)[0] for pixels in shown]))


def colours(seed: int, side: int = 256) -> Array:
    """(side, side, 3) in 0..1: a dark spot with a soft edge on a light ground, finely textured; nobody's skin."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    angle = np.arctan2(y, x)
    edge = 0.25 + 0.05 * np.sin(int(rng.integers(2, 7)) * angle + rng.uniform(0, 6))
    inside = 1 / (1 + np.exp((np.hypot(x, y * rng.uniform(0.8, 1.4)) - edge) * 60))
    ground, spot = np.array([0.86, 0.68, 0.6]), rng.uniform(0.1, 0.6, size=3)
    texture = rng.normal(scale=0.03, size=(side, side, 1))
    shown = ground + (spot - ground) * inside[..., None] + texture
    return np.asarray(np.clip(shown, 0, 1), dtype=np.float32)


def _grey_paths() -> list[str]:
    films = [str(path) for path in sample_paths() if path.name == "film.dcm"][:_FILMS]
    slices = [str(path) for path in sample_paths() if path.name.startswith("mr-")]
    return [*films, *(slices[number] for number in _SLICES)]


def _read(path: str) -> Array:
    """Stored values over their largest: what a window would do to them is of no matter here."""
    pixels = np.asarray(pydicom.dcmread(path).pixel_array, dtype=np.float32)
    return np.asarray(pixels / max(float(pixels.max()), 1.0))
