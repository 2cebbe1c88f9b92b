from __future__ import annotations

import numpy as np
import pytest

from radnode_kit.explanations.methods import METHODS
from radnode_kit.explanations.mosaic import Focus, Mosaic, compare, draw, joined, share
from tests.plugins.explanations.tiny import pictures, subject

TARGETS = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, np.nan], [0, 0], [0, 0], [1, 1]], dtype=np.float32)
SOURCES = np.array(["a"] * 4 + ["b"] * 4)
BOTH = np.array([0, 1])


def test_two_pictures_have_the_finding_and_two_are_known_not_to() -> None:
    for mosaic in draw(TARGETS, SOURCES, BOTH, 20, seed=0):
        known = [TARGETS[index, mosaic.column] for index in mosaic.members]
        assert known == [float(each) for each in mosaic.positive]
        assert sum(mosaic.positive) == 2


def test_a_mosaic_is_of_one_source_and_no_picture_comes_twice() -> None:
    for mosaic in draw(TARGETS, SOURCES, BOTH, 20, seed=0):
        assert len({SOURCES[index] for index in mosaic.members}) == 1
        assert len(set(mosaic.members)) == 4


def test_labels_without_two_pictures_of_each_kind_are_left_out() -> None:
    drawn = {(SOURCES[mosaic.members[0]], mosaic.column) for mosaic in draw(TARGETS, SOURCES, BOTH, 20, seed=0)}
    assert drawn == {("a", 0), ("a", 1), ("b", 0)}  # b knows one picture with the second label only
    assert draw(TARGETS[:1], SOURCES[:1], BOTH, 5, seed=0) == []


def test_places_in_the_mosaic_vary_and_the_seed_repeats_them() -> None:
    mosaics = draw(TARGETS, SOURCES, BOTH, 20, seed=0)
    assert len({mosaic.positive for mosaic in mosaics}) > 3
    assert mosaics == draw(TARGETS, SOURCES, BOTH, 20, seed=0)


def test_pictures_lie_in_reading_order() -> None:
    mosaic = Mosaic((3, 1, 2, 0), (True, True, False, False), 0)
    made = joined(lambda index: np.full((1, 2, 2), index, np.float32), mosaic)
    assert made[0, ::2, ::2].tolist() == [[3, 1], [2, 0]]


def test_the_share_counts_positive_evidence_on_the_right_pictures() -> None:
    evidence = np.array([[3.0, 1.0], [-5.0, 0.0]], dtype=np.float32)
    assert share(evidence, (True, False, True, False)) == pytest.approx(0.75)
    assert share(np.ones((4, 4), np.float32), (True, False, False, True)) == 0.5


def test_no_positive_evidence_is_no_share() -> None:
    assert np.isnan(share(-np.ones((4, 4), np.float32), (True, True, False, False)))
    known = Focus(("a",), np.array([[0.5, np.nan, 0.7]])).mean("a")
    assert known.value == pytest.approx(0.6)


@pytest.mark.slow
def test_every_method_sees_the_same_mosaics_and_chance_is_one_half() -> None:
    examined, images = subject(), pictures(8)
    found = compare(examined, lambda index: images[index], draw(TARGETS, SOURCES, BOTH, 2, seed=0))
    assert found.shares.shape == (len(METHODS), 2)
    assert found.mean("random").value == pytest.approx(0.5, abs=0.1)
    assert found.mean("centre").value == pytest.approx(0.5)
