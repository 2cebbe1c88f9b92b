"""What is fitted to a trained network, before it is shipped: calibration, gates, input check, prototypes.

Comes in: the exported model of a plugin's folder and its data. On disk afterwards: the calibration in
``inference.json``, ``gate.safetensors``, ``prototypes.safetensors`` and ``prototypes.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from sklearn.linear_model import LogisticRegression

from node.plugin import Array
from radnode_kit.augmentation import Augmentation
from radnode_kit.bundle import GATE, PROTOTYPES, PROTOTYPES_NAMES, Bundle, write_calibration
from radnode_kit.calibration import Calibration, fit_platt, fit_temperature
from radnode_kit.dataset import Dataset
from radnode_kit.engine import NAMES, Outputs, open_engine, run_chunks
from radnode_kit.gate import Gate, Gates, fit_gate, set_limit
from radnode_kit.input_check import KINDS, InputCheck, features_of, folded
from radnode_kit.prototypes import Prototypes, projected
from radnode_kit.recipe import Recipe
from radnode_kit.wrong import MADE, mirrored, strangers, turned

DIMENSIONS = {"embedding": 64, "context": 32}
#: Images of each wrong kind that the check learns from; strangers: of each set.
_MADE, _STRANGERS = 350, 250
_RIDGE = 0.01


@dataclass(frozen=True)
class Right:
    """What the model answers for right images.

    Attributes:
        plain: of m images as they are.
        varied: of n of them as another scanner, protocol or archive would show them.
        kinds: (m,), group of each for the gate.
        varied_kinds: (n,).
    """

    plain: Outputs
    varied: Outputs
    kinds: list[str]
    varied_kinds: list[str]

    def each(self, values: Array) -> list[Array]:
        """Values (m, k) of the plain images, kind by kind: a limit must suit every kind, not all of them together."""
        kinds = np.array(self.kinds)
        return [values[kinds == kind] for kind in np.unique(kinds)]


class Fitter:
    """Fits everything that stands beside the weights of one plugin.

    Args:
        folder: of the plugin; its model is exported already.
        recipe: how.
        bundle: of the plugin.
        dataset: all parts; the held-back part is never touched.
        data: folder of all sets, for strangers.
    """

    def __init__(self, folder: Path, recipe: Recipe, bundle: Bundle, dataset: Dataset, data: Path):
        self.folder, self.recipe, self.bundle, self.data = folder, recipe, bundle, data
        self.train, self.validation = dataset.part("train"), dataset.part("validation")
        self._engine = open_engine(folder, "cpu", len(bundle.labels))

    def run(self) -> None:
        """Fit all of it and write it."""
        trained, checked = self._answers(self.train), self._answers(self.validation)
        write_calibration(self.folder, fit_calibration(self.recipe, checked.logits, self.validation))
        learned, tried = (
            self._with_varied(part, plain) for part, plain in ((self.train, trained), (self.validation, checked))
        )
        Gates(self._gates(learned, tried), self._check(learned, tried)).save(self.folder / GATE)
        prototypes(trained.embedding, self.train).save(self.folder / PROTOTYPES, self.folder / PROTOTYPES_NAMES)

    def _answers(self, dataset: Dataset) -> Outputs:
        return self._of(image.astype(np.float32) / 255.0 for image in dataset.canvases)

    def _of(self, canvases: Iterator[Array]) -> Outputs:
        """What the model answers for canvases (c, s, s) in 0..1."""
        parts, waiting = [], []
        for canvas in canvases:
            waiting.append(self.bundle.normalised(canvas))
            if len(waiting) == 32:
                parts.append(run_chunks(self._engine, waiting))
                waiting = []
        if waiting:
            parts.append(run_chunks(self._engine, waiting))
        return Outputs(*(np.concatenate([getattr(part, name) for part in parts]) for name in NAMES))

    def _with_varied(self, part: Dataset, plain: Outputs) -> Right:
        """The images of a part as they are, and some of them as another scanner or archive would show them."""
        chosen = np.random.default_rng(self.recipe.seed).permutation(len(part.samples))[: 2 * _MADE]
        change = Augmentation(self.recipe, seed=self.recipe.seed, invert=False)
        varied = self._of(change(np.asarray(part.canvases[index])[None])[0].numpy() for index in chosen)
        kinds = kinds_of(part, self.recipe)
        return Right(plain, varied, kinds, [kinds[index] for index in chosen])

    def _gates(self, learned: Right, tried: Right) -> dict[str, Gate]:
        gates = dict[str, Gate]()
        for name, dimensions in DIMENSIONS.items():
            values, kinds = getattr(learned.plain, name), learned.kinds
            if self.recipe.varied_share:
                values = np.concatenate([values, getattr(learned.varied, name)])
                kinds = [*kinds, *learned.varied_kinds]
            gate = fit_gate(values, kinds, dimensions)
            share, margin = self.recipe.limit_share, self.recipe.limit_margin
            limits = [set_limit(gate, each, share, margin) for each in tried.each(getattr(tried.plain, name))]
            if self.recipe.varied_share:
                limits.append(set_limit(gate, getattr(tried.varied, name), self.recipe.varied_share))
            gates[name] = max(limits, key=lambda each: each.limit)
        return gates

    def _check(self, learned: Right, tried: Right) -> InputCheck:
        features = [_features(learned.plain), _features(learned.varied)]
        if self.recipe.every_turn and self.recipe.flip:
            features.append(_features(self._of(map(mirrored, self._some(len(self.train.samples))))))
        kinds = [0] * sum(map(len, features))
        for kind, canvases in self._taught():
            answers = _features(self._of(canvases))
            features.append(answers)
            kinds += [list(KINDS).index(kind)] * len(answers)
            Console().print(f"input check: {len(answers)} images taught as {kind}")
        check = fit_check(np.concatenate(features), kinds)
        limits = [check.limited(each, self.recipe.check_share) for each in tried.each(_features(tried.plain))]
        if self.recipe.varied_share:
            limits.append(check.limited(_features(tried.varied), self.recipe.varied_share))
        return max(limits, key=lambda each: each.limit)

    def _taught(self) -> Iterator[tuple[str, Iterator[Array]]]:
        random = np.random.default_rng(self.recipe.seed)
        for kind in self.recipe.wrong:
            every = kind == "rotated" and self.recipe.every_turn
            yield kind, self._turns() if every else (MADE[kind](image, random) for image in self._some(_MADE))
        for source in self.recipe.strangers:
            yield "stranger", strangers(self.data, source, self.bundle, "train", _STRANGERS)

    def _turns(self) -> Iterator[Array]:
        """Every training image turned by one and by three quarters, and by two where its right way up is known."""
        for sample, pixels in zip(self.train.samples, self.train.canvases, strict=True):
            known = sample.labels.isdisjoint(self.recipe.either_way_up)
            for quarters in (1, 2, 3) if known else (1, 3):
                yield turned(pixels.astype(np.float32) / 255.0, quarters)

    def _some(self, count: int) -> Iterator[Array]:
        chosen = np.random.default_rng(self.recipe.seed).permutation(len(self.train.samples))[:count]
        return (self.train.canvases[index].astype(np.float32) / 255.0 for index in chosen)


def fit_check(features: Array, kinds: Sequence[int]) -> InputCheck:
    """The softmax on features (m, n) of kinds (m,); the wrong kinds weigh alike, the right one as all of them."""
    centre, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-3)
    present, counts = np.unique(kinds, return_counts=True)
    share = np.where(present == 0, 0.5, 0.5 / max(1, len(present) - 1)) / counts
    weights = share[np.searchsorted(present, kinds)] * len(kinds)
    model = LogisticRegression(C=_RIDGE, max_iter=300)
    model.fit((features - centre) / scale, kinds, sample_weight=weights)
    slope, bias = model.coef_, model.intercept_
    if len(present) == 2:  # scikit-learn keeps one row for two kinds
        slope, bias = np.concatenate([-slope, slope]) / 2, np.concatenate([-bias, bias]) / 2
    return folded(slope, bias, [int(kind) for kind in present], centre, scale)


def _features(answers: Outputs) -> Array:
    return features_of(answers.embedding, answers.context)


def prototypes(embeddings: Array, train: Dataset) -> Prototypes:
    """The training cases in the main directions of their embeddings (m, n)."""
    mean = embeddings.mean(axis=0)
    directions = np.linalg.svd(embeddings - mean, full_matrices=False)[2][: DIMENSIONS["embedding"]]
    labels = [(sample.labels, sample.known) for sample in train.samples]
    vectors = projected(embeddings, mean, directions)
    return Prototypes(mean, directions, vectors, [sample.case for sample in train.samples], labels)


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
