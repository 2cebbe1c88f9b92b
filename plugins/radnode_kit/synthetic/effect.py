"""Whether made-up melanomas help: the same linear layer on the same frozen features, with and without them.

Every arm is fitted with several seeds; a seed draws one of eight views of each training image, which images are
repeated and which made-up ones are added. The strength of the regularisation is chosen for each arm on the validation
part. The held-back part is looked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from node.plugin import Array, Interval
from radnode_kit.metrics import auroc, bootstrap
from radnode_kit.probe import probe
from radnode_kit.recipe import Recipe
from radnode_kit.synthetic.images import RARE, Classes

RIDGES = (0.0003, 0.001, 0.003, 0.01, 0.03)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Embedded:
    """Images as the frozen network sees them: views (n, 8, d) and classes (n,)."""

    views: Array
    classes: Classes

    def __len__(self) -> int:
        return len(self.classes)

    def chosen(self, rows: npt.NDArray[np.int64]) -> Embedded:
        """These rows, repeats and all."""
        return Embedded(self.views[rows], self.classes[rows])

    def rare(self) -> npt.NDArray[np.int64]:
        """Rows of the rare class."""
        return np.flatnonzero(self.classes == RARE)


@dataclass(frozen=True)
class Parts:
    """What the comparison needs: the parts of the real set, and the made-up images."""

    train: Embedded
    validation: Embedded
    held_back: Embedded
    synthetic: Embedded


Draw = Callable[[Parts, np.random.Generator], Embedded]


@dataclass(frozen=True)
class Arm:
    """One way to make a training set.

    Attributes:
        draw: the training set for a random generator.
        weighted: both classes weigh the same in the loss.
    """

    draw: Draw
    weighted: bool = False


def real(parts: Parts, rng: np.random.Generator) -> Embedded:
    """The training part as it is."""
    return parts.train


def repeated(parts: Parts, rng: np.random.Generator) -> Embedded:
    """As many real melanomas once more as :func:`with_melanomas` adds made-up ones."""
    return joined(parts.train, parts.train.chosen(rng.choice(parts.train.rare(), len(parts.synthetic.rare()))))


def with_melanomas(parts: Parts, rng: np.random.Generator) -> Embedded:
    """The training part and the made-up melanomas."""
    rows = parts.synthetic.rare()
    return joined(parts.train, parts.synthetic.chosen(rng.choice(rows, len(rows))))


def with_all_classes(parts: Parts, rng: np.random.Generator) -> Embedded:
    """The training part and as many made-up images of each class, so that being made up tells nothing."""
    return joined(parts.train, synthetic_alone(parts, rng))


def synthetic_alone(parts: Parts, rng: np.random.Generator) -> Embedded:
    """No real image: as many made-up ones of each class."""
    classes = parts.synthetic.classes
    count = int(np.bincount(classes).min())
    rows = [rng.choice(np.flatnonzero(classes == each), count, replace=False) for each in np.unique(classes)]
    return parts.synthetic.chosen(np.concatenate(rows))


ARMS: Mapping[str, Arm] = {
    "real images": Arm(real),
    "real, weighted": Arm(real, weighted=True),
    "real, melanomas repeated": Arm(repeated),
    "real + made-up melanomas": Arm(with_melanomas),
    "real + made-up melanomas, weighted": Arm(with_melanomas, weighted=True),
    "real + made-up of all classes, weighted": Arm(with_all_classes, weighted=True),
    "made-up of all classes alone": Arm(synthetic_alone, weighted=True),
}
#: What is asked, and what it is compared with.
ASKED = "real + made-up melanomas"
BASELINES = ("real images", "real, weighted", "real, melanomas repeated")


def joined(*sets: Embedded) -> Embedded:
    """One set after another."""
    return Embedded(np.concatenate([s.views for s in sets]), np.concatenate([s.classes for s in sets]))


def one_view(images: Embedded, rng: np.random.Generator) -> Array:
    """(n, d), a random view of each."""
    return np.asarray(images.views[np.arange(len(images)), rng.integers(0, images.views.shape[1], len(images))])


@dataclass(frozen=True)
class Scores:
    """Logits of an arm's classifiers: (seeds, images), the mean over the eight views of each image.

    Attributes:
        held_back: of the held-back part.
        ridge: the regularisation (C) that did best on the validation part.
        validation: its mean AUROC there.
    """

    held_back: Floats
    ridge: float
    validation: float


def run_arm(arm: Arm, parts: Parts, seeds: int) -> Scores:
    """Fit every seed with every strength of regularisation; keep the strength that does best on validation."""
    validation, held_back = (part.views.mean(axis=1) for part in (parts.validation, parts.held_back))
    best: Scores | None = None
    for ridge in RIDGES:
        layers = [_fit(arm, parts, ridge, seed) for seed in range(seeds)]
        truth = parts.validation.classes == RARE
        here = float(np.mean([auroc(validation @ weight + bias, truth) for weight, bias in layers]))
        if best is None or here > best.validation:
            best = Scores(np.stack([held_back @ weight + bias for weight, bias in layers]), ridge, here)
    if best is None:
        raise ValueError("no strength of regularisation to try")
    return best


def _fit(arm: Arm, parts: Parts, ridge: float, seed: int) -> tuple[Array, float]:
    rng = np.random.default_rng((seed, 7))
    images = arm.draw(parts, rng)
    truth = (images.classes == RARE).astype(np.float32)[:, None]
    share = truth.mean()
    weights = np.where(truth > 0, 0.5 / share, 0.5 / (1 - share)) if arm.weighted else np.ones_like(truth)
    weight, bias = probe(one_view(images, rng), truth, weights, Recipe((), exclusive=False, ridge=ridge))
    return weight[0], float(bias[0])


@dataclass(frozen=True)
class Outcome:
    """AUROC of one arm on the held-back part.

    Attributes:
        auroc: mean over the seeds, with the bootstrap interval over images.
        seeds: (s,), of each seed.
        gains: arm -> mean difference to it, paired by image and seed, with its interval (-1..1).
        ridge: regularisation that was chosen.
    """

    auroc: Interval
    seeds: tuple[float, ...]
    gains: Mapping[str, Interval]
    ridge: float


def outcomes(table: Mapping[str, Scores], truth: npt.NDArray[np.bool_], rounds: int = 1000) -> dict[str, Outcome]:
    """Figures of all arms from their scores; `truth` (n,) is melanoma or not."""
    cases = np.arange(len(truth)).astype(np.str_)
    return {
        name: Outcome(
            bootstrap(lambda rows, s=scores: mean_auroc(s, truth, rows), cases, rounds),  # type: ignore[misc]  # binds s
            tuple(auroc(each, truth) for each in scores.held_back),
            {base: _gain(scores, table[base], truth, rounds) for base in BASELINES if base in table and base != name},
            scores.ridge,
        )
        for name, scores in table.items()
    }


def _gain(scores: Scores, base: Scores, truth: npt.NDArray[np.bool_], rounds: int) -> Interval:
    def difference(rows: npt.NDArray[np.int64]) -> float:
        return mean_auroc(scores, truth, rows) - mean_auroc(base, truth, rows)

    return bootstrap(difference, np.arange(len(truth)).astype(np.str_), rounds)


def mean_auroc(scores: Scores, truth: npt.NDArray[np.bool_], rows: npt.NDArray[np.int64]) -> float:
    """Mean over the seeds of the AUROC on these rows."""
    return float(np.mean([auroc(each[rows], truth[rows]) for each in scores.held_back]))


def verdict(gain: Interval) -> str:
    """What an interval of a difference lets one say."""
    if gain.low > 0:
        return "better"
    return "worse" if gain.high < 0 else "no difference that could be told from chance"
