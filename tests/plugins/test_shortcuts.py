"""Shortcuts and refusals, measured on a classifier whose shortcut is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pillow

from node.plugin import Array, Image
from radnode_kit.bundle import Bundle
from radnode_kit.calibration import Calibration
from radnode_kit.recipe import Recipe
from radnode_kit.refusals import picture, refusals
from radnode_kit.shortcuts import shortcuts, without_frame, without_middle
from radnode_kit.sources import Sample

SIZE = 40
BUNDLE = Bundle(("p",), SIZE, 1, (0.5,), (0.5,), {}, Calibration("platt", [1.0], [0.0]))


class CornerReader:
    """Answers by the brightness of the top left corner, and refuses what is dark on the whole."""

    bundle = BUNDLE
    manifest = SimpleNamespace(mutually_exclusive=False, findings=[SimpleNamespace(name="p")])

    def answer(self, images: Sequence[Image]) -> SimpleNamespace:
        corner = np.array([[image.pixels[:3, :3].mean()] for image in images])
        distance = np.array([2.0 if image.pixels.mean() < 0.25 else 0.5 for image in images])
        return SimpleNamespace(probabilities=corner, distance=distance, blank=[False] * len(images))


def film(path: Path, *, corner: float, seed: int) -> Array:
    pixels = np.full((SIZE, SIZE), 0.4) + 0.1 * np.random.default_rng(seed).random((SIZE, SIZE))
    pixels[:4, :4] = corner
    Pillow.fromarray(np.round(255 * pixels).astype(np.uint8)).save(path)
    return pixels.astype(np.float32)


@pytest.fixture
def held_back(tmp_path: Path) -> list[Sample]:
    """Every film with the label has a bright corner."""
    samples = []
    for number in range(24):
        path = tmp_path / f"{number}.png"
        film(path, corner=0.9 if number % 2 else 0.1, seed=number)
        labels = frozenset({"p"} if number % 2 else ())
        samples.append(Sample(path, "films", f"g{number}", labels, frozenset({"p"}), {}))
    return samples


def test_a_classifier_that_reads_the_corner_is_found_out(held_back: list[Sample]) -> None:
    found = {row.covered: row.area for row in shortcuts(CornerReader(), held_back)}  # type: ignore[arg-type]
    assert found["the middle"].value == 1.0
    assert found["the frame"].value < 0.8
    assert found["the frame"].low <= 0.5 <= found["the frame"].high


def test_a_label_with_hardly_any_cases_is_left_out(held_back: list[Sample]) -> None:
    assert shortcuts(CornerReader(), held_back[:6]) == []  # type: ignore[arg-type]


def test_what_is_covered_is_grey_and_the_rest_stays() -> None:
    image = np.random.default_rng(0).random((3, SIZE, SIZE)).astype(np.float32)
    framed, hollow = without_frame(image), without_middle(image)
    assert np.ptp(framed[:, 0]) == 0
    assert np.array_equal(framed[:, 4:-4, 4:-4], image[:, 4:-4, 4:-4])
    assert np.ptp(hollow[:, SIZE // 2, 10:30]) == 0
    assert np.array_equal(hollow[:, 0], image[:, 0])


def test_refusals_are_counted_by_kind_and_say_whether_the_kind_was_taught(
    held_back: list[Sample], tmp_path: Path
) -> None:
    (tmp_path / "op_fundus").mkdir()
    for number in range(40):
        Pillow.fromarray(np.full((20, 20), 10, np.uint8)).save(tmp_path / "op_fundus" / f"{number}.png")
    recipe = Recipe(("films",), exclusive=False, wrong=("inverted",), strangers=())
    rows = {row.kind: row for row in refusals(CornerReader(), recipe, held_back, tmp_path)}  # type: ignore[arg-type]
    assert rows["inverted"].taught
    assert not rows["rotated"].taught
    assert rows["rotated"].refused.value == 0.0  # as bright as before
    assert rows["op_fundus"].refused.value == 1.0
    assert rows["op_fundus"].count > 0
    assert "mg_mias" not in rows


def test_a_canvas_becomes_the_image_that_the_node_would_hand_over() -> None:
    grey, colour = np.zeros((1, 4, 4), np.float32), np.zeros((3, 4, 4), np.float32)
    assert picture(grey, 1).pixels.shape == (4, 4)
    assert picture(colour, 1).pixels.shape == (4, 4, 3)
