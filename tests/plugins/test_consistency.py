"""Consistency, measured on classifiers of which it is known what moves them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pillow

from node.plugin import Array, Image
from radnode_kit.bundle import Bundle
from radnode_kit.calibration import Calibration
from radnode_kit.consistency import CHANGES, Consistency, consistency
from radnode_kit.sources import Sample

SIZE = 40
BUNDLE = Bundle(("other", "p"), SIZE, 1, (0.5,), (0.5,), {}, Calibration("platt", [1.0, 1.0], [0.0, 0.0]))


class Reader:
    """Answers `p` by one number of the picture, `other` always with a half; refuses what has a black frame."""

    bundle = BUNDLE

    def __init__(self, number: Callable[[Array], float]):
        self._number = number

    def answer(self, images: Sequence[Image]) -> SimpleNamespace:
        probabilities = np.array([[0.5, self._number(image.pixels)] for image in images])
        framed = [image.pixels[0].max() == 0.0 for image in images]
        return SimpleNamespace(probabilities=probabilities, distance=np.where(framed, 2.0, 0.5))


@pytest.fixture
def films(tmp_path: Path) -> list[Sample]:
    """Bright on the left by a growing amount, with fine structure all over."""
    samples = []
    for number in range(10):
        pixels = 0.3 + 0.2 * np.random.default_rng(number).random((SIZE, SIZE))
        pixels[:, : SIZE // 2] += 0.02 * (number + 1)
        path = tmp_path / f"{number}.png"
        Pillow.fromarray(np.round(255 * pixels).astype(np.uint8)).save(path)
        samples.append(Sample(path, "films", f"g{number}", frozenset(), frozenset({"p"}), {}))
    return samples


def rows(reader: Reader, films: list[Sample], threshold: float) -> dict[str, Consistency]:
    found = consistency(reader, films, {"p": threshold})  # type: ignore[arg-type]
    assert [row.change for row in found] == list(CHANGES)
    return {row.change: row for row in found}


def test_who_reads_the_side_is_moved_by_the_mirror_image_alone(films: list[Sample]) -> None:
    found = rows(Reader(lambda p: 0.5 + float(p[:, :20].mean() - p[:, 20:].mean())), films, 0.5)
    assert found["mirror image"].called.value == 1.0
    assert found["mirror image"].moved > 0.1
    assert found["noise of 2 %"].called.value == 0.0
    assert found["noise of 2 %"].moved < 0.01


def test_who_reads_fine_structure_is_moved_by_blur_and_not_by_the_mirror(films: list[Sample]) -> None:
    found = rows(Reader(lambda p: float(10 * np.abs(np.diff(p, axis=1)).mean())), films, 0.3)
    assert found["mirror image"].moved < 1e-6
    for change in ("blur of one pixel", "half the resolution"):
        assert found[change].called.value == 1.0
        assert found[change].most >= found[change].moved > 0.1


def test_what_is_refused_only_now_is_counted(films: list[Sample]) -> None:
    found = rows(Reader(lambda p: 0.2), films, 0.5)
    assert found["a tenth of black around it"].refused.value == 1.0
    assert found["gamma 0.8"].refused.value == 0.0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_image_is_another_image_of_the_same_kind(change: str, channels: int) -> None:
    image = np.random.default_rng(1).random((channels, 32, 32)).astype(np.float32)
    changed = CHANGES[change](image)
    assert (changed.shape, changed.dtype) == (image.shape, np.float32)
    assert changed.min() >= 0.0
    assert changed.max() <= 1.0 + 1e-6
    assert np.abs(changed - image).max() > 0.01
    assert np.array_equal(changed, CHANGES[change](image))
