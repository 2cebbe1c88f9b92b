"""The classifier of the shipped plugins: a manifest, a bundle, an engine and a gate behind ``node.plugin.Classifier``.

Worked example::

    def plugin() -> BundleClassifier:
        return BundleClassifier(Path(__file__).parent)

Labels of the bundle that the manifest does not claim (``notumor``) take part in the softmax and are not reported. With
a softmax the exported weights are relative to that reference class: a finding's logit is its log-odds against it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from node.errors import PluginError
from node.manifest import read_manifest
from node.plugin import Array, EvidenceMap, Finding, Image, ImageSet, Neighbour, Prediction
from radnode_kit.bundle import GATE, PROTOTYPES, PROTOTYPES_NAMES, read_bundle
from radnode_kit.calibration import Floats
from radnode_kit.engine import Engine, open_engine, run_chunks, verify
from radnode_kit.gate import Gates, load_gates
from radnode_kit.join import join_slices
from radnode_kit.letterbox import Letterbox, canvas
from radnode_kit.prototypes import Prototypes, load_prototypes

MAX_MAPPED_SLICES = 16
MIN_SHARE_KNOWN = 0.6
_NO_STRUCTURE = 0.02
_NO_IMAGE = "the series holds no image"


@dataclass(frozen=True)
class Answers:
    """What the network says of n images.

    Attributes:
        logits: (n, k).
        probabilities: (n, k), calibrated.
        maps: (n, k, h, w).
        embedding: (n, 1280).
        distance: (n,) from the training images; the gate closes above 1.
        boxes: where each image lies on the canvas.
        blank: (n,), True for images without structure.
        reasons: (n,), why each image would be refused.
    """

    logits: Array
    probabilities: Floats
    maps: Array
    embedding: Array
    distance: Array
    boxes: Sequence[Letterbox]
    blank: Sequence[bool]
    reasons: Sequence[str]

    def part(self, start: int, stop: int) -> Answers:
        """Those of the images from `start` to `stop`."""
        cut = slice(start, stop)
        numbers = (self.logits[cut], self.probabilities[cut], self.maps[cut], self.embedding[cut], self.distance[cut])
        return Answers(*numbers, self.boxes[cut], self.blank[cut], self.reasons[cut])


class BundleClassifier:
    """Classifies image sets with the bundle beside a manifest.

    Args:
        folder: holds ``manifest.toml`` and ``bundle/``.
    """

    def __init__(self, folder: Path):
        self.manifest = read_manifest(folder / "manifest.toml")
        self.bundle = read_bundle(folder)
        self._claimed = [self._column(spec.name) for spec in self.manifest.findings]
        self._engine: Engine | None = None
        self._gates: Gates | None = None
        self._prototypes: Prototypes | None = None

    def _column(self, name: str) -> int:
        if name not in self.bundle.labels:
            raise PluginError(f"the bundle has no label {name!r}", about=self.manifest.name)
        return self.bundle.labels.index(name)

    @property
    def reference(self) -> int:
        """The column of the label that is not claimed: the softmax class that means nothing was found."""
        return next(index for index in range(len(self.bundle.labels)) if index not in self._claimed)

    @property
    def bias(self) -> Array:
        """(k,), what no place contributes to the logits; raises :class:`PluginError` before :meth:`load`."""
        return self._loaded()[0].bias

    def _loaded(self) -> tuple[Engine, Gates]:
        if self._engine is None or self._gates is None:
            raise PluginError("the plugin was not loaded", about=self.manifest.name, hint="call load(device) first")
        return self._engine, self._gates

    def load(self, device: str) -> None:
        """Verify and load the weights; `device` is ``cpu`` or ``cuda:N``."""
        verify(self.manifest)
        folder = self.manifest.folder
        self._engine = open_engine(folder, device, len(self.bundle.labels))
        self._gates = load_gates(folder / GATE)
        self._prototypes = load_prototypes(folder / PROTOTYPES, folder / PROTOTYPES_NAMES)

    def classify(self, batch: Sequence[ImageSet]) -> list[Prediction]:
        """One prediction for each image set, in order; raises :class:`PluginError` before :meth:`load`."""
        self._loaded()
        some = [images.images for images in batch if images.images]
        if not some:
            return [Prediction(abstained=_NO_IMAGE) for _ in batch]
        answers = self.answer([image for images in some for image in images])
        predictions, start = [], 0
        for images in batch:
            stop = start + len(images.images)
            predictions.append(self._predict(images.images, answers.part(start, stop)))
            start = stop
        return predictions

    def answer(self, images: Sequence[Image]) -> Answers:
        """What the network says of each image alone (one at least), the distance included and nothing refused."""
        engine, gates = self._loaded()
        canvases, boxes, blank = self._prepare(images)
        outputs = run_chunks(engine, canvases)
        probabilities = self.bundle.calibration(outputs.logits)
        features = {"embedding": outputs.embedding, "context": outputs.context}
        distance, reasons = gates.distances(features), gates.reasons(features)
        return Answers(outputs.logits, probabilities, outputs.maps, outputs.embedding, distance, boxes, blank, reasons)

    def _prepare(self, images: Sequence[Image]) -> tuple[list[Array], list[Letterbox], list[bool]]:
        size, channels = self.bundle.size, self.bundle.channels
        placed = [canvas(image.pixels, size, channels, image.pixel_height) for image in images]
        blank = [bool(pixels.std() < _NO_STRUCTURE) for pixels, _ in placed]
        return [self.bundle.normalised(pixels) for pixels, _ in placed], [box for _, box in placed], blank

    def _predict(self, images: Sequence[Image], answers: Answers) -> Prediction:
        if not images:
            return Prediction(abstained=_NO_IMAGE)
        known = [i for i in range(len(images)) if answers.distance[i] <= 1.0 and not answers.blank[i]]
        reason = self._refusal(answers, known)
        embedding = answers.embedding.mean(axis=0)
        if reason:
            return Prediction(embedding=embedding, abstained=reason)
        join = self._join_series if self.manifest.level == "series" else self._join_images
        findings, mapped = join(images, answers, known)
        maps = tuple(self._map(images[i], answers, i, column) for i in mapped for column in self._claimed)
        return Prediction(findings, maps, embedding, neighbours=self._neighbours(images, answers, findings))

    def _neighbours(
        self, images: Sequence[Image], answers: Answers, findings: Sequence[Finding]
    ) -> tuple[Neighbour, ...]:
        """The training cases nearest to each finding's key image."""
        if self._prototypes is None:
            return ()
        place = {(image.sop_instance_uid, image.frame): index for index, image in enumerate(images)}
        return tuple(
            neighbour
            for finding in findings
            for neighbour in self._prototypes.neighbours(
                answers.embedding[place[finding.key_sop_instance_uid, finding.key_frame]], [finding.name]
            )
        )

    def _refusal(self, answers: Answers, known: Sequence[int]) -> str:
        structured = len(answers.blank) - sum(answers.blank)
        if structured == 0:
            return "the images show no structure (all pixels nearly alike)"
        needed = MIN_SHARE_KNOWN * structured if self.manifest.level == "series" else 1
        if len(known) >= max(1, needed):
            return ""
        refused = [i for i in range(len(answers.blank)) if not answers.blank[i] and answers.distance[i] > 1.0]
        nearest = float(min(answers.distance[i] for i in refused))
        reason, count = Counter(answers.reasons[i] for i in refused).most_common(1)[0]
        if structured == 1:
            return f"the image {reason} (distance {nearest:.2f}, limit 1.00)"
        return (
            f"{len(refused)} of {structured} images are refused, {count} because the image {reason} "
            f"(nearest distance {nearest:.2f}, limit 1.00)"
        )

    def _join_images(
        self, images: Sequence[Image], answers: Answers, known: Sequence[int]
    ) -> tuple[tuple[Finding, ...], list[int]]:
        """Each finding at its highest among the known images; all of these are mapped."""
        findings = []
        for name, column in self._claims():
            best = max(known, key=lambda i: answers.probabilities[i, column])
            findings.append(
                self._finding(name, images[best], answers.logits[best, column], answers.probabilities[best, column])
            )
        return tuple(findings), list(known)

    def _join_series(
        self, images: Sequence[Image], answers: Answers, known: Sequence[int]
    ) -> tuple[tuple[Finding, ...], list[int]]:
        """The top slices' mean; mapped are each finding's key slice and the most suspicious others."""
        joined, order = join_slices(answers.probabilities[list(known)], self.reference)
        findings: list[Finding] = []
        mapped: dict[int, None] = {}
        for name, column in self._claims():
            key = max(known, key=lambda i: answers.probabilities[i, column])
            finding = self._finding(name, images[key], answers.logits[key, column], joined[column])
            threshold = self.manifest.finding(name).operating_point.threshold
            agreeing = int((answers.probabilities[list(known), column] >= threshold).sum())
            findings.append(replace(finding, agreement=(agreeing, len(known)) if len(images) > 1 else None))
            mapped[key] = None
        mapped.update(dict.fromkeys(known[i] for i in order))
        return tuple(findings), sorted(list(mapped)[:MAX_MAPPED_SLICES])

    def _claims(self) -> Iterable[tuple[str, int]]:
        return zip((spec.name for spec in self.manifest.findings), self._claimed, strict=True)

    @staticmethod
    def _finding(name: str, image: Image, logit: float, probability: float) -> Finding:
        return Finding(name, float(logit), float(probability), image.sop_instance_uid, image.frame)

    def _map(self, image: Image, answers: Answers, index: int, column: int) -> EvidenceMap:
        return EvidenceMap(
            finding=self.bundle.labels[column],
            grid=answers.maps[index, column],
            bias=float(self.bias[column]),
            logit=float(answers.logits[index, column]),
            sop_instance_uid=image.sop_instance_uid,
            frame=image.frame,
            extent=answers.boxes[index].extent(),
        )
