"""What ``python -m radnode_kit`` does: train a plugin's model, measure it, write its digests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console

from node.errors import PluginError
from node.manifest import read_manifest
from node.plugin import Array
from radnode_kit.bundle import GATE, Bundle, read_bundle, write_calibration
from radnode_kit.calibration import Calibration, fit_platt, fit_temperature
from radnode_kit.card import measured_text, write_card
from radnode_kit.classifier import BundleClassifier
from radnode_kit.dataset import Dataset, load_dataset
from radnode_kit.engine import NAMES, Outputs, open_engine, run_chunks
from radnode_kit.evaluation import measure, points
from radnode_kit.gate import Gates, fit_gate, set_limit
from radnode_kit.manifest_file import seal, write_points
from radnode_kit.recipe import Recipe, read_recipe
from radnode_kit.sources import read_sources

PLUGINS = Path(__file__).parent.parent
DIMENSIONS = {"embedding": 64, "context": 32}


def folder_of(name: str) -> Path:
    """The folder of a plugin beside this kit, by its manifest's name."""
    found = {read_manifest(path).name: path.parent for path in sorted(PLUGINS.glob("radnode_*/manifest.toml"))}
    if name not in found:
        raise PluginError(f"there is no plugin {name!r}", hint=f"there are {', '.join(found)}")
    return found[name]


def train(folder: Path, data: Path, work: Path, epochs: int | None, device: str) -> None:
    """Train, export, fit calibration and gate, and write the digests; see ``radnode_kit.training``."""
    from radnode_kit.export import export, finished
    from radnode_kit.training import Trainer

    recipe, bundle = read_recipe(folder), read_bundle(folder)
    dataset = load_dataset(read_sources(data, recipe.sources), bundle.labels, bundle.size, work)
    trainer = Trainer(recipe, bundle, dataset, work, device)
    network = trainer.run(recipe.epochs if epochs is None else epochs)
    reference = bundle.labels.index(recipe.reference) if recipe.exclusive else None
    export(finished(network, reference), bundle.size, folder)
    fit(folder, recipe, bundle, dataset)
    seal(folder)


def fit(folder: Path, recipe: Recipe, bundle: Bundle, dataset: Dataset) -> None:
    """Fit calibration (validation part) and gates (training part, their limits on validation) to the exported model."""
    train, validation = dataset.part("train"), dataset.part("validation")
    trained, checked = outputs(folder, bundle, train), outputs(folder, bundle, validation)
    write_calibration(folder, fit_calibration(recipe, checked.logits, validation))
    kinds, gates = kinds_of(train, recipe), {}
    for name, dimensions in DIMENSIONS.items():
        gate = fit_gate(getattr(trained, name), kinds, dimensions)
        gates[name] = set_limit(gate, getattr(checked, name), recipe.limit_share, recipe.limit_margin)
    Gates(gates).save(folder / GATE)


def outputs(folder: Path, bundle: Bundle, dataset: Dataset) -> Outputs:
    """What the exported model answers for every canvas; in order."""
    engine, parts = open_engine(folder, "cpu", len(bundle.labels)), []
    for start in range(0, len(dataset.samples), 64):
        canvases = dataset.canvases[start : start + 64].astype(np.float32) / 255.0
        normalised = (canvases - np.float32(bundle.mean)) / np.float32(bundle.deviation)
        parts.append(run_chunks(engine, list(normalised)))
    return Outputs(*(np.concatenate([getattr(part, name) for part in parts]) for name in NAMES))


def kinds_of(dataset: Dataset, recipe: Recipe) -> list[str]:
    """The group of each sample for the gate: its source, and its class where classes exclude each other."""
    if not recipe.exclusive:
        return [sample.source for sample in dataset.samples]
    return [f"{sample.source} {sorted(sample.labels)}" for sample in dataset.samples]


def fit_calibration(recipe: Recipe, logits: Array, dataset: Dataset) -> Calibration:
    """Platt for each label (every source weighs the same), or one temperature."""
    if recipe.exclusive:
        return Calibration("temperature", [fit_temperature(logits, dataset.targets.argmax(axis=1))])
    sources = dataset.sources
    weights = np.array([len(sources) / (sources == source).sum() for source in sources])
    weights /= weights.mean()
    fits = []
    for column in range(logits.shape[1]):
        known = ~np.isnan(dataset.targets[:, column])
        fits.append(fit_platt(logits[known, column], dataset.targets[known, column] > 0.5, weights[known]))
    return Calibration("platt", [slope for slope, _ in fits], [intercept for _, intercept in fits])


def evaluate(folder: Path, data: Path, *, write: bool) -> str:
    """Measure the shipped model; with `write`, put the numbers into manifest and card. Answers the card's text."""
    recipe, classifier = read_recipe(folder), BundleClassifier(folder)
    classifier.load("cpu")
    samples = read_sources(data, recipe.sources)
    validation, held_back = (measure(classifier, samples, part) for part in ("validation", "held-back"))
    table = points(classifier, recipe, validation, held_back)
    text = measured_text(classifier, recipe, held_back, table)
    if write:
        write_points(folder, table)
        write_card(folder, text)
    Console().print(text, markup=False)
    return text
