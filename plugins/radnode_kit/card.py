"""Writes what was measured between the two marks of a ``MODEL_CARD.md``; the words around them are the author's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from node.plugin import Interval, OperatingPoint
from radnode_kit.classifier import BundleClassifier
from radnode_kit.evaluation import Measured, area, confusion, error_of, softmax_areas, subgroups
from radnode_kit.operating_point import RULES, sensitivity_specificity
from radnode_kit.recipe import Recipe

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write_card(folder: Path, text: str) -> None:
    """Replace what stands between the marks."""
    path = folder / "MODEL_CARD.md"
    block = f"{BEGIN}\n{text.rstrip()}\n{END}"
    card = re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: block, path.read_text("utf-8"), flags=re.S)
    path.write_text(card, encoding="utf-8")


def measured_text(
    classifier: BundleClassifier, recipe: Recipe, held_back: Measured, table: Mapping[str, OperatingPoint]
) -> str:
    """The measured part of the card, in Markdown."""
    parts = [_intro(held_back, classifier)]
    if recipe.exclusive:
        parts.append(_classes(classifier, held_back))
    for name, point in table.items():
        parts.append(_finding(classifier, recipe, held_back, name, point))
    parts.append(_gate(recipe, held_back))
    parts.append(_explanation(held_back))
    return "\n\n".join(parts)


def _intro(held_back: Measured, classifier: BundleClassifier) -> str:
    patients = len(set(held_back.groups))
    return (
        f"Measured with the shipped `model.onnx` on the held-back part: {len(held_back.samples)} images of {patients} "
        f"patients (or groups of near duplicates). Intervals are 95 %: Wilson for shares, bootstrap over patients "
        f"otherwise. Model `{classifier.manifest.version}`, digest `{classifier.manifest.digest[:16]}`."
    )


def _classes(classifier: BundleClassifier, held_back: Measured) -> str:
    accuracy, macro = softmax_areas(held_back)
    labels = classifier.bundle.labels
    rows = [
        [f"true {name}", *(str(count) for count in counts)]
        for name, counts in zip(labels, confusion(held_back), strict=True)
    ]
    return f"### All classes\n\nAccuracy {interval(accuracy)}, macro AUROC {interval(macro)}.\n\n" + markdown(
        ["", *labels], rows
    )


def _finding(
    classifier: BundleClassifier, recipe: Recipe, held_back: Measured, name: str, point: OperatingPoint
) -> str:
    column = classifier.bundle.labels.index(name)
    everything = np.ones(len(held_back.samples), dtype=bool)
    groups = [("all", "", everything)] if recipe.exclusive or len(recipe.sources) > 1 else []
    groups += [(source, "", held_back.sources == source) for source in recipe.sources]
    groups += subgroups(held_back)
    rows = []
    for source, subgroup, mask in groups:
        row = _row(held_back, column, mask, point.threshold)
        if row:
            rows.append([source, subgroup, *row])
    head = ["source", "subgroup", "images", "with label", "AUROC", "sensitivity", "specificity"]
    return (
        f"### {classifier.manifest.finding(name).label} (`{name}`)\n\n"
        f"Present from a probability of {point.threshold:.3f} ({RULES[recipe.threshold]}). "
        f"Expected calibration error {error_of(held_back, column):.3f}.\n\n" + markdown(head, rows)
    )


def _row(
    held_back: Measured, column: int, mask: np.ndarray[tuple[int], np.dtype[np.bool_]], threshold: float
) -> list[str]:
    known = mask & ~np.isnan(held_back.targets[:, column])
    truth = held_back.targets[known, column] > 0.5
    if known.sum() < 10:
        return []
    sensitivity, specificity = sensitivity_specificity(held_back.probabilities[known, column], truth, threshold)
    both = 0 < truth.sum() < len(truth)
    shown = [
        interval(area(held_back, column, known)) if both else "-",
        interval(sensitivity) if truth.any() else "-",
        interval(specificity) if not truth.all() else "-",
    ]
    return [str(len(truth)), str(int(truth.sum())), *shown]


def _gate(recipe: Recipe, held_back: Measured) -> str:
    rows = []
    for source in recipe.sources:
        distance = held_back.distance[held_back.sources == source]
        refused = int((distance > 1.0).sum())
        rows.append(
            [source, str(len(distance)), f"{refused} ({refused / len(distance):.1%})", f"{np.median(distance):.2f}"]
        )
    return "### Gate\n\n" + markdown(["source", "images", "refused", "median distance (limit 1)"], rows)


def _explanation(held_back: Measured) -> str:
    return (
        f"### Explanation and speed\n\nBias plus evidence map equals the logit to "
        f"{held_back.residual.max():.1e} at worst over all held-back images and labels. "
        f"Time for one image, letterbox and network: {held_back.seconds * 1000:.0f} ms "
        f"(ONNX Runtime, two CPU cores)."
    )


def interval(value: Interval) -> str:
    """``0.912 (0.880 to 0.941)``."""
    return f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
