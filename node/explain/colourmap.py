"""A perceptually uniform colour map: equal steps of evidence are equal steps to the eye (OKLab, Ottosson 2020)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from node.plugin import Array

_Floats = npt.NDArray[np.float64]

#: Lightness, chroma and hue (degrees) from no evidence to most: violet, red, orange, yellow.
_STOPS = np.array(
    [[0.42, 0.17, 300.0], [0.55, 0.21, 350.0], [0.68, 0.20, 395.0], [0.80, 0.17, 430.0], [0.94, 0.17, 465.0]]
)
#: OKLab to the cube roots of cone responses, and those to linear sRGB.
_TO_CONES = np.array(
    [[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]]
)
_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)
#: The most opaque the evidence ever gets: anatomy stays visible below it.
MAX_ALPHA = 0.55


@lru_cache(maxsize=1)
def table() -> npt.NDArray[np.uint8]:
    """(256, 3) sRGB, from least to most; lightness rises throughout."""
    fine = _oklab(np.linspace(0.0, 1.0, 2048))
    steps = np.hypot(np.hypot(*np.diff(fine[:, :2], axis=0).T), np.diff(fine[:, 2]))
    length = np.concatenate([[0.0], np.cumsum(steps)])
    place = np.interp(np.linspace(0.0, length[-1], 256), length, np.linspace(0.0, 1.0, 2048))
    return np.round(255.0 * _srgb(_oklab(place))).astype(np.uint8)


def coloured(strength: Array) -> npt.NDArray[np.uint8]:
    """RGB of evidence in 0..1; beyond that range it is clipped."""
    steps = np.rint(255.0 * np.clip(strength, 0.0, 1.0))
    return np.asarray(np.take(table(), steps.astype(np.intp), axis=0), dtype=np.uint8)


def alpha(strength: Array) -> Array:
    """Opacity of evidence in 0..1: rises with it from nothing to :data:`MAX_ALPHA`."""
    return np.asarray(MAX_ALPHA * np.clip(strength, 0.0, 1.0) ** 0.75, dtype=np.float32)


def blended(image: Array, strength: Array) -> npt.NDArray[np.uint8]:
    """The image in 0..1, (rows, columns) or (rows, columns, 3), with the evidence over it, (rows, columns, 3)."""
    opacity = alpha(strength)
    image = image if image.ndim == 3 else image[..., None]
    mixed = opacity[..., None] * coloured(strength)
    mixed += (1.0 - opacity[..., None]) * 255.0 * image
    return np.asarray(np.rint(mixed, out=mixed), dtype=np.uint8)


def _oklab(place: _Floats) -> _Floats:
    """(n, 3) on the path through the stops, its chroma reduced to what sRGB can show."""
    at = np.linspace(0.0, 1.0, len(_STOPS))
    lightness, chroma, hue = (np.interp(place, at, column) for column in _STOPS.T)
    low, high = np.zeros_like(chroma), chroma
    for _ in range(20):
        middle = (low + high) / 2.0
        fits = _in_gamut(_lab(lightness, middle, hue))
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return _lab(lightness, low, hue)


def _lab(lightness: _Floats, chroma: _Floats, hue: _Floats) -> _Floats:
    angle = np.radians(hue)
    return np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], axis=-1)


def _linear(lab: _Floats) -> _Floats:
    return np.asarray((lab @ _TO_CONES.T) ** 3 @ _TO_RGB.T)


def _in_gamut(lab: _Floats) -> npt.NDArray[np.bool_]:
    rgb = _linear(lab)
    return np.asarray(((rgb >= 0.0) & (rgb <= 1.0)).all(axis=-1))


def _srgb(lab: _Floats) -> _Floats:
    rgb = np.clip(_linear(lab), 0.0, 1.0)
    return np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1.0 / 2.4) - 0.055)
