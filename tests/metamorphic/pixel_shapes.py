"""The same picture in pixels that are not square, as old film scanners, ultrasound and fluoroscopy store it."""

from __future__ import annotations

import numpy as np

from tests.metamorphic.film import LOSSLESS, Film, Form, Stored


def _higher(film: Film, times: int) -> Stored:
    """With every row so many times."""
    return np.repeat(film.grey, times, axis=0)


def _wider(film: Film, times: int) -> Stored:
    return np.repeat(film.grey, times, axis=1)


FORMS: tuple[Form, ...] = (
    Form("rows twice, aspect ratio", lambda film: film.written(_higher(film, 2), PixelAspectRatio=[1, 2]), LOSSLESS),
    Form("columns twice, aspect ratio", lambda film: film.written(_wider(film, 2), PixelAspectRatio=[2, 1]), LOSSLESS),
    Form("rows thrice, spacing", lambda film: film.written(_higher(film, 3), PixelSpacing=[0.2, 0.6]), LOSSLESS),
    Form(
        "columns thrice, spacing at the detector",
        lambda film: film.written(_wider(film, 3), ImagerPixelSpacing=[0.6, 0.2]),
        LOSSLESS,
    ),
    Form("aspect ratio of square pixels", lambda film: film.written(PixelAspectRatio=[1, 1])),
    Form(
        "an aspect ratio that the spacing contradicts",
        lambda film: film.written(PixelAspectRatio=[2, 1], PixelSpacing=[0.2, 0.2]),
    ),
)
