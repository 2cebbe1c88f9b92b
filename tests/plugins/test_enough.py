"""Whether a label can be claimed: by counts, and by what validation says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radnode_kit.enough import Cases, enough_cases
from radnode_kit.evaluation import Measured, errors_of
from radnode_kit.recipe import Recipe
from radnode_kit.sources import Sample

LABELS = ("common", "rare", "nothing")
RECIPE = Recipe(("films",), exclusive=False, reference="nothing")


def measured(count: int, *, sure: bool = True, seed: int = 0, part: str = "validation") -> Measured:
    """Half of the images are common; one in ten of those is rare too. The answers are honest."""
    rng = np.random.default_rng(seed)
    common = rng.random(count) < 0.5
    rare = common & (np.arange(count) % 10 == 0)
    targets = np.stack([common, rare, ~common], axis=1).astype(np.float32)
    honest = np.where(targets > 0.5, 0.97, 0.03) if sure else np.clip(0.5 + rng.normal(0, 0.05, targets.shape), 0, 1)
    samples = [
        Sample(Path(f"{n}"), "films", f"{part}{n}", frozenset(np.array(LABELS)[row > 0.5]), frozenset(LABELS), {}, part)
        for n, row in enumerate(targets)
    ]
    flat = np.zeros(count, np.float32)
    return Measured(samples, targets, targets, honest, np.zeros((count, 2), np.float32), flat, flat, 0.0)


def judged(validation: Measured, held_back: Measured, recipe: Recipe = RECIPE) -> dict[str, Cases]:
    learned = measured(600, part="train")
    samples = [*learned.samples, *validation.samples, *held_back.samples]
    return {each.name: each for each in enough_cases(recipe, LABELS, samples, validation, held_back)}


def test_a_label_with_many_cases_and_sure_answers_can_be_claimed() -> None:
    common = judged(measured(300), measured(400, part="held-back"))["common"]
    assert common.wanting == ()
    assert (common.unanswered, common.checkable) == (0.0, 1.0)
    assert all(count > 100 for count in common.counts)


def test_a_label_with_few_cases_can_not_and_the_part_is_named() -> None:
    rare = judged(measured(300), measured(400, part="held-back"))["rare"]
    assert rare.counts[0] < 100
    assert any("of 100 in train" in words for words in rare.wanting)


def test_the_reference_of_a_softmax_is_no_finding() -> None:
    assert set(judged(measured(100), measured(100, part="held-back"))) == {"common", "rare"}


def test_a_label_that_mostly_gets_no_answer_can_not_be_claimed() -> None:
    common = judged(measured(300, sure=False), measured(4000, part="held-back", sure=False))["common"]
    assert common.unanswered > 0.5
    assert common.wanting == ("no answer for more than 50%",)


def test_the_source_with_fewest_answers_counts() -> None:
    sure, unsure = measured(300), measured(300, sure=False, seed=1)
    other = [replace(sample, source="others") for sample in unsure.samples]
    both = replace(
        sure,
        samples=[*sure.samples, *other],
        targets=np.concatenate([sure.targets, unsure.targets]),
        probabilities=np.concatenate([sure.probabilities, unsure.probabilities]),
    )
    assert judged(both, measured(4000, part="held-back"))["common"].unanswered > 0.8


def test_an_error_that_chance_alone_exceeds_cannot_be_checked() -> None:
    few = judged(measured(300), measured(100, part="held-back", sure=False))["common"]
    many = judged(measured(300), measured(4000, part="held-back", sure=False))["common"]
    assert few.checkable < 0.1
    assert few.wanting == ("an error of 0.05 cannot be checked",)
    assert many.checkable == 1.0


def test_the_truth_of_the_held_back_part_decides_nothing() -> None:
    held_back = measured(400, part="held-back")
    lucky = replace(held_back, targets=1.0 - held_back.targets)
    assert judged(measured(300), held_back) == pytest.approx(judged(measured(300), lucky))


def test_a_label_never_seen_on_validation_gets_no_answer() -> None:
    validation = measured(300)
    none = replace(validation, targets=validation.targets * np.array([1, 0, 1], np.float32))
    rare = judged(none, measured(400, part="held-back"))["rare"]
    assert rare.unanswered == 1.0
    assert np.isnan(rare.apart.value)


def test_a_label_is_told_apart_from_what_it_comes_with() -> None:
    found = judged(measured(300), measured(400, part="held-back"))
    assert found["rare"].apart.value == 1.0


def test_errors_of_sources_stand_beside_that_of_all() -> None:
    one = measured(200)
    assert set(errors_of(one, 0)) == {"all"}
    two = replace(one, samples=[replace(s, source="ab"[n % 2]) for n, s in enumerate(one.samples)])
    assert set(errors_of(two, 0)) == {"all", "a", "b"}
