"""A plugin that needs no weights and marks what is bright in a volume: its evidence is the brightness itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from node.manifest import read_manifest
from node.plugin import EvidenceMap, Finding, Image, ImageSet, Prediction

#: Places along an image, and how bright (0..1) a place must be to speak for the finding.
_GRID, _DARK = 32, 0.4
_BIAS, _LOGITS_PER_PLACE = -1.0, 0.4


def plugin() -> BrightSpot:
    """The entry point."""
    return BrightSpot()


class BrightSpot:
    """The logit of a series is that of its brightest image: so much for each bright place, less a constant."""

    manifest = read_manifest(Path(__file__).with_name("manifest.toml"))

    def load(self, device: str) -> None:
        """Nothing to load."""

    def classify(self, batch: Sequence[ImageSet]) -> list[Prediction]:
        """One answer for each series, with a map for every image."""
        return [_prediction(image_set.images) for image_set in batch]


def _prediction(images: Sequence[Image]) -> Prediction:
    maps = tuple(_evidence(image) for image in images)
    key = max(maps, key=lambda evidence: evidence.logit)
    probability = 1 / (1 + math.exp(-key.logit))
    return Prediction((Finding("mass", key.logit, probability, key.sop_instance_uid, key.frame),), maps)


def _evidence(image: Image) -> EvidenceMap:
    rows, columns = image.pixels.shape[:2]
    height, width = rows // _GRID * _GRID, columns // _GRID * _GRID
    places = image.pixels[:height, :width].reshape(_GRID, height // _GRID, _GRID, width // _GRID).mean((1, 3))
    grid = (np.clip(places - _DARK, 0, None) * _LOGITS_PER_PLACE).astype(np.float32)
    logit = _BIAS + float(grid.sum(dtype=np.float64))
    extent = (0.0, 0.0, float(height), float(width))
    return EvidenceMap("mass", grid, _BIAS, logit, image.sop_instance_uid, image.frame, extent)
