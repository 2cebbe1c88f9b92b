"""Loads plugins once and asks them, inside a worker process; what they answer is checked before anybody believes it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from node.classify.catalogue import Catalogue, verify_weights
from node.errors import PluginError, RadnodeError, where
from node.plugin import Classifier, EvidenceMap, Finding, ImageSet, Manifest, Prediction

#: How far an evidence map may be from adding up to its logit.
MAX_RESIDUAL = 1e-2


class Runner:
    """Plugins of one process. Args: catalogue: what is installed; device: `cpu` or `cuda:N`."""

    def __init__(self, catalogue: Catalogue, device: str) -> None:
        self._catalogue, self._device = catalogue, device
        self._loaded: dict[str, Classifier] = {}

    def classifier(self, name: str) -> Classifier:
        """The plugin, loaded on first use; raises :class:`~node.errors.PluginError`."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Classifier:
        found = self._catalogue.get(name)
        if found.manifest is None:
            raise PluginError(found.error, about=name)
        if problems := verify_weights(found.manifest):
            hint = "install the plugin again; weights that are not the declared ones are never used"
            raise PluginError("; ".join(problems), about=name, hint=hint)
        try:
            classifier: Classifier = found.entry_point.load()()
            classifier.load(self._device)
        except RadnodeError:
            raise
        except Exception as error:
            raise PluginError(f"the plugin cannot be loaded: {where(error)}", about=name) from error
        return classifier

    def classify(self, name: str, batch: Sequence[ImageSet]) -> list[Prediction | PluginError]:
        """One prediction or error for each image set: where a batch fails, each image set is asked for alone."""
        classifier = self.classifier(name)
        try:
            return [*_ask(classifier, batch)]
        except PluginError as error:
            if len(batch) == 1:
                return [error]
        return [self.classify(name, [image_set])[0] for image_set in batch]


def _ask(classifier: Classifier, batch: Sequence[ImageSet]) -> list[Prediction]:
    manifest = classifier.manifest
    try:
        predictions = classifier.classify(batch)
    except RadnodeError:
        raise
    except Exception as error:
        raise PluginError(f"the plugin raised {where(error)}", about=manifest.name) from error
    if not isinstance(predictions, list) or len(predictions) != len(batch):
        raise PluginError(f"the plugin did not answer one prediction for each of {len(batch)}", about=manifest.name)
    for prediction, image_set in zip(predictions, batch, strict=True):
        _check(prediction, image_set, manifest)
    return predictions


def _check(prediction: Prediction, image_set: ImageSet, manifest: Manifest) -> None:
    """Raise :class:`~node.errors.PluginError` unless the prediction is one that a report may be built on."""
    if not isinstance(prediction, Prediction):
        raise PluginError(f"the plugin answered a {type(prediction).__name__}", about=manifest.name)
    known = {image.sop_instance_uid for image in image_set.images}
    for finding in prediction.findings:
        _check_finding(finding, manifest, known)
    for evidence in prediction.maps:
        _check_map(evidence, manifest, known)
    claimed = [spec.name for spec in manifest.findings]
    if not prediction.abstained and [finding.name for finding in prediction.findings] != claimed:
        raise PluginError(f"the plugin did not answer its claimed findings {claimed}", about=manifest.name)


def _check_finding(finding: Finding, manifest: Manifest, known: set[str]) -> None:
    manifest.finding(finding.name)
    if not (math.isfinite(finding.logit) and math.isfinite(finding.probability) and 0 <= finding.probability <= 1):
        raise PluginError(
            f"the plugin answered a probability of {finding.probability!r} for {finding.name!r}", about=manifest.name
        )
    if finding.key_sop_instance_uid and finding.key_sop_instance_uid not in known:
        raise PluginError("the plugin's key image is none of those it was given", about=manifest.name)


def _check_map(evidence: EvidenceMap, manifest: Manifest, known: set[str]) -> None:
    manifest.finding(evidence.finding)
    if evidence.grid.ndim != 2 or not np.isfinite(evidence.grid).all() or evidence.sop_instance_uid not in known:
        raise PluginError(f"the plugin's evidence map for {evidence.finding!r} is no map", about=manifest.name)
    if not abs(evidence.residual) <= MAX_RESIDUAL:
        raise PluginError(
            f"the evidence map for {evidence.finding!r} does not add up: off by {evidence.residual:.3g} logits",
            about=manifest.name,
        )
