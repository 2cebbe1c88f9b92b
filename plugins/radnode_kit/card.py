"""Writes what was measured between the two marks of a ``MODEL_CARD.md``; the words around them are the author's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from node.errors import PluginError
from node.plugin import Interval, OperatingPoint
from radnode_kit.classifier import BundleClassifier
from radnode_kit.consistency import Consistency
from radnode_kit.enough import Cases
from radnode_kit.evaluation import Measured, area, confusion, errors_of, precision, softmax_areas, subgroups
from radnode_kit.metrics import wilson
from radnode_kit.operating_point import RULES, sensitivity_specificity
from radnode_kit.recipe import Recipe
from radnode_kit.refusals import Refusals
from radnode_kit.shortcuts import Shortcut
from radnode_kit.whole import whole

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True)
class Extras:
    """What is measured beside the answers: cases there are, wrong inputs, images partly covered, or in other forms."""

    cases: Sequence[Cases]
    refusals: Sequence[Refusals]
    shortcuts: Sequence[Shortcut]
    consistency: Sequence[Consistency]


def write_card(folder: Path, text: str, part: str = "measured") -> None:
    """Replace what stands between the marks of a part; raises :class:`PluginError` when the card has no such marks."""
    path, (begin, end) = folder / "MODEL_CARD.md", marks(part)
    card = path.read_text(encoding="utf-8")
    if begin not in card or end not in card:
        raise PluginError("the model card has no place for this", about=str(path), hint=f"add {begin} {end}")
    block = f"{begin}\n{text.rstrip()}\n{end}"
    with whole(path) as new:
        new.write_text(re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: block, card, flags=re.S), "utf-8")


def marks(part: str) -> tuple[str, str]:
    """What stands before and after a part that a command writes."""
    return BEGIN.replace("measured", part), END.replace("measured", part)


def measured_text(
    classifier: BundleClassifier,
    recipe: Recipe,
    held_back: Measured,
    table: Mapping[str, OperatingPoint],
    extras: Extras,
) -> str:
    """The measured part of the card, in Markdown."""
    parts = [_intro(held_back, classifier)]
    if recipe.exclusive:
        parts.append(_classes(classifier, held_back))
    for name, point in table.items():
        parts.append(_finding(classifier, recipe, held_back, name, point))
    parts.append(_cases(recipe, extras.cases))
    parts.append(_gate(recipe, held_back, extras.refusals))
    parts.append(_shortcuts(extras.shortcuts))
    parts.append(_consistency(extras.consistency))
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
    rows = [
        [source, subgroup, *row]
        for source, subgroup, mask in groups
        if (row := _row(held_back, column, mask, point.threshold))
    ]
    head = ["source", "subgroup", "images", "with label", "AUROC", "PR-AUC", "sensitivity", "specificity"]
    return (
        f"### {classifier.manifest.finding(name).label} (`{name}`)\n\n"
        f"Present from a probability of {point.threshold:.3f} ({RULES[recipe.threshold]}). "
        f"{_calibration(held_back, column)} {_band(held_back, column, point, recipe)}\n\n" + markdown(head, rows)
    )


def _calibration(held_back: Measured, column: int) -> str:
    errors = errors_of(held_back, column)
    error, chance = errors.pop("all")
    each = ", ".join(f"{own:.3f} of {name} ({by_chance:.3f})" for name, (own, by_chance) in errors.items())
    return (
        f"Expected calibration error {error:.3f} over ten bins of equal size (honest probabilities stay below "
        f"{chance:.3f} in 95 % of samples of this size)" + (f"; by source {each}." if each else ".")
    )


def _band(held_back: Measured, column: int, point: OperatingPoint, recipe: Recipe) -> str:
    if point.undetermined is None:
        return f"No probability is undetermined: both kinds of error stay below {recipe.error_rate:.0%} without a band."
    low, high = point.undetermined
    known = ~np.isnan(held_back.targets[:, column])
    values, truth = held_back.probabilities[known, column], held_back.targets[known, column] > 0.5
    missed, alarms = (
        wilson(int((values[truth] < low).sum()), int(truth.sum())),
        wilson(int((values[~truth] >= high).sum()), int((~truth).sum())),
    )
    between = float(((values >= low) & (values < high)).mean())
    return (
        f"Undetermined from {low:.3f} to {high:.3f} ({between:.0%} of the held-back images); beyond, at most "
        f"{point.error_rate:.0%} of each kind should be wrong, and were: {interval(missed)} of those with the finding "
        f"called absent, {interval(alarms)} of those without called present."
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
        interval(precision(held_back, column, known)) if both else "-",
        interval(sensitivity) if truth.any() else "-",
        interval(specificity) if not truth.all() else "-",
    ]
    return [str(len(truth)), str(int(truth.sum())), *shown]


def _cases(recipe: Recipe, cases: Sequence[Cases]) -> str:
    rows = [
        [
            each.name,
            "no: " + "; ".join(each.wanting) if each.wanting else "yes",
            ", ".join(map(str, each.counts)),
            f"{each.unanswered:.0%}",
            f"{each.checkable:.0%}",
            "-" if np.isnan(each.apart.value) else interval(each.apart),
        ]
        for each in cases
    ]
    head = ["label", "enough", "with it", "no answer", "checkable", "told apart"]
    training, validation, held_back = recipe.enough
    return (
        f"### Enough cases\n\nA label of the network is claimed when at least {training}, {validation} and {held_back} "
        f"images carry it in training, validation and held-back part; when at most {recipe.unanswered:.0%} of the "
        f"validation images of any source are no answer; and when honest probabilities would show a calibration error "
        f"of at most {recipe.error_limit:g} on most samples as large as the held-back part (*checkable*: on how many), "
        f"so that keeping that limit can be seen there. How well the held-back part is answered decides nothing. *Told "
        f"apart*: AUROC on the validation images that carry another label too.\n\n" + markdown(head, rows)
    )


def _gate(recipe: Recipe, held_back: Measured, wrong: Sequence[Refusals]) -> str:
    rows = []
    for source in recipe.sources:
        distance = held_back.distance[held_back.sources == source]
        refused = wilson(int((distance > 1.0).sum()), len(distance))
        rows.append([f"{source} (right)", "-", str(len(distance)), interval(refused)])
    rows += [[row.kind, "yes" if row.taught else "no", str(row.count), interval(row.refused)] for row in wrong]
    head = ["input", "kind was taught", "images", "share refused"]
    return (
        "### What it refuses\n\nHeld-back images, as they are and made wrong, and images of other sets; none of these "
        "images was learned from, of some sets not even others.\n\n" + markdown(head, rows)
    )


def _shortcuts(rows: Sequence[Shortcut]) -> str:
    table = [[row.source, row.label, row.covered, interval(row.area)] for row in rows]
    return (
        "### Shortcuts\n\nThe same images with a part covered: the outer tenth on each side, or a square of 70 % of "
        "the side. Without the frame the AUROC should stay; without the middle it should fall towards 0.5.\n\n"
        + markdown(["source", "label", "covered", "AUROC"], table)
    )


def _consistency(rows: Sequence[Consistency]) -> str:
    table = [
        [row.change, f"{row.moved:.3f}", f"{row.most:.3f}", interval(row.called), interval(row.refused)] for row in rows
    ]
    head = ["change", "probability moves by, mean", "95th percentile", "called otherwise", "refused only now"]
    return (
        "### Consistency\n\nUp to 150 of the same images as another protocol, detector or archive would show them, "
        "against what was said before; every finding counts. Without the band that is no answer.\n\n"
        + markdown(head, table)
    )


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
