"""What ``python -m radnode_kit`` does: train a plugin's model, measure it, write its digests."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from node.errors import PluginError
from node.manifest import read_manifest
from radnode_kit.bundle import read_bundle
from radnode_kit.card import measured_text, write_card
from radnode_kit.classifier import BundleClassifier
from radnode_kit.dataset import load_dataset
from radnode_kit.evaluation import measure, points
from radnode_kit.manifest_file import seal, write_points
from radnode_kit.recipe import read_recipe
from radnode_kit.sources import read_sources

PLUGINS = Path(__file__).parent.parent


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
    dataset = load_dataset(read_sources(data, recipe.sources), bundle, work)
    trainer = Trainer(recipe, bundle, dataset, work, device)
    network = trainer.run(recipe.epochs if epochs is None else epochs)
    reference = bundle.labels.index(recipe.reference) if recipe.exclusive else None
    export(finished(network, reference, bundle), bundle, folder)
    calibrate(folder, data, work)


def calibrate(folder: Path, data: Path, work: Path) -> None:
    """Fit calibration, gates, input check and prototypes to the model that is there, and write the digests."""
    from radnode_kit.fitting import Fitter

    recipe, bundle = read_recipe(folder), read_bundle(folder)
    dataset = load_dataset(read_sources(data, recipe.sources), bundle, work)
    Fitter(folder, recipe, bundle, dataset, data).run()
    seal(folder)


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
