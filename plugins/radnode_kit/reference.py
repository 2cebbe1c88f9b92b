"""A plugin's reference for those who watch it: what the shipped model answers on the images it was tested on.

Through the plugin's own ``classify``, gates included, one image at a time, as a node would hand it over.
``reference.json`` lies beside the manifest; it is no part of the model, and no report depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.progress import track

from node.errors import PluginError
from node.ledger import Observation
from node.plugin import Array, ImageSet
from node.study import Attributes
from node.watch.answers import FILE, Answers, answers_of, answers_text
from node.watch.observing import observed
from radnode_kit.classifier import BundleClassifier
from radnode_kit.commands import SEQUENCE
from radnode_kit.evaluation import image_of
from radnode_kit.recipe import read_recipe
from radnode_kit.sources import Sample, read_sources
from radnode_kit.split import part_of
from radnode_kit.whole import whole

#: What is done to the pixels of an image, float32 in 0..1, before the model sees them.
Alter = Callable[[Array], Array]
_BATCH = 16


def make_reference(folder: Path, data: Path, images: int) -> Answers:
    """Ask the model about that many images at most, and write its reference; raises :class:`PluginError`."""
    classifier = classifier_of(folder)
    answers = answers_of(observations(classifier, data, images), _source(classifier))
    with whole(folder / FILE) as new:
        new.write_text(answers_text(answers) + "\n", encoding="utf-8")
    return answers


def _source(classifier: BundleClassifier) -> str:
    what = "single slices" if classifier.manifest.level == "series" else "images"
    return f"{what} of the held-back part, one for each patient or group"


def classifier_of(folder: Path) -> BundleClassifier:
    """The plugin in a folder, loaded; raises :class:`PluginError` for one that has learned from all its images."""
    if (folder / SEQUENCE).is_file():
        hint = "the site's own baseline does without"
        raise PluginError("a sequence model has no held-back part to make a reference of", about=folder.name, hint=hint)
    classifier = BundleClassifier(folder)
    classifier.load("cpu")
    return classifier


def observations(
    classifier: BundleClassifier, data: Path, images: int, alter: Alter | None = None
) -> list[Observation]:
    """One for each image of the held-back part, after something was done to its pixels."""
    chosen = _chosen(classifier.manifest.folder, data, images)
    starts = track(range(0, len(chosen), _BATCH), description=classifier.manifest.name)
    return [one for start in starts for one in _batch(classifier, chosen[start : start + _BATCH], alter)]


def _chosen(folder: Path, data: Path, images: int) -> list[Sample]:
    """Evenly from the held-back part, one for each patient, as a site's are."""
    samples = read_sources(data, read_recipe(folder).sources)
    kept = list({one.group: one for one in samples if (one.part or part_of(one.group)) == "held-back"}.values())
    count = min(images, len(kept))
    return [kept[number * len(kept) // count] for number in range(count)]


def _batch(classifier: BundleClassifier, samples: Sequence[Sample], alter: Alter | None) -> Iterator[Observation]:
    manifest = classifier.manifest
    modality = manifest.accepts.modality[0] if manifest.accepts.modality else ""
    images = [image_of(one, classifier.bundle.channels) for one in samples]
    seen = images if alter is None else [replace(one, pixels=alter(one.pixels)) for one in images]
    sets = [ImageSet((one,), one.sop_instance_uid, modality) for one in seen]
    begun = time.perf_counter()
    predictions = classifier.classify(sets)
    each = (time.perf_counter() - begun) / len(sets)
    for images_of_one, prediction, sample in zip(sets, predictions, samples, strict=True):
        yield observed(images_of_one, prediction, manifest, Attributes(calling_ae=sample.source), each)
