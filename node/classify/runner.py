"""Loads plugins once and asks them, inside a worker process; what they answer is checked before anybody believes it."""

from __future__ import annotations

from collections.abc import Sequence

from node.classify.catalogue import Catalogue, Found
from node.classify.check import check
from node.errors import PluginError, where
from node.plugin import Classifier, ImageSet, Manifest, Prediction


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
        self.manifest(name)  # raises for one that cannot be used
        if problems := self._catalogue.problems(name):
            hint = "install the plugin again; files that are not the declared ones are never used"
            raise PluginError("; ".join(problems), about=name, hint=hint)
        return _loaded(found, self._device)

    def manifest(self, name: str) -> Manifest:
        """What the plugin of that name claims; raises :class:`~node.errors.PluginError` when it cannot be used."""
        found = self._catalogue.get(name)
        if found.manifest is None:
            raise PluginError(found.error, about=name)
        return found.manifest

    def classify(self, name: str, batch: Sequence[ImageSet]) -> list[Prediction | PluginError]:
        """One prediction or error for each image set: where a batch fails, each image set is asked for alone.

        Raises :class:`~node.errors.PluginError` when the plugin cannot be loaded.
        """
        classifier, manifest = self.classifier(name), self.manifest(name)
        try:
            return [*_ask(classifier, manifest, batch)]
        except PluginError as error:
            if len(batch) == 1:
                return [error]
        return [self.classify(name, [image_set])[0] for image_set in batch]


def _loaded(found: Found, device: str) -> Classifier:
    try:
        classifier: Classifier = found.entry_point.load()()
        classifier.load(device)
    except PluginError:
        raise
    except BaseException as error:  # an edge: whatever a stranger's code raises, SystemExit too
        raise PluginError(f"the plugin cannot be loaded: {where(error)}", about=found.name) from error
    return classifier


def _ask(classifier: Classifier, manifest: Manifest, batch: Sequence[ImageSet]) -> list[Prediction]:
    for image_set in batch:
        _protect(image_set)
    try:
        predictions = classifier.classify(batch)
    except PluginError:
        raise
    except BaseException as error:  # as above
        raise PluginError(f"the plugin raised {where(error)}", about=manifest.name) from error
    if not isinstance(predictions, list) or len(predictions) != len(batch):
        raise PluginError(f"the plugin did not answer one prediction for each of {len(batch)}", about=manifest.name)
    for prediction, image_set in zip(predictions, batch, strict=True):
        try:
            check(prediction, image_set, manifest)
        except PluginError:
            raise
        except Exception as error:
            raise PluginError(f"the plugin's answer is malformed: {where(error)}", about=manifest.name) from error
    return predictions


def _protect(image_set: ImageSet) -> None:
    """A plugin that writes into what it was given would change the picture that the report shows."""
    for image in image_set.images:
        for array in (image.pixels, image.values, image.padding):
            if array is not None:
                array.flags.writeable = False
