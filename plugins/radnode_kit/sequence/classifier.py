"""The classifier of a sequence model: slices in HU, one engine, one gate, attention over the slices of a series.

The logit of a series is the weighted mean of its slices' own logits, so the evidence map of a slice holds what its
places contributed to the logit *of the series*; what its bias holds is the rest: the model's bias and what all the
other slices contributed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from node.errors import PluginError
from node.manifest import read_manifest
from node.plugin import Array, EvidenceMap, Finding, Image, ImageSet, Prediction
from radnode_kit.bundle import GATE, INFERENCE
from radnode_kit.calibration import Calibration, Floats
from radnode_kit.engine import verify
from radnode_kit.gate import Gates, load_gates
from radnode_kit.letterbox import Letterbox
from radnode_kit.sequence.engines import SliceEngine, SliceOutputs, bias_of, open_engine, run_slices
from radnode_kit.sequence.header import remark
from radnode_kit.sequence.slices import hounsfield_canvas, tissue_shares

MAX_SLICES = 64
MAX_MAPPED_SLICES = 16
MIN_SHARE_KNOWN = 0.6


@dataclass(frozen=True)
class Read:
    """What the network says of the chosen slices of one series.

    Attributes:
        images: the slices, in the order of space.
        boxes: where each lies on its canvas.
        outputs: of the network.
        distance: (n,) from the training slices; the gate closes above 1.
    """

    images: Sequence[Image]
    boxes: Sequence[Letterbox]
    outputs: SliceOutputs
    distance: Array


def read_calibration(folder: Path) -> Calibration:
    """The calibration in ``inference.json``; raises :class:`PluginError`."""
    try:
        return Calibration(**json.loads((folder / INFERENCE).read_text(encoding="utf-8"))["calibration"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PluginError(f"the calibration cannot be read: {error}", about=str(folder / INFERENCE)) from error


def weights_of(scores: Array) -> Floats:
    """Attention of a series: scores (n, k) -> weights (n, k) that sum to one over the slices, and to k in all."""
    powers = np.exp(scores.astype(np.float64) - scores.max(axis=0))
    return np.asarray(powers / powers.sum(axis=0))


def spread(images: Sequence[Image]) -> list[Image]:
    """At most 64 of the images, evenly spaced: neighbours of a long series tell the same."""
    places = np.unique(np.linspace(0, len(images) - 1, min(len(images), MAX_SLICES)).round().astype(int))
    return [images[place] for place in places]


class SequenceClassifier:
    """Classifies series with the bundle beside a manifest that claims one finding.

    Args:
        folder: holds ``manifest.toml`` and ``bundle/``.
    """

    def __init__(self, folder: Path):
        self.manifest = read_manifest(folder / "manifest.toml")
        self.calibration = read_calibration(folder)
        (self._spec,) = self.manifest.findings
        self._engine: SliceEngine | None = None
        self._gates: Gates | None = None
        self._bias = 0.0

    def load(self, device: str) -> None:
        """Verify and load the weights; `device` is ``cpu`` or ``cuda:N``."""
        verify(self.manifest)
        self._engine = open_engine(self.manifest.folder, device)
        self._gates = load_gates(self.manifest.folder / GATE)
        self._bias = bias_of(self._engine)

    def classify(self, batch: Sequence[ImageSet]) -> list[Prediction]:
        """One prediction for each image set, in order; raises :class:`PluginError` before :meth:`load`."""
        self._loaded()
        return [self._one(images) for images in batch]

    @property
    def bias(self) -> float:
        """What neither slice nor place contributes to a logit; raises :class:`PluginError` before :meth:`load`."""
        self._loaded()
        return self._bias

    def _loaded(self) -> tuple[SliceEngine, Gates]:
        if self._engine is None or self._gates is None:
            raise PluginError("the plugin was not loaded", about=self.manifest.name, hint="call load(device) first")
        return self._engine, self._gates

    def read(self, images: Sequence[Image]) -> Read:
        """Run the network over images with HU (one at least), nothing refused."""
        engine, gates = self._loaded()
        placed = [hounsfield_canvas(image) for image in images]
        outputs = run_slices(engine, [canvas for canvas, _ in placed])
        tissues = np.stack([tissue_shares(canvas) for canvas, _ in placed])
        distance = gates.distances({"context": outputs.context, "tissues": tissues})
        return Read(images, [box for _, box in placed], outputs, distance)

    def _one(self, images: ImageSet) -> Prediction:
        if not images.images:
            return Prediction(abstained="the series holds no image")
        measured = [image for image in images.images if image.values is not None]
        if len(measured) < MIN_SHARE_KNOWN * len(images.images):
            reason = "the images have no Hounsfield values, unlike the CT slices that the model was trained on"
            return Prediction(abstained=reason)
        read = self.read(spread(measured))
        known = [index for index, distance in enumerate(read.distance) if distance <= 1.0]
        if len(known) < max(1, MIN_SHARE_KNOWN * len(read.images)):
            return Prediction(abstained=_refusal(read, len(known)))
        return self._predict(images, read, known)

    def _predict(self, images: ImageSet, read: Read, known: Sequence[int]) -> Prediction:
        outputs, weights = read.outputs, weights_of(read.outputs.scores[known])
        logit = float((weights * outputs.logits[known]).sum(axis=0).mean())
        probability = self._probability(logit)
        grids = np.einsum("nk,nkhw->nhw", weights, outputs.maps[known]) / weights.shape[1]
        contributions = grids.sum(axis=(1, 2)) * (1.0 if self._present(probability) else -1.0)
        order = np.argsort(-contributions, kind="stable")
        key = read.images[known[order[0]]]
        embedding = np.einsum("nk,nkc->c", weights, outputs.embedding[known]) / weights.shape[1]
        finding = Finding(
            name=self._spec.name,
            logit=logit,
            probability=probability,
            key_sop_instance_uid=key.sop_instance_uid,
            key_frame=key.frame,
            agreement=self._agreement(outputs.logits[known].mean(axis=1)),
        )
        return Prediction(
            findings=(finding,),
            maps=tuple(self._map(read, known[i], grids[i], logit) for i in sorted(order[:MAX_MAPPED_SLICES])),
            embedding=embedding.astype(np.float32),
            remarks=self._remarks(images.contrast_agent, probability),
        )

    def _probability(self, logit: float) -> float:
        return float(self.calibration(np.array([[logit]]))[0, 0])

    def _present(self, probability: float) -> bool:
        return probability >= self._spec.operating_point.threshold

    def _agreement(self, logits: Array) -> tuple[int, int] | None:
        if len(logits) < 2:
            return None
        return sum(self._present(self._probability(float(logit))) for logit in logits), len(logits)

    def _remarks(self, agent: str | None, probability: float) -> tuple[str, ...]:
        point = self._spec.operating_point
        low, high = point.undetermined or (point.threshold, point.threshold)
        said = remark(agent, probability, present=probability >= high, absent=probability < low)
        return (said,) if said else ()

    def _map(self, read: Read, index: int, contributions: Floats, logit: float) -> EvidenceMap:
        grid, image = contributions.astype(np.float32), read.images[index]
        return EvidenceMap(
            finding=self._spec.name,
            grid=grid,
            bias=logit - float(grid.sum(dtype=np.float64)),
            logit=logit,
            sop_instance_uid=image.sop_instance_uid,
            frame=image.frame,
            extent=read.boxes[index].extent(),
        )


def _refusal(read: Read, known: int) -> str:
    count, refused = len(read.images), read.distance[read.distance > 1.0]
    who = "the slice" if count == 1 else f"{count - known} of {count} slices: each"
    nearest = float(refused.min())
    return f"{who} looks unlike those the model was trained on (nearest distance {nearest:.2f}, limit 1.00)"
