"""A film on the square of a stranger's network, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from node.plugin import Array, Image
from radnode_kit.bundle import INFERENCE
from radnode_kit.foreign.fit import fit_of, place, squash
from tests.plugins.builders import pattern


def shown(pixels: Array, aspect_ratio: float | None = None) -> Image:
    return Image(pixels, None, "1.2.3", aspect_ratio=aspect_ratio)


def test_squashing_fills_the_whole_square() -> None:
    pixels, box = squash(np.ones((100, 40), dtype=np.float32), 32, 1)
    assert pixels.shape == (1, 32, 32)
    assert pixels.min() == pytest.approx(1.0)
    assert box.extent() == (0.0, 0.0, 100.0, 40.0)


def test_a_letterbox_keeps_the_aspect_ratio_beside_black() -> None:
    pixels, box = place(shown(np.ones((100, 40), dtype=np.float32)), 50, 1, "letterbox")
    assert pixels[0, :, :15].max() == 0.0
    assert pixels[0, :, 15:35].min() == pytest.approx(1.0)
    top, left, bottom, right = box.extent()
    assert (top, bottom) == (0.0, 100.0)
    assert left < 0.0
    assert right > 40.0


def test_a_letterbox_has_square_pixels_whatever_the_film_has() -> None:
    _, box = place(shown(np.ones((200, 40), dtype=np.float32), 0.5), 50, 1, "letterbox")
    assert (box.height, box.width) == (50, 20)
    assert box.extent()[::2] == (0.0, 200.0)


@pytest.mark.parametrize("fit", ["squash", "letterbox"])
def test_a_grey_film_goes_to_all_channels(fit: str) -> None:
    pixels, _ = place(shown(pattern(60, 60)), 32, 3, fit)
    assert pixels.shape == (3, 32, 32)
    assert np.array_equal(pixels[0], pixels[2])


@pytest.mark.parametrize("fit", ["squash", "letterbox"])
def test_a_photograph_keeps_its_colours_for_three_channels_and_loses_them_for_one(fit: str) -> None:
    colour = np.stack([np.full((40, 40), value, dtype=np.float32) for value in (0.9, 0.6, 0.3)], axis=2)
    assert place(shown(colour), 32, 3, fit)[0].mean(axis=(1, 2)).tolist() == pytest.approx([0.9, 0.6, 0.3])
    assert float(place(shown(colour), 32, 1, fit)[0].mean()) == pytest.approx(0.6)


@pytest.mark.parametrize("fit", ["squash", "letterbox"])
def test_what_is_no_number_becomes_black(fit: str) -> None:
    broken = np.full((20, 20), np.nan, dtype=np.float32)
    assert np.isfinite(place(shown(broken), 16, 1, fit)[0]).all()


@pytest.mark.parametrize(
    ("resize", "fit"),
    [({"spatial_size": [8, 8]}, "squash"), ({"spatial_size": 8, "size_mode": "longest"}, "letterbox")],
)
def test_the_bundle_says_which(tmp_path: Path, resize: dict[str, object], fit: str) -> None:
    path = tmp_path / INFERENCE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"preprocessing": {"transforms": [{"_target_": "Resized", **resize}]}}))
    assert fit_of(tmp_path) == fit
