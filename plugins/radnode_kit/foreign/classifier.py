"""The classifier of an imported model: a manifest, a bundle and an engine, without a gate.

Nobody knows what the network was trained on well enough to refuse what is unlike it, so nothing is refused but images
without structure. Evidence maps are answered for findings that the manifest says are localised: those of networks
whose maps add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from node.errors import PluginError
from node.manifest import read_manifest
from node.plugin import Array, EvidenceMap, Finding, FindingSpec, Image, ImageSet, Prediction
from radnode_kit.bundle import SAFETENSORS, read_bundle
from radnode_kit.calibration import Floats
from radnode_kit.engine import Engine, Outputs, open_engine, run_chunks, verify
from radnode_kit.foreign.fit import fit_of, place
from radnode_kit.letterbox import Letterbox

_NO_STRUCTURE = 0.02


@dataclass(frozen=True)
class Shown:
    """One image as the network saw it: where it lies on the canvas, and its number among all of the batch."""

    image: Image
    box: Letterbox
    number: int


class ForeignClassifier:
    """Classifies image sets with an imported model, each image alone.

    Args:
        folder: holds ``manifest.toml`` and ``bundle/``.
    """

    def __init__(self, folder: Path):
        self.manifest = read_manifest(folder / "manifest.toml")
        self.bundle = read_bundle(folder)
        self._fit = fit_of(folder)
        missing = [spec.name for spec in self.manifest.findings if spec.name not in self.bundle.labels]
        if missing:
            raise PluginError(f"the bundle has no label {missing[0]!r}", about=self.manifest.name)
        self._engine: Engine | None = None

    def load(self, device: str) -> None:
        """Verify and load the weights; a model that has only an ONNX graph runs on the CPU whatever `device` says."""
        verify(self.manifest)
        folder = self.manifest.folder
        only_graph = device.startswith("cuda") and not (folder / SAFETENSORS).is_file()
        self._engine = open_engine(folder, "cpu" if only_graph else device, len(self.bundle.labels))

    @property
    def engine(self) -> Engine:
        """What runs the network; raises :class:`PluginError` before :meth:`load`."""
        if self._engine is None:
            raise PluginError("the plugin was not loaded", about=self.manifest.name, hint="call load(device) first")
        return self._engine

    def classify(self, batch: Sequence[ImageSet]) -> list[Prediction]:
        """One prediction for each image set, in order; raises :class:`PluginError` before :meth:`load`."""
        canvases: list[Array] = []
        shown = [self._show(images, canvases) for images in batch]
        if not canvases:
            return [self._predict(images, (), None) for images in batch]
        outputs = run_chunks(self.engine, canvases)
        return [self._predict(images, own, outputs) for images, own in zip(batch, shown, strict=True)]

    def _show(self, images: ImageSet, canvases: list[Array]) -> list[Shown]:
        """Those images of a set that have structure; their canvases are appended."""
        found = []
        for image in images.images:
            pixels, box = place(image, self.bundle.size, self.bundle.channels, self._fit)
            if pixels.std() >= _NO_STRUCTURE:
                found.append(Shown(image, box, len(canvases)))
                canvases.append(self.bundle.normalised(pixels))
        return found

    def _predict(self, images: ImageSet, shown: Sequence[Shown], outputs: Outputs | None) -> Prediction:
        if not images.images:
            return Prediction(abstained="the series holds no image")
        if not shown or outputs is None:
            return Prediction(abstained="the images show no structure (all pixels nearly alike)")
        probabilities = self.bundle.calibration(outputs.logits)
        embedding = outputs.embedding[[one.number for one in shown]].mean(axis=0)
        return Prediction(
            findings=tuple(self._finding(spec, shown, outputs, probabilities) for spec in self.manifest.findings),
            maps=tuple(self._map(spec, one, outputs) for one in shown for spec in self._localised),
            embedding=embedding,
        )

    @property
    def _localised(self) -> list[FindingSpec]:
        return [spec for spec in self.manifest.findings if spec.localises]

    def _finding(self, spec: FindingSpec, shown: Sequence[Shown], outputs: Outputs, probabilities: Floats) -> Finding:
        """At its highest among the images."""
        column = self.bundle.labels.index(spec.name)
        best = max(shown, key=lambda one: float(probabilities[one.number, column]))
        logit, probability = outputs.logits[best.number, column], probabilities[best.number, column]
        return Finding(spec.name, float(logit), float(probability), best.image.sop_instance_uid, best.image.frame)

    def _map(self, spec: FindingSpec, one: Shown, outputs: Outputs) -> EvidenceMap:
        column = self.bundle.labels.index(spec.name)
        return EvidenceMap(
            finding=spec.name,
            grid=np.asarray(outputs.maps[one.number, column]),
            bias=float(self.engine.bias[column]),
            logit=float(outputs.logits[one.number, column]),
            sop_instance_uid=one.image.sop_instance_uid,
            frame=one.image.frame,
            extent=one.box.extent(),
        )
