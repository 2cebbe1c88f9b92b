"""Repeated cross-validation in which no patient is in two folds, and the file that keeps its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from node.errors import PluginError
from radnode_kit.calibration import Floats, fit_platt, sigmoid
from radnode_kit.sequence.bags import Bags
from radnode_kit.sequence.cases import Sequences
from radnode_kit.sequence.fitting import Recipe, Variant, fit
from radnode_kit.sequence.network import Reader

CROSSED = "bundle/configs/crossed.json"
_KEPT = ("logits", "narrow", "joined", "folds")


@dataclass(frozen=True)
class OutOfFold:
    """What models said of series of patients they had not seen.

    Attributes:
        logits: (repeats, s).
        narrow: (repeats, s), of the same series through a field of view of 300 mm.
        joined: (repeats, s), of the sequence of all slices of its patient with the same label.
        folds: (repeats, s), the fold that each series was in.
    """

    logits: Floats
    narrow: Floats
    joined: Floats
    folds: npt.NDArray[np.int64]

    @property
    def mean(self) -> Floats:
        """(s,), over the repeats."""
        return np.asarray(self.logits.mean(axis=0))


@dataclass(frozen=True)
class Crossed:
    """Cross-validation of all variants.

    Attributes:
        variants: name -> its answers; the folds are the same for all.
        shipped: name of the variant that was refitted on all patients.
        patients: (s,), of each series.
        enhanced: (s,), its label.
    """

    variants: Mapping[str, OutOfFold]
    shipped: str
    patients: npt.NDArray[np.str_]
    enhanced: npt.NDArray[np.bool_]

    @property
    def chosen(self) -> OutOfFold:
        """The answers of the shipped variant."""
        return self.variants[self.shipped]

    @property
    def probabilities(self) -> Floats:
        """(s,), of the shipped variant's mean logits, calibrated (Platt) on all other patients."""
        logits, answer = self.chosen.mean, np.zeros(len(self.enhanced))
        for name in np.unique(self.patients):
            here = self.patients == name
            slope, intercept = fit_platt(logits[~here], self.enhanced[~here])
            answer[here] = sigmoid(slope * logits[here] + intercept)
        return answer


def write_crossed(folder: Path, crossed: Crossed) -> None:
    """Keep the answers beside the plugin's configuration, rounded to what matters."""
    table = {
        name: {key: np.round(getattr(answer, key), 4).tolist() for key in _KEPT}
        for name, answer in crossed.variants.items()
    }
    series = {"patients": crossed.patients.tolist(), "enhanced": crossed.enhanced.tolist()}
    text = json.dumps({"shipped": crossed.shipped, **series, "variants": table}).replace('"logits"', '\n"logits"')
    (folder / CROSSED).write_text(text + "\n", encoding="utf-8")


def read_crossed(folder: Path) -> Crossed:
    """Read what :func:`write_crossed` wrote; raises :class:`PluginError`."""
    try:
        table = json.loads((folder / CROSSED).read_text(encoding="utf-8"))
        variants = {
            name: OutOfFold(*(np.array(each[key]) for key in _KEPT)) for name, each in table["variants"].items()
        }
        return Crossed(variants, table["shipped"], np.array(table["patients"]), np.array(table["enhanced"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "run train first"
        raise PluginError(f"the cross-validation cannot be read: {error}", about=str(folder), hint=hint) from error


def patient_folds(sequences: Sequences, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """(s,), fold of each series. Patients with the same labels are spread evenly over the folds, in random order."""
    rng, answer = np.random.default_rng(seed), np.zeros(len(sequences.rows), dtype=np.int64)
    names = np.unique(sequences.patients)
    kinds = {name: frozenset(sequences.enhanced[sequences.patients == name].tolist()) for name in names}
    order = sorted(rng.permutation(names).tolist(), key=lambda name: sorted(kinds[name]))
    start = int(rng.integers(0, folds))
    for place, name in enumerate(order):
        answer[sequences.patients == name] = (start + place) % folds
    return answer


def out_of_fold(bags: Bags, sequences: Sequences, variant: Variant, recipe: Recipe) -> OutOfFold:
    """Fit `repeats` x `folds` readers and ask each about the series of its own fold."""
    answers = np.zeros((3, recipe.repeats, len(sequences.rows)))
    folds = np.stack([patient_folds(sequences, recipe.folds, recipe.seed + r) for r in range(recipe.repeats)])
    for repeat, fold in np.ndindex(recipe.repeats, recipe.folds):
        rows = [row for s, some in enumerate(sequences.rows) if folds[repeat, s] != fold for row in some]
        reader = fit(bags, np.array(rows), variant, recipe, recipe.seed + 1000 * repeat + fold)
        for number in np.flatnonzero(folds[repeat] == fold).tolist():
            answers[:, repeat, number] = _asked(reader, bags, sequences, number)
    return OutOfFold(answers[0], answers[1], answers[2], folds)


def _asked(reader: Reader, bags: Bags, sequences: Sequences, number: int) -> tuple[float, float, float]:
    """Logits of a series, of the same through a narrow field of view, and of all that is alike in its patient."""
    own = sequences.rows[number]
    alike = (sequences.patients == sequences.patients[number]) & (sequences.enhanced == sequences.enhanced[number])
    every = [row for place in np.flatnonzero(alike).tolist() for row in sequences.rows[place]]
    with torch.inference_mode():
        told = (reader(bags.sequence(own)), reader(bags.sequence(own, view=1)), reader(bags.sequence(every)))
    return float(told[0]), float(told[1]), float(told[2])


def all_variants(bags: Bags, sequences: Sequences, recipe: Recipe) -> Iterator[tuple[Variant, OutOfFold]]:
    """Cross-validate every variant of the recipe, with the same folds."""
    for number in range(len(recipe.variants)):
        variant = recipe.variant(number)
        yield variant, out_of_fold(bags, sequences, variant, recipe)
