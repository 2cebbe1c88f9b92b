"""Screenshots, and what can be measured in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

#: Of 255: what surrounds an image is darker, and a grey image has no more colour than this.
_BLACK, _GREY = 40, 60
#: Of the height: above it are the buttons of a viewport, below it the notices that come and go.
_TOP, _BOTTOM = 0.1, 0.8
#: Of the width, on both sides: the frame of the viewport, and the bar that tells the slice.
_SIDE = 0.04


@dataclass(frozen=True)
class Screenshot:
    """A PNG of a viewport or a page. Shares are of its middle, where the image is."""

    path: Path

    @property
    def pixels(self) -> npt.NDArray[np.int16]:
        """(rows, columns, 3), RGB."""
        with Image.open(self.path) as image:
            return np.asarray(image.convert("RGB"), dtype=np.int16)

    @property
    def middle(self) -> npt.NDArray[np.int16]:
        """Without what lies around the image."""
        pixels = self.pixels
        (top, bottom), (left, right) = _inside(pixels.shape)
        return pixels[top:bottom, left:right]

    @property
    def lit(self) -> float:
        """Share of pixels that are not black."""
        return float((self.middle.max(axis=2) > _BLACK).mean())

    @property
    def coloured(self) -> float:
        """Share of pixels that are not grey: what is drawn over a grey image."""
        return float(_coloured(self.middle).mean())

    @property
    def coloured_place(self) -> tuple[float, float]:
        """Column and row of the middle of what is coloured, as shares of the whole width and height."""
        rows, columns = self.pixels.shape[:2]
        (top, _), (left, _) = _inside(self.pixels.shape)
        row, column = np.median(np.argwhere(_coloured(self.middle)), axis=0) + np.array([top, left])
        return float(column / columns), float(row / rows)


def _inside(shape: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last row and column of the middle."""
    rows, columns = shape[:2]
    return (round(_TOP * rows), round(_BOTTOM * rows)), (round(_SIDE * columns), round((1 - _SIDE) * columns))


def _coloured(pixels: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    return np.asarray(pixels.max(axis=2) - pixels.min(axis=2) > _GREY)
