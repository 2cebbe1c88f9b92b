"""What rebuilds a sequence plugin: cross-validate the variants, refit the chosen one, export, calibrate, measure.

``train`` leaves the answers of cross-validation in ``bundle/configs/crossed.json``, from which ``evaluate`` writes the
operating point and the model card: it is the only honest source of figures where every patient is in the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console

from node.plugin import Array
from radnode_kit.bundle import GATE, ONNX, write_calibration
from radnode_kit.calibration import Calibration, fit_platt
from radnode_kit.card import write_card
from radnode_kit.gate import Gate, Gates, fit_gate
from radnode_kit.manifest_file import seal, write_points
from radnode_kit.sequence.bags import Bags, make_bags
from radnode_kit.sequence.cases import Case, Sequences, read_cases, sequences
from radnode_kit.sequence.classifier import SequenceClassifier
from radnode_kit.sequence.crossing import Crossed, OutOfFold, all_variants, read_crossed, write_crossed
from radnode_kit.sequence.engines import OnnxSlices, run_slices
from radnode_kit.sequence.exporting import export
from radnode_kit.sequence.fitting import Recipe, fit, imagenet_front, read_recipe
from radnode_kit.sequence.measuring import measure
from radnode_kit.sequence.network import Front, SliceNetwork
from radnode_kit.sequence.slices import hounsfield_canvas, tissue_shares
from radnode_kit.sequence.text import measured_text

#: Main components of each gate; few, since there are few slices.
_DIMENSIONS = {"context": 12, "tissues": 4}
_SHARE, _MARGIN = 0.98, 1.25


def train(folder: Path, data: Path, work: Path, seed: int | None = None) -> None:
    """Cross-validate, refit, export and calibrate; write weights, gate, cross-validation and digests into `folder`.

    Args:
        folder: of the plugin.
        data: holds the data set (see plugins/DATA.md).
        work: keeps the features of all views, the slow part, for a second run.
        seed: instead of the recipe's.
    """
    recipe, cases = read_recipe(folder), read_cases(data)
    recipe = recipe if seed is None else replace(recipe, seed=seed)
    series, front = sequences(cases), imagenet_front()
    bags = _kept_bags(front, cases, recipe, work)
    crossed = _cross(bags, series, recipe)
    rows, variant = np.array(series.slices), recipe.variant(recipe.shipped)
    readers = [fit(bags, rows, variant, recipe, recipe.seed + 1000 * repeat) for repeat in range(recipe.repeats)]
    export(SliceNetwork(front, readers), folder)
    write_crossed(folder, crossed)
    _calibrate(folder, cases)


def calibrate(folder: Path, data: Path, work: Path) -> None:
    """Fit calibration and gates to the model and the cross-validation that are there, and write the digests.

    Args:
        folder: of the plugin.
        data: holds the data set.
        work: not needed; every plugin's command has it.
    """
    _calibrate(folder, read_cases(data))


def _calibrate(folder: Path, cases: Sequence[Case]) -> None:
    crossed = read_crossed(folder)
    slope, intercept = fit_platt(crossed.chosen.mean, crossed.enhanced)
    write_calibration(folder, Calibration("platt", [slope], [intercept]))
    fit_gates(folder, cases)
    seal(folder)


def _kept_bags(front: Front, cases: Sequence[Case], recipe: Recipe, work: Path) -> Bags:
    """Features of all views; from `work` where an earlier run left them."""
    from safetensors.torch import load_file, save_file

    path = work / f"views-{len(cases)}-{recipe.views}-{recipe.seed}.safetensors"
    if not path.is_file():
        work.mkdir(parents=True, exist_ok=True)
        save_file({"features": make_bags(front, cases, recipe.views, recipe.seed).features}, path)
    enhanced = np.array([case.enhanced for case in cases])
    return Bags(load_file(path)["features"], np.array([case.patient for case in cases]), enhanced)


def _cross(bags: Bags, series: Sequences, recipe: Recipe) -> Crossed:
    """Cross-validate every variant; keeps their logits, and the folds, which are the same for all."""
    table: dict[str, OutOfFold] = {}
    for variant, answer in all_variants(bags, series, recipe):
        Console().print(f"cross-validated: {variant.name}", markup=False)
        table[variant.name] = answer
    return Crossed(table, recipe.variant(recipe.shipped).name, series.patients, series.enhanced)


def fit_gates(folder: Path, cases: Sequence[Case]) -> None:
    """The gates of the exported model. Limits hold for slices of patients that a gate was not fitted to."""
    canvases = [hounsfield_canvas(case.image)[0] for case in cases]
    context = run_slices(OnnxSlices(folder / ONNX), canvases).context
    outputs = {"context": context, "tissues": np.stack([tissue_shares(canvas) for canvas in canvases])}
    patients = np.array([case.patient for case in cases])
    parts = {name: _gate(values, patients, _DIMENSIONS[name]) for name, values in outputs.items()}
    Gates(parts).save(folder / GATE)


def _gate(values: Array, patients: npt.NDArray[np.str_], dimensions: int) -> Gate:
    """Fitted to all slices; its limit from slices of patients that were left out, a tenth after another."""
    names, distances = np.unique(patients), np.zeros(len(values), dtype=np.float32)
    for turn in range(10):
        out = np.isin(patients, names[turn::10])
        if out.any():
            distances[out] = _fitted(values[~out], dimensions).distances(values[out])
    limit = float(np.quantile(distances, _SHARE)) * _MARGIN
    return replace(_fitted(values, dimensions), limit=limit**2)


def _fitted(values: Array, dimensions: int) -> Gate:
    return fit_gate(values, ["ct"] * len(values), dimensions)


def evaluate(folder: Path, data: Path, work: Path, *, write: bool) -> str:
    """Measure what `train` left and the shipped file; with `write`, put it into manifest and card. Answers the text.

    Args:
        folder: of the plugin.
        data: holds the data set.
        work: not needed; every plugin's command has it.
        write: into manifest and card.
    """
    cases, classifier = read_cases(data), SequenceClassifier(folder)
    classifier.load("cpu")
    measured = measure(classifier, cases, sequences(cases), read_crossed(folder))
    text = measured_text(classifier.manifest, measured)
    if write:
        write_points(folder, {classifier.manifest.findings[0].name: measured.point})
        write_card(folder, text)
    return text
