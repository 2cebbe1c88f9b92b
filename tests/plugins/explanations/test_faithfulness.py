from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from node.plugin import Array
from radnode_kit.engines.outputs import Outputs
from radnode_kit.explanations.faithfulness import Faithfulness, area, compare, hidden, judged
from radnode_kit.explanations.methods import METHODS
from radnode_kit.explanations.subject import Columns, Subject
from tests.plugins.explanations.tiny import Brightness, pictures, subject


class Spot(Brightness):
    """The probability hangs on the brightness of one patch alone, the sixth of the sixth row."""

    def __init__(self) -> None:
        super().__init__(80, 80, 16)

    def __call__(self, images: Array) -> Outputs:  # type: ignore[override]  # an engine answers more than logits
        empty = np.zeros((len(images), 1), dtype=np.float32)
        return Outputs(super().__call__(images), empty[:, :, None, None], empty, empty)


def areas(found: Array) -> tuple[float, float]:
    """Deletion and insertion of that map, of a dark image with a bright spot that alone counts."""
    image = np.full((1, 1, 256, 256), -4.0, dtype=np.float32)
    image[:, :, 80:96, 80:96] = 4.0
    examined = replace(subject(1, 256), engine=Spot())

    def method(examined: Subject, images: Array, columns: Columns) -> Array:
        return found[None]

    deletion, insertion = judged(examined, method, image, np.array([0]), steps=16)[0]
    return float(deletion), float(insertion)


def test_the_right_place_has_the_lowest_deletion_and_the_highest_insertion() -> None:
    right = np.zeros((16, 16), dtype=np.float32)
    right[5, 5] = 1.0
    (deletion, insertion), (wrong_deletion, wrong_insertion) = areas(right), areas(-right)
    assert deletion < 0.2 < 0.8 < wrong_deletion
    assert wrong_insertion < 0.2 < 0.8 < insertion


def test_what_is_hidden_grows_from_nothing_to_everything() -> None:
    masks = hidden(np.random.default_rng(0).random((5, 5)).astype(np.float32), 4)
    assert masks.sum(axis=(1, 2)).tolist() == [0, 6, 12, 19, 25]
    assert (np.diff(masks, axis=0) >= 0).all()


def test_the_most_important_patch_is_hidden_first() -> None:
    importance = np.arange(16, dtype=np.float32).reshape(4, 4)
    assert hidden(importance, 16)[1].argmax() == 15


def test_equally_important_patches_are_not_taken_in_reading_order() -> None:
    first = hidden(np.zeros((8, 8), dtype=np.float32), 2)[1]
    assert 8 < first[:4].sum() < 24
    assert np.array_equal(first, hidden(np.zeros((8, 8), dtype=np.float32), 2)[1])


def test_the_area_is_by_trapezia() -> None:
    assert area(np.array([1.0, 1.0, 1.0])) == 1.0
    assert area(np.array([1.0, 0.5, 0.0])) == pytest.approx(0.5)


def test_gains_are_paired_and_positive_when_the_first_is_better() -> None:
    easy = np.linspace(0, 1, 8)  # images differ far more than the methods do
    found = Faithfulness(
        ("a", "b"), np.stack([easy, easy + 0.1]), np.stack([easy + 0.2, easy]), np.arange(8).astype(str)
    )
    deletion, insertion = found.gain("a", "b")
    assert (deletion.low, deletion.value, deletion.high) == pytest.approx((0.1, 0.1, 0.1))
    assert insertion.low == pytest.approx(0.2)
    assert found.mean("a")[0].high - found.mean("a")[0].low > 0.2


def test_images_of_one_patient_are_drawn_together() -> None:
    values = np.array([[0.0, 0.0, 1.0, 1.0]])
    found = Faithfulness(("a",), values, values, np.array(["x", "x", "y", "y"]))
    assert found.mean("a")[0].low == 0.0
    assert found.mean("a")[0].high == 1.0


@pytest.mark.slow
def test_all_methods_are_compared_on_the_same_images() -> None:
    found = compare(subject(), pictures(2), np.array([0, 1]), np.array(["x", "y"]), steps=2)
    assert found.names == tuple(METHODS)
    assert found.deletion.shape == (len(METHODS), 2)
    assert ((found.insertion > 0) & (found.insertion < 1)).all()
