"""Evidence over volumes, pixel by pixel: what a Segmentation and a Parametric Map are made of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from node.explain.caption import outcome_of
from node.explain.explanation import images_of, shown
from node.explain.key_image import map_of
from node.explain.regions import half_level
from node.explain.surface import surface
from node.plugin import Array, Finding, Image, Outcome
from node.study import Analysed, Analysis, Layer


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
    positive = [np.clip(density, 0.0, None).ravel() for density in densities if density is not None]
    if not (positive and spec.localises and outcome_of(finding, spec) is Outcome.PRESENT):
        return float("inf")
    return half_level(np.concatenate(positive)) or float("inf")
