"""Does the evidence matter to the model? Images are blurred where their map says that the evidence lies, and elsewhere.

Of cases that carry a finding and were called so, the tenth of the image with the strongest evidence is blurred, then as
large and as shaped a part somewhere else. If the map tells the truth, the first takes the probability down further. The
plugin is asked through its own door, so this works for every plugin that gives maps of single images.

Source: the deletion game of Petsiuk et al., RISE (arXiv:1806.07421), at one size, against the same shape moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageFilter

from node.explain.surface import surface
from node.plugin import Array, EvidenceMap, Finding, Image, ImageSet, Prediction
from radnode_kit.acceptance.resampling import Resamples
from radnode_kit.calibration import Floats

#: Part of the image that is blurred; how often the same shape is put elsewhere; cases that are asked.
SHARE, PLACES, MOST = 0.1, 2, 32
#: Radius of the blur, of the longer side.
_BLUR = 0.06


@dataclass(frozen=True)
class Covered:
    """One case: probability as it is, with its evidence blurred, and with other places blurred instead (mean)."""

    patient: str
    finding: str
    whole: float
    evidence: float
    elsewhere: float


@dataclass(frozen=True)
class Covering:
    """All cases.

    Attributes:
        cases: that were asked.
        whole, evidence, elsewhere: mean probabilities, see :class:`Covered`.
        difference: by how much further the evidence takes the probability down, mean.
        low, high: 95 % interval of the difference, bootstrap over patients.
    """

    cases: int
    whole: float
    evidence: float
    elsewhere: float
    difference: float
    low: float
    high: float


def forms(image_set: ImageSet, evidence: EvidenceMap, seed: int) -> list[ImageSet]:
    """The set with the evidence blurred, then :data:`PLACES` times with the same shape blurred elsewhere."""
    (image,) = image_set.images
    marked = strongest(evidence, image)
    rng = np.random.default_rng(seed)
    moved = [np.roll(marked, [rng.integers(0, n) for n in marked.shape], axis=(0, 1)) for _ in range(PLACES)]
    return [replace(image_set, images=(blurred(image, mask),)) for mask in (marked, *moved)]


def strongest(evidence: EvidenceMap, image: Image) -> npt.NDArray[np.bool_]:
    """(rows, columns): the part of the image that holds the strongest evidence."""
    rows, columns = image.pixels.shape[:2]
    density = surface(evidence, (rows, columns), (rows, columns))
    return density >= np.quantile(density, 1.0 - SHARE)


def blurred(image: Image, mask: npt.NDArray[np.bool_]) -> Image:
    """The image, blurred where the mask is."""
    planes = image.pixels if image.pixels.ndim == 3 else image.pixels[..., None]
    soft = np.stack([_soft(planes[..., channel]) for channel in range(planes.shape[2])], axis=-1)
    pixels = np.where(mask[..., None], soft, planes).astype(np.float32)
    return replace(image, pixels=pixels.reshape(image.pixels.shape))


def _soft(plane: Array) -> Array:
    radius = _BLUR * max(plane.shape)
    grey = Pillow.fromarray(np.round(255.0 * np.clip(plane, 0.0, 1.0)).astype(np.uint8))
    return np.asarray(grey.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32) / 255.0


def subject(image_set: ImageSet, told: Prediction, wanted: Sequence[str]) -> tuple[Finding, EvidenceMap] | None:
    """The most probable of the `wanted` findings that has a map on the only image; None where there is none."""
    if len(image_set.images) != 1:
        return None
    maps = {evidence.finding: evidence for evidence in told.maps}
    found = [finding for finding in told.findings if finding.name in wanted and finding.name in maps]
    best = max(found, key=lambda finding: finding.probability, default=None)
    return None if best is None else (best, maps[best.name])


def covered(patient: str, finding: Finding, told: Sequence[Prediction]) -> Covered | None:
    """What the plugin said of :func:`forms`; None where it abstained on one of them."""
    said = list(_probabilities(finding.name, told))
    if len(said) < 1 + PLACES:
        return None
    return Covered(patient, finding.name, finding.probability, said[0], float(np.mean(said[1:])))


def _probabilities(name: str, told: Sequence[Prediction]) -> Iterator[float]:
    for prediction in told:
        if not prediction.abstained:
            yield from (finding.probability for finding in prediction.findings if finding.name == name)


def covering(cases: Sequence[Covered], rounds: int) -> Covering | None:
    """The figures of all cases; None where there are none."""
    if not cases:
        return None
    evidence = np.array([case.evidence for case in cases])
    elsewhere = np.array([case.elsewhere for case in cases])
    resamples = Resamples(np.array([case.patient for case in cases], dtype=np.str_), rounds)
    low, high = resamples.interval(lambda weights: _mean(weights, elsewhere - evidence))
    whole = float(np.mean([case.whole for case in cases]))
    difference = float(np.mean(elsewhere - evidence))
    return Covering(len(cases), whole, float(evidence.mean()), float(elsewhere.mean()), difference, low, high)


def _mean(weights: Floats, values: Floats) -> Floats:
    total = weights.sum(axis=1)
    return np.asarray((weights @ values) / np.where(total > 0.0, total, np.nan))
