"""Measures a plugin as it is shipped: through its own ``classify`` path, on images it never learned from."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.progress import track

from node.plugin import Array, Image, Interval, OperatingPoint
from radnode_kit.calibration import Floats
from radnode_kit.classifier import BundleClassifier
from radnode_kit.dataset import read_pixels, targets_of
from radnode_kit.metrics import (
    auroc,
    average_precision,
    bootstrap,
    chance_error,
    macro_auroc,
    reliability,
    reliability_error,
)
from radnode_kit.operating_point import choose_threshold, conformal_limits, sensitivity_specificity, settled
from radnode_kit.recipe import Recipe
from radnode_kit.sources import Sample
from radnode_kit.split import part_of


@dataclass(frozen=True)
class Measured:
    """What the shipped model answered for n labelled images of one part.

    Attributes:
        samples: the images, in order.
        targets: (n, k), 1, 0 or NaN.
        logits: (n, k).
        probabilities: (n, k), calibrated.
        embedding: (n, 1280).
        distance: (n,), of the gate.
        residual: (n,), largest difference between a logit and its bias plus map.
        seconds: per image, decoding not counted.
    """

    samples: Sequence[Sample]
    targets: Array
    logits: Array
    probabilities: Floats
    embedding: Array
    distance: Array
    residual: Array
    seconds: float

    @property
    def sources(self) -> npt.NDArray[np.str_]:
        """(n,), name of the set of each image."""
        return np.array([sample.source for sample in self.samples])

    @property
    def groups(self) -> npt.NDArray[np.str_]:
        """(n,), patient of each image."""
        return np.array([sample.group for sample in self.samples])


def image_of(sample: Sample, channels: int) -> Image:
    """A sample as the node would hand it over."""
    return Image(read_pixels(sample.path, channels), None, sample.path.stem)


def measure(classifier: BundleClassifier, samples: Sequence[Sample], part: str) -> Measured:
    """Run every image of one part through the loaded classifier, alone and ungated."""
    chosen = [sample for sample in samples if (sample.part or part_of(sample.group)) == part]
    answers, seconds = [], 0.0
    for start in track(range(0, len(chosen), 32), description=part):
        images = [image_of(sample, classifier.bundle.channels) for sample in chosen[start : start + 32]]
        begin = time.perf_counter()
        answers.append(classifier.answer(images))
        seconds += time.perf_counter() - begin
    logits = np.concatenate([a.logits for a in answers])
    sums = np.concatenate([a.maps.sum(axis=(2, 3), dtype=np.float64) for a in answers])
    return Measured(
        samples=chosen,
        targets=targets_of(chosen, classifier.bundle.labels),
        logits=logits,
        probabilities=np.concatenate([a.probabilities for a in answers]),
        embedding=np.concatenate([a.embedding for a in answers]),
        distance=np.concatenate([a.distance for a in answers]),
        residual=np.abs(logits - sums - classifier.bias).max(axis=1),
        seconds=seconds / len(chosen),
    )


def points(
    classifier: BundleClassifier, recipe: Recipe, validation: Measured, held_back: Measured
) -> dict[str, OperatingPoint]:
    """An operating point for each claimed finding: chosen on validation, measured on the held-back part."""
    table = {}
    for spec in classifier.manifest.findings:
        column = classifier.bundle.labels.index(spec.name)
        threshold, band = chosen_point(recipe, validation, column)
        probability, truth, sources = labelled(held_back, column)
        sensitivity, specificity = sensitivity_specificity(probability, truth, threshold)
        parts = ", ".join(f"{(sources == s).sum()} of {s}" for s in recipe.sources if (sources == s).any())
        source = f"held-back part: {len(truth)} images ({parts}), {int(truth.sum())} with the label"
        table[spec.name] = OperatingPoint(
            threshold, sensitivity, specificity, source, band, recipe.error_rate if band else 0.0
        )
    return table


def chosen_point(recipe: Recipe, validation: Measured, column: int) -> tuple[float, tuple[float, float] | None]:
    """The threshold of one label and the band around it that is no answer, from the validation part."""
    probability, truth, sources = labelled(validation, column)
    wish = choose_threshold(probability, truth, sources, recipe.threshold)
    limits = conformal_limits(probability, truth, sources, recipe.error_rate)
    return settled(wish, limits, movable=recipe.threshold != "majority")


def labelled(measured: Measured, column: int) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.str_]]:
    """(probability, truth, source) of the images of which one label is known."""
    told = ~np.isnan(measured.targets[:, column])
    return measured.probabilities[told, column], measured.targets[told, column] > 0.5, measured.sources[told]


def area(measured: Measured, column: int, chosen: npt.NDArray[np.bool_]) -> Interval:
    """AUROC of one label over chosen images, with a bootstrap interval over patients."""
    known = chosen & ~np.isnan(measured.targets[:, column])
    values, truth = measured.probabilities[known, column], measured.targets[known, column] > 0.5
    return bootstrap(lambda rows: auroc(values[rows], truth[rows]), measured.groups[known])


def precision(measured: Measured, column: int, chosen: npt.NDArray[np.bool_]) -> Interval:
    """Average precision of one label over chosen images, with a bootstrap interval over patients."""
    known = chosen & ~np.isnan(measured.targets[:, column])
    values, truth = measured.probabilities[known, column], measured.targets[known, column] > 0.5
    return bootstrap(lambda rows: average_precision(values[rows], truth[rows]), measured.groups[known])


def softmax_areas(measured: Measured) -> tuple[Interval, Interval]:
    """(accuracy, macro AUROC) over all classes, with bootstrap intervals over patients."""
    truth, values = measured.targets.argmax(axis=1), measured.probabilities
    hit = values.argmax(axis=1) == truth
    accuracy = bootstrap(lambda rows: float(hit[rows].mean()), measured.groups)
    return accuracy, bootstrap(lambda rows: macro_auroc(values[rows], truth[rows]), measured.groups)


def confusion(measured: Measured) -> npt.NDArray[np.int64]:
    """(k, k) counts: rows are the true classes, columns the most probable ones."""
    k = measured.targets.shape[1]
    table = np.zeros((k, k), dtype=np.int64)
    np.add.at(table, (measured.targets.argmax(axis=1), measured.probabilities.argmax(axis=1)), 1)
    return table


def errors_of(measured: Measured, column: int) -> dict[str, tuple[float, float]]:
    """Expected calibration error of one label, and what honest probabilities stay below in 95 % of such samples.

    Of all images (``all``), and of each source where there are several: errors of sources may cancel out.
    """
    probability, truth, sources = labelled(measured, column)
    masks = {"all": np.ones(len(truth), dtype=bool)}
    if len(names := np.unique(sources)) > 1:
        masks |= {str(name): sources == name for name in names}
    return {
        name: (reliability_error(reliability(probability[mask], truth[mask])), chance_error(probability[mask]))
        for name, mask in masks.items()
    }


def subgroups(measured: Measured) -> list[tuple[str, str, npt.NDArray[np.bool_]]]:
    """(source, ``view AP``, mask) for every subgroup that the samples tell."""
    keys = sorted({(s.source, name, value) for s in measured.samples for name, value in s.strata.items()})
    masks = []
    for source, name, value in keys:
        mask = np.array([s.source == source and s.strata.get(name) == value for s in measured.samples])
        masks.append((source, f"{name} {value}", mask))
    return masks
