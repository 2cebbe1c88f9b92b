"""What `radnode train`, `calibrate` and `models measure` do: train, fit what stands beside the weights, measure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from node.classify.catalogue import Catalogue
from node.errors import PluginError
from radnode_kit.bundle import Bundle, read_bundle
from radnode_kit.card import Extras, measured_text, write_card
from radnode_kit.classifier import BundleClassifier
from radnode_kit.consistency import consistency
from radnode_kit.dataset import Dataset, load_dataset
from radnode_kit.enough import enough_cases
from radnode_kit.evaluation import measure, points
from radnode_kit.manifest_file import seal, write_points, write_repeatability
from radnode_kit.recipe import Recipe, read_recipe
from radnode_kit.refusals import refusals
from radnode_kit.shortcuts import shortcuts
from radnode_kit.sources import read_sources

if TYPE_CHECKING:  # torch is loaded by those who train only
    from radnode_kit.lite import Lite

SEQUENCE = "bundle/configs/sequence.json"


@dataclass(frozen=True)
class Run:
    """What the command line says of one training run; None: as the recipe has it.

    Attributes:
        epochs: of every network, members of an ensemble included; 0: a linear layer on ImageNet features, no ensemble.
        seed: of the network that is shipped; members that name one keep it.
        device: ``cpu``, ``cuda:N`` or ``auto``.
    """

    epochs: int | None = None
    seed: int | None = None
    device: str = "auto"


def folder_of(name: str) -> Path:
    """The folder of an installed plugin; raises :class:`PluginError` naming those there are."""
    found = Catalogue().get(name)
    if found.manifest is None:
        raise PluginError(found.error, about=name)
    return found.manifest.folder


def train(folder: Path, data: Path, work: Path, run: Run) -> None:
    """Train, export, fit calibration and gates, and write the digests; see ``radnode_kit.training``."""
    if sequence := _sequence(folder):
        _refuse_what_a_sequence_has_not(run, folder)
        sequence.train(folder, data, work, run.seed)
        return
    from radnode_kit.export import export, finished

    recipe, bundle = read_recipe(folder), read_bundle(folder)
    recipe = recipe if run.seed is None else replace(recipe, seed=run.seed)
    dataset = load_dataset(read_sources(data, recipe.sources), bundle, work)
    network = network_of(recipe, bundle, dataset, work, run)
    reference = bundle.labels.index(recipe.reference) if recipe.exclusive else None
    export(finished(network, reference, bundle), bundle, folder)
    calibrate(folder, data, work)


def network_of(recipe: Recipe, bundle: Bundle, dataset: Dataset, work: Path, run: Run) -> Lite:
    """Train one network, or the members of the recipe and the one that learns from them, for as long as is asked."""
    from radnode_kit.ensemble import train_ensemble
    from radnode_kit.training import Trainer, device_of

    device = device_of(run.device)
    if recipe.members and run.epochs != 0:
        asked = recipe if run.epochs is None else recipe.lasting(run.epochs)
        return train_ensemble(asked, bundle, dataset, work, device)
    return Trainer(recipe, bundle, dataset, work, device).run(recipe.epochs if run.epochs is None else run.epochs)


def _refuse_what_a_sequence_has_not(run: Run, folder: Path) -> None:
    about = str(folder / SEQUENCE)
    if run.epochs is not None:
        raise PluginError("this plugin is trained in steps, not in epochs", about=about, hint="change `steps` there")
    if run.device not in ("auto", "cpu"):
        raise PluginError("this plugin is trained on the CPU alone, in minutes", about=about, hint="leave --device out")


def calibrate(folder: Path, data: Path, work: Path) -> None:
    """Fit calibration, gates, input check and prototypes to the model that is there, and write the digests."""
    if sequence := _sequence(folder):
        sequence.calibrate(folder, data, work)
        return
    from radnode_kit.fitting import Fitter

    recipe, bundle = read_recipe(folder), read_bundle(folder)
    dataset = load_dataset(read_sources(data, recipe.sources), bundle, work)
    Fitter(folder, recipe, bundle, dataset, data).run()
    seal(folder)


def measure_held_back(folder: Path, data: Path, work: Path, *, write: bool) -> str:
    """Measure the shipped model; with `write`, put the numbers into manifest and card. Answers the card's text."""
    if sequence := _sequence(folder):
        return str(sequence.evaluate(folder, data, work, write=write))
    recipe, classifier = read_recipe(folder), BundleClassifier(folder)
    classifier.load("cpu")
    samples = read_sources(data, recipe.sources)
    validation, held_back = (measure(classifier, samples, part) for part in ("validation", "held-back"))
    table = points(classifier, recipe, validation, held_back)
    extras = Extras(
        enough_cases(recipe, classifier.bundle.labels, samples, validation, held_back),
        refusals(classifier, recipe, held_back.samples, data),
        shortcuts(classifier, held_back.samples),
        consistency(classifier, held_back.samples, {name: point.threshold for name, point in table.items()}),
    )
    text = measured_text(classifier, recipe, held_back, table, extras)
    if write:
        write_points(folder, table)
        write_repeatability(folder, max(row.most for row in extras.consistency))
        write_card(folder, text)
    return text


def _sequence(folder: Path) -> ModuleType | None:
    """The commands of sequence models, where the recipe belongs to one."""
    return import_module("radnode_kit.sequence.commands") if (folder / SEQUENCE).is_file() else None
