"""How many wrong inputs a plugin refuses: held-back images made wrong, and images of other sets.

Measured on what the input check never learned from: held-back images and other files of the sets it was taught to
refuse, and sets that it never saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from node.plugin import Array, Image, Interval
from radnode_kit.classifier import BundleClassifier
from radnode_kit.dataset import read_pixels
from radnode_kit.letterbox import canvas
from radnode_kit.metrics import wilson
from radnode_kit.recipe import Recipe
from radnode_kit.sources import Sample
from radnode_kit.wrong import MADE, strangers, turned

#: Sets that can be sent to the wrong plugin.
SETS = ("cxr_nih", "cxr_pediatric_kermany", "mr_brain_tumor", "skin_isic2017", "mg_mias", "op_fundus")
_MOST = 150


@dataclass(frozen=True)
class Refusals:
    """How one kind of input fared.

    Attributes:
        kind: of :data:`radnode_kit.wrong.MADE`, a part of one, or the name of a set.
        taught: whether the input check learned from images of that kind (never from these).
        refused: share refused, with Wilson's interval.
        count: of images.
    """

    kind: str
    taught: bool
    refused: Interval
    count: int


def refusals(classifier: BundleClassifier, recipe: Recipe, held_back: Sequence[Sample], data: Path) -> list[Refusals]:
    """Every kind of wrong input; sets that are not in `data` are left out."""
    rows = [_row(classifier, kind, kind in recipe.wrong, _made(classifier, kind, held_back)) for kind in MADE]
    rows += _turned(classifier, recipe, held_back)
    for source in SETS:
        if source not in recipe.sources and (data / source).is_dir():
            canvases = strangers(data, source, classifier.bundle, "held-back", _MOST)
            rows.append(_row(classifier, source, source in recipe.strangers, canvases))
    return rows


def _turned(classifier: BundleClassifier, recipe: Recipe, held_back: Sequence[Sample]) -> Iterator[Refusals]:
    """The turned ones once more, turn by turn, with a finding and without: they are not equally easy to tell."""
    claimed = {spec.name for spec in classifier.manifest.findings}
    for turn, quarters in (("by a quarter", (1, 3)), ("upside down", (2,))):
        for words, wanted in (("with a finding", True), ("without", False)):
            chosen = [sample for sample in held_back if bool(claimed & sample.labels) is wanted]
            canvases = (turned(right, number) for right in _right(classifier, chosen) for number in quarters)
            if chosen:
                yield _row(classifier, f"rotated {turn}, {words}", "rotated" in recipe.wrong, canvases)


def _made(classifier: BundleClassifier, kind: str, held_back: Sequence[Sample]) -> Iterator[Array]:
    random = np.random.default_rng(7)
    for right in _right(classifier, held_back):
        yield MADE[kind](right, random)


def _right(classifier: BundleClassifier, held_back: Sequence[Sample]) -> Iterator[Array]:
    """Canvases of at most 150 of the images."""
    bundle, step = classifier.bundle, max(1, len(held_back) // _MOST)
    for sample in held_back[::step][:_MOST]:
        yield canvas(read_pixels(sample.path, bundle.channels), bundle.size, bundle.channels)[0]


def _row(classifier: BundleClassifier, kind: str, taught: bool, canvases: Iterable[Array]) -> Refusals:
    refused = [shut for some in _chunks(canvases) for shut in refused_of(classifier, some)]
    return Refusals(kind, taught, wilson(sum(refused), len(refused)), len(refused))


def _chunks(canvases: Iterable[Array]) -> Iterator[list[Array]]:
    waiting = iter(canvases)
    while some := list(islice(waiting, 32)):
        yield some


def refused_of(classifier: BundleClassifier, canvases: Sequence[Array]) -> list[bool]:
    """Whether the plugin refuses each canvas (c, s, s) in 0..1, alone."""
    answers = classifier.answer([picture(each, number) for number, each in enumerate(canvases)])
    return [
        bool(blank or distance > 1.0) for blank, distance in zip(answers.blank, answers.distance.tolist(), strict=True)
    ]


def picture(made: Array, number: int) -> Image:
    """A canvas (c, s, s) as the node would hand it over."""
    return Image(made[0] if len(made) == 1 else np.ascontiguousarray(made.transpose(1, 2, 0)), None, f"1.2.{number}")
