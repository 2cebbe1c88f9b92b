"""An answer as those who watch the model keep it: what the image was like, what was said, the embedding made small."""

from __future__ import annotations

from functools import cache
from hashlib import shake_256

import numpy as np
import numpy.typing as npt

from node.ledger import Observation
from node.plugin import Array, ImageSet, Manifest, Prediction
from node.study import Attributes

#: Numbers that an embedding is projected to.
DIMENSIONS = 16
#: Statistics of an image, see :func:`input_statistics`.
INPUTS = ("mean", "deviation", "entropy", "size")
#: More pixels than these on a side tell nothing more of an image's brightness.
_SIDE = 256
_GREYS = 64
_AGE_BANDS = ((18.0, "0-17"), (40.0, "18-39"), (60.0, "40-59"), (80.0, "60-79"))


def observed(
    image_set: ImageSet, prediction: Prediction, manifest: Manifest, attributes: Attributes, seconds: float
) -> Observation:
    """What is kept of one answer. Args: attributes: of the series; seconds: that the model took for it."""
    outcomes = {
        one.name: (
            round(float(one.probability), 6),
            str(manifest.finding(one.name).operating_point.outcome(one.probability)),
        )
        for one in prediction.findings
    }
    return Observation(
        sender=attributes.calling_ae,
        maker=attributes.manufacturer,
        model=attributes.model_name,
        view=image_set.view,
        sex=image_set.sex,
        age_band=age_band(image_set.age_years),
        abstained=bool(prediction.abstained),
        seconds=round(seconds, 4),
        findings=outcomes,
        inputs=input_statistics(image_set.images[len(image_set.images) // 2].pixels) if image_set.images else {},
        embedding=b"" if prediction.embedding is None else projected(prediction.embedding).tobytes(),
    )


def age_band(years: float | None) -> str:
    """Words for an age; empty when it is not known."""
    if years is None:
        return ""
    return next((words for end, words in _AGE_BANDS if years < end), "80+")


def input_statistics(pixels: Array) -> dict[str, float]:
    """Of pixels in 0..1, (rows, columns) or (rows, columns, 3): mean, standard deviation, entropy, size.

    The entropy is that of the histogram of 64 greys, in bits (Shannon 1948): 0 for a blank image, 6 at most. The size
    is the square root of the number of pixels. All but that are taken of every n-th row and column.
    """
    rows, columns = pixels.shape[:2]
    some = pixels[:: max(1, rows // _SIDE), :: max(1, columns // _SIDE)]
    grey = some if some.ndim == 2 else some.mean(axis=2)
    counts, _ = np.histogram(grey, bins=_GREYS, range=(0.0, 1.0))
    shares = counts[counts > 0] / counts.sum() if counts.sum() else np.ones(1)
    numbers = (grey.mean(), grey.std(), -(shares * np.log2(shares)).sum() + 0.0, np.sqrt(rows * columns))
    return {name: round(float(value), 5) for name, value in zip(INPUTS, numbers, strict=True)}


def projected(embedding: npt.NDArray[np.floating]) -> npt.NDArray[np.float16]:
    """(n,) -> (16,): a fixed random projection, which keeps distances nearly as they are.

    Signs instead of Gaussian numbers do as well: Achlioptas, J. Comput. Syst. Sci. 66 (2003) 671.
    """
    flat = np.asarray(embedding, dtype=np.float32).ravel()
    limit = float(np.finfo(np.float16).max)
    small = np.clip(_signs(len(flat)) @ flat / np.sqrt(DIMENSIONS), -limit, limit)
    return np.asarray(small, dtype="<f2")


@cache
def _signs(length: int) -> npt.NDArray[np.float32]:
    """(16, length) of -1 and 1, the same on every machine and for ever: no generator of random numbers is asked."""
    bits = np.unpackbits(np.frombuffer(shake_256(b"radnode watch 1").digest(2 * length), np.uint8))
    return bits.reshape(length, DIMENSIONS).T.astype(np.float32) * 2 - 1
