"""Evidence over volumes, pixel by pixel: what a Segmentation and a Parametric Map are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from node.explain.caption import outcome_of
from node.explain.explanation import images_of, shown
from node.explain.key_image import map_of
from node.explain.regions import HELD
from node.explain.surface import surface
from node.plugin import Array, Finding, Image, Outcome
from node.study import Analysed, Analysis, Layer

#: Steps from 0 to the strongest evidence, to which the level of what is inside is found.
_STEPS = 4096


def layers(analysis: Analysis) -> tuple[Layer, ...]:
    """Of every finding that gets pictures, over every image of its stack; none for projections."""
    return tuple(
        layer
        for item in analysis.analysed
        for finding in shown(analysis, item)
        for layer in _of_finding(analysis, item, finding)
    )


def _of_finding(analysis: Analysis, item: Analysed, finding: Finding) -> Iterator[Layer]:
    images = [image for image in images_of(item, finding) if image.position is not None]
    densities = [_density(item, finding.name, image) for image in images]
    level = _level(analysis, finding, densities)
    for image, density in zip(images, densities, strict=True):
        if density is not None:
            yield Layer(finding.name, image.sop_instance_uid, image.frame, density, density >= level)


def _density(item: Analysed, finding: str, image: Image) -> Array | None:
    evidence = map_of(item, finding, image)
    rows, columns = image.pixels.shape[:2]
    return None if evidence is None else surface(evidence, (rows, columns), (rows, columns))


def _level(analysis: Analysis, finding: Finding, densities: list[Array | None]) -> float:
    """The density from which a place is inside: one for the whole series; infinite where nothing is to be marked."""
    spec = analysis.manifest.finding(finding.name)
    if not (spec.localises and outcome_of(finding, spec) is Outcome.PRESENT):
        return float("inf")
    return _half_level([density for density in densities if density is not None])


def _half_level(densities: Sequence[Array]) -> float:
    """As :func:`node.explain.regions.half_level` over all images, to a step of the peak: a sort of all takes memory.

    An image counts by its area, whatever its pixels.
    """
    peak = max((float(density.max()) for density in densities), default=0.0)
    if peak <= 0.0:
        return float("inf")
    held, edges = np.zeros(_STEPS), np.linspace(0.0, peak, _STEPS + 1)
    for density in densities:
        held += np.histogram(density, _STEPS, (0.0, peak), weights=density)[0] / density.size
    from_the_top = np.cumsum(held[::-1])
    last = int(np.searchsorted(from_the_top, HELD * from_the_top[-1]))
    return max(float(edges[_STEPS - 1 - last]), float(np.finfo(np.float32).tiny))  # no evidence is never inside
