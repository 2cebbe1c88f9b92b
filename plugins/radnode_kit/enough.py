"""Are there enough cases of a label for it to be claimed? A rule of the recipe, asked of every label of a network.

A label that does not keep it may stay in the network, where it helped to learn the others; the manifest must not claim
it, so that it is not assessed. The rule looks at how many images there are, at the answers on the validation part, and
at what could be checked on the held-back part: never at how well the held-back part is answered, or it would choose
the labels that were lucky there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.plugin import Interval
from radnode_kit.evaluation import Measured, area, chosen_point, labelled
from radnode_kit.metrics import chance_errors
from radnode_kit.recipe import Recipe
from radnode_kit.sources import Sample
from radnode_kit.split import PARTS, part_of


@dataclass(frozen=True)
class Cases:
    """What there is of one label.

    Attributes:
        name: of the label.
        counts: images with it in the parts training, validation and held-back.
        unanswered: share of the validation images that are no answer, of the source with the largest; 1 with no cases.
        checkable: how often honest probabilities would keep the error limit on the held-back part.
        apart: AUROC on the validation images that carry another label as well; NaN where the two never meet.
        wanting: what the rule misses, in words; empty: the label can be claimed.
    """

    name: str
    counts: tuple[int, ...]
    unanswered: float
    checkable: float
    apart: Interval
    wanting: tuple[str, ...]


def enough_cases(
    recipe: Recipe, labels: Sequence[str], samples: Sequence[Sample], validation: Measured, held_back: Measured
) -> list[Cases]:
    """Every label of the network but the reference, by the rule of the recipe. Args: samples: of all parts."""
    return [
        _cases(recipe, name, _counts(name, samples), validation, held_back, column)
        for column, name in enumerate(labels)
        if name != recipe.reference
    ]


def _cases(
    recipe: Recipe, name: str, counts: tuple[int, ...], validation: Measured, held_back: Measured, column: int
) -> Cases:
    unanswered, checkable = _unanswered(recipe, validation, column), _checkable(recipe, held_back, column)
    wanting = [
        f"{count} of {needed} in {part}"
        for count, needed, part in zip(counts, recipe.enough, PARTS, strict=True)
        if count < needed
    ]
    if unanswered > recipe.unanswered:
        wanting.append(f"no answer for more than {recipe.unanswered:.0%}")
    if checkable <= 0.5:  # right probabilities would rather fail than pass
        wanting.append(f"an error of {recipe.error_limit:g} cannot be checked")
    return Cases(name, counts, unanswered, checkable, _apart(validation, column), tuple(wanting))


def _counts(name: str, samples: Sequence[Sample]) -> tuple[int, ...]:
    parts = [sample.part or part_of(sample.group) for sample in samples if name in sample.labels]
    return tuple(parts.count(part) for part in PARTS)


def _unanswered(recipe: Recipe, validation: Measured, column: int) -> float:
    probability, truth, sources = labelled(validation, column)
    if truth.all() or not truth.any():
        return 1.0
    low, high = chosen_point(recipe, validation, column)[1] or (0.0, 0.0)
    between = (probability >= low) & (probability < high)
    return max(float(between[sources == name].mean()) for name in np.unique(sources))


def _checkable(recipe: Recipe, held_back: Measured, column: int) -> float:
    errors = chance_errors(labelled(held_back, column)[0])
    return float((errors <= recipe.error_limit).mean()) if len(errors) else 0.0


def _apart(validation: Measured, column: int) -> Interval:
    """A label that was never seen alone may be told only from what always goes with it."""
    others = np.delete(validation.targets, column, axis=1)
    together = np.nan_to_num(others).max(axis=1, initial=0.0) > 0.5
    truth = validation.targets[together, column] > 0.5
    if truth.all() or not truth.any():
        return Interval(float("nan"), float("nan"), float("nan"))
    return area(validation, column, together)
