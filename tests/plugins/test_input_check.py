from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from node.plugin import Array
from radnode_kit.fitting import fit_check
from radnode_kit.input_check import KINDS, InputCheck

ORDER = list(KINDS)


def features(kind: str, count: int = 120, seed: int = 0) -> Array:
    """Clouds far apart, one for each kind."""
    centre = 4.0 * np.eye(len(ORDER), 12)[ORDER.index(kind)]
    return (centre + np.random.default_rng(seed).normal(size=(count, 12))).astype(np.float32)


def fitted(*kinds: str) -> InputCheck:
    taught = [ORDER.index(kind) for kind in kinds for _ in range(120)]
    check = fit_check(np.concatenate([features(kind) for kind in kinds]), taught)
    return check.limited(features("right", seed=7), 0.98)


def test_right_images_pass_and_wrong_ones_are_named() -> None:
    check = fitted("right", "inverted", "rotated", "stranger")
    assert (check.distances(features("right", seed=7)) <= 1).mean() == pytest.approx(0.98, abs=0.01)
    for kind in ("inverted", "rotated", "stranger"):
        wrong = features(kind, seed=3)
        assert (check.distances(wrong) > 1).mean() > 0.95
        assert check.reasons(wrong).count(KINDS[kind]) > 110


def test_one_wrong_kind_is_enough_to_learn_from() -> None:
    check = fitted("right", "stranger")
    assert (check.distances(features("stranger", seed=3)) > 1).mean() > 0.95
    assert set(check.reasons(features("stranger", seed=3))) == {KINDS["stranger"]}


def test_the_answers_are_a_softmax_and_kinds_never_taught_get_nothing() -> None:
    answers = fitted("right", "inverted").answers(features("right"))
    assert answers.sum(axis=1) == pytest.approx(1.0)
    assert answers[:, ORDER.index("screen")].max() < 1e-12
