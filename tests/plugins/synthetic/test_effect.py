from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from node.plugin import Interval
from radnode_kit.synthetic.effect import (
    ARMS,
    ASKED,
    BASELINES,
    Arm,
    Embedded,
    Parts,
    Scores,
    mean_auroc,
    outcomes,
    real,
    repeated,
    run_arm,
    synthetic_alone,
    verdict,
    with_all_classes,
    with_melanomas,
)
from radnode_kit.synthetic.images import RARE


def embedded(counts: tuple[int, int, int], gap: float, seed: int) -> Embedded:
    """Melanomas lie `gap` away from the others along the first axis."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(3), counts)
    views = rng.normal(size=(len(classes), 8, 6)).astype(np.float32)
    views[..., 0] += gap * (classes == RARE)[:, None]
    return Embedded(views, classes)


def parts(gap: float = 1.0, synthetic_gap: float = 1.0) -> Parts:
    return Parts(
        embedded((10, 20, 90), gap, 0),
        embedded((20, 20, 20), gap, 1),
        embedded((40, 40, 40), gap, 2),
        embedded((60, 30, 30), synthetic_gap, 3),
    )


def test_only_what_an_arm_says_is_added() -> None:
    rng, table = np.random.default_rng(0), parts()
    sizes = {draw: np.bincount(draw(table, rng).classes).tolist() for draw in (real, repeated, with_melanomas)}
    assert sizes[real] == [10, 20, 90]
    assert sizes[repeated] == sizes[with_melanomas] == [70, 20, 90]
    assert np.bincount(with_all_classes(table, rng).classes).tolist() == [40, 50, 120]
    assert np.bincount(synthetic_alone(table, rng).classes).tolist() == [30, 30, 30]


def test_repeats_are_real_and_additions_are_made_up() -> None:
    rng, table = np.random.default_rng(0), parts()
    known = {row.tobytes() for row in table.train.views}
    made_up = {row.tobytes() for row in table.synthetic.views}
    assert all(row.tobytes() in known for row in repeated(table, rng).views)
    assert all(row.tobytes() in made_up for row in with_melanomas(table, rng).views[len(table.train) :])
    assert all(row.tobytes() in made_up for row in synthetic_alone(table, rng).views)


def test_wrong_melanomas_harm_and_right_ones_do_not() -> None:
    scores = {}
    for name, gap in (("right", 1.0), ("wrong", -1.0)):
        table = parts(gap=1.0, synthetic_gap=gap)
        truth = table.held_back.classes == RARE
        scores[name] = mean_auroc(run_arm(Arm(with_melanomas), table, 2), truth, np.arange(len(truth)))
    plain = mean_auroc(run_arm(Arm(real), parts(), 2), truth, np.arange(len(truth)))
    assert plain - scores["wrong"] > 0.2
    assert scores["right"] == pytest.approx(plain, abs=0.05)


def test_the_same_seeds_give_the_same_scores_and_seeds_differ() -> None:
    first, again = (run_arm(ARMS[ASKED], parts(), 3) for _ in range(2))
    assert np.array_equal(first.held_back, again.held_back)
    assert first.held_back.shape == (3, 120)
    assert not np.allclose(first.held_back[0], first.held_back[1])


def test_every_arm_is_compared_with_every_baseline_but_itself() -> None:
    table = {name: run_arm(ARMS[name], parts(), 2) for name in (ASKED, *BASELINES)}
    found = outcomes(table, parts().held_back.classes == RARE, rounds=50)
    assert set(found[ASKED].gains) == set(BASELINES)
    assert set(found[BASELINES[0]].gains) == set(BASELINES[1:])
    for outcome in found.values():
        assert outcome.auroc.low <= outcome.auroc.value <= outcome.auroc.high
        assert outcome.auroc.value == pytest.approx(np.mean(outcome.seeds))


def test_a_difference_is_paired_by_image() -> None:
    # Two arms with the same scores differ by nothing in every resample, however wide their own intervals are.
    truth = np.arange(40) % 2 == 0
    logits = np.random.default_rng(0).normal(size=(2, 40)) + truth
    table = {name: Scores(logits, 0.01, 0.8) for name in (ASKED, BASELINES[0])}
    found = outcomes(table, truth, rounds=50)
    assert found[ASKED].gains[BASELINES[0]] == Interval(0.0, 0.0, 0.0)
    assert found[ASKED].auroc.high - found[ASKED].auroc.low > 0.1


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.01, 0.05, "better"), (-0.05, -0.01, "worse"), (-0.01, 0.02, "no difference")]
)
def test_the_verdict_is_what_the_interval_allows(low: float, high: float, word: str) -> None:
    assert verdict(Interval((low + high) / 2, low, high)).startswith(word)
