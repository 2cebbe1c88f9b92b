"""Films with marked places: mini-MIAS, and a linear layer on frozen ImageNet features to be explained there.

A test of the plumbing and no more: no mammography plugin is shipped, the features have never seen a mammogram, and what
the layer knows of lesions is little (its AUROC says how little). It answers whether maps lie the right way up, and
which method points best at the same weak knowledge.

Mini-MIAS: Suckling et al. 1994; research use only, so it trains nothing that is shipped.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track

from node.errors import PluginError
from node.plugin import Array, Interval
from radnode_kit.calibration import Calibration
from radnode_kit.dataset import read_pixels
from radnode_kit.explanations.faithfulness import mean_interval
from radnode_kit.explanations.methods import METHODS, Method
from radnode_kit.explanations.pointing import Place, density, hit
from radnode_kit.explanations.subject import CHUNK, Subject, both_forms, laid_out, with_last_layer
from radnode_kit.letterbox import canvas
from radnode_kit.lite import Lite
from radnode_kit.metrics import auroc, wilson

SIZE = 448
FOLDS = 5
_ORIGINAL = 1024  # side of the films in whose pixels places are given
_MEAN, _DEVIATION = 127 / 255, 128 / 255  # of the ImageNet weights


@dataclass(frozen=True)
class Film:
    """One mammogram.

    Attributes:
        path: of the image file.
        patient: both breasts of a woman have the same.
        abnormal: something was found.
        places: where, in pixels of the network's input; empty also where the finding has no marked place.
    """

    path: Path
    patient: str
    abnormal: bool
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Pointing:
    """What the methods did on n films with marked places.

    Attributes:
        hits: (m, n) of the m methods, True where the most evidence lies on a marked place.
        densities: (m, n), density of the evidence on marked places relative to the whole film.
        names: of the methods.
        patients: (n,).
        area: AUROC of the linear layer, abnormal against normal, by cross-validation.
    """

    hits: npt.NDArray[np.bool_]
    densities: npt.NDArray[np.float64]
    names: tuple[str, ...]
    patients: npt.NDArray[np.str_]
    area: float

    def rate(self, name: str) -> Interval:
        """Share of films that a method points right on."""
        row = self.hits[self.names.index(name)]
        return wilson(int(row.sum()), len(row))

    def density(self, name: str) -> Interval:
        """Mean density of a method."""
        return mean_interval(self.densities[self.names.index(name)], self.patients)


def read_films(folder: Path) -> list[Film]:
    """All films of a folder with ``labels.csv``; raises :class:`PluginError` when it is not there."""
    table = folder / "labels.csv"
    if not table.is_file():
        raise PluginError("the data set is not there", about=str(table), hint="see plugins/DATA.md for the layout")
    with table.open(newline="", encoding="utf-8") as stream:
        return [
            Film(folder / row["file"], row["patient"], row["label"] != "normal", places_of(row["locations_1024"]))
            for row in csv.DictReader(stream)
        ]


def places_of(text: str) -> tuple[Place, ...]:
    """``535 425 197;300 80 20`` (column, row from the bottom, radius, for 1024 pixels) -> places in the input.

    A note in the place of a circle says that a finding is spread out; it marks nothing.
    """
    scale, places = SIZE / _ORIGINAL, []
    for each in text.split(";"):
        if not each or each.startswith("*"):
            continue
        x, y, radius = (float(number) for number in each.split())
        places.append(Place((_ORIGINAL - y) * scale, x * scale, radius * scale))
    return tuple(places)


def fold_of(patient: str) -> int:
    """The fold that holds a patient back."""
    return int(sha256(f"radnode fold {patient}".encode()).hexdigest()[:8], 16) % FOLDS


def point(films: Sequence[Film], features: Lite, count: int | None = None) -> Pointing:
    """Cross-validate a linear layer on frozen features, and explain it on the marked films that it did not learn from.

    Args:
        films: all films.
        features: a folded dilated network for grey images; its last layer is replaced.
        count: of marked films to explain, spread over all; None: every one.
    """
    embeddings = _embedded(features, films)
    chosen = [index for index, film in enumerate(films) if film.places]
    if count is not None:
        chosen = chosen[:: max(1, len(chosen) // count)][:count]
    subjects, scores = _layers(films, features, embeddings)
    table = np.zeros((len(METHODS), len(chosen), 2))
    for number, index in enumerate(track(chosen, description="marked films")):
        subject = subjects[fold_of(films[index].patient)]
        table[:, number] = judged(subject, METHODS, _pixels(films[index])[None], films[index].places)
    patients = np.array([films[index].patient for index in chosen])
    area = auroc(scores, np.array([film.abnormal for film in films]))
    return Pointing(table[:, :, 0] > 0, table[:, :, 1], tuple(METHODS), patients, area)


def judged(
    subject: Subject, methods: Mapping[str, Method], image: Array, places: Sequence[Place]
) -> npt.NDArray[np.float64]:
    """(m, 2): hit (1 or 0) and density of every method on one image (1, c, s, s), for the first label."""
    maps = [method(subject, image, np.array([0]))[0] for method in methods.values()]
    size = image.shape[-1]
    return np.array([[float(hit(each, size, places)), density(each, size, places)] for each in maps])


def _layers(films: Sequence[Film], features: Lite, embeddings: Array) -> tuple[list[Subject], Array]:
    """For each fold the network that did not learn from it, and every film's logit from that of its fold."""
    from radnode_kit.probe import probe
    from radnode_kit.recipe import Recipe

    recipe = Recipe((), exclusive=False)
    truth = np.array([[float(film.abnormal)] for film in films], dtype=np.float32)
    folds = np.array([fold_of(film.patient) for film in films])
    subjects, scores = [], np.zeros(len(films), dtype=np.float32)
    for fold in range(FOLDS):
        kept = folds != fold
        weight, bias = probe(embeddings[kept], truth[kept], np.ones_like(truth[kept]), recipe)
        scores[~kept] = (embeddings[~kept] @ weight.T + bias)[:, 0]
        network = laid_out(with_last_layer(features, weight, bias))
        plain, fine = both_forms(network, classes=1, channels=1)
        subjects.append(Subject(network, plain, fine, Calibration("platt", [1.0], [0.0]), SIZE))
    return subjects, scores


def _embedded(features: Lite, films: Sequence[Film]) -> Array:
    import torch

    parts = []
    for start in track(range(0, len(films), CHUNK), description="features"):
        images = np.stack([_pixels(film) for film in films[start : start + CHUNK]])
        with torch.inference_mode():
            parts.append(features(torch.from_numpy(images))[2].numpy())
    return np.concatenate(parts)


def _pixels(film: Film) -> Array:
    """(1, s, s), normalised."""
    shown, _ = canvas(read_pixels(film.path), SIZE)
    return np.asarray((shown - _MEAN) / _DEVIATION, dtype=np.float32)
