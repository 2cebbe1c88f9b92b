from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from radnode_kit.bundle import Bundle
from radnode_kit.calibration import Calibration
from radnode_kit.wrong import MADE, mirrored, strangers, turned
from tests.plugins.builders import pattern


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("channels", [1, 3])
def test_wrong_images_are_images_and_the_seed_decides(name: str, channels: int) -> None:
    image = np.stack([pattern(64, 64, seed) for seed in range(channels)])
    for seed in range(12):
        first, again = (MADE[name](image, np.random.default_rng(seed)) for _ in range(2))
        assert first.shape == image.shape
        assert first.min() >= 0
        assert first.max() <= 1
        assert np.array_equal(first, again)
        assert not np.array_equal(first, image)


def test_a_quarter_turn_moves_the_corner() -> None:
    image = np.zeros((1, 32, 32), np.float32)
    image[0, 0, 0] = 1.0
    assert MADE["rotated"](image, np.random.default_rng(0))[0, 0, 0] == 0


def test_two_quarters_turn_upside_down_and_four_change_nothing() -> None:
    image = pattern(16, 16)[None]
    assert np.array_equal(turned(image, 2), image[:, ::-1, ::-1])
    assert np.array_equal(turned(image, 4), image)
    assert np.array_equal(turned(mirrored(image), 2), image[:, ::-1])


def test_strangers_come_from_one_part_and_no_more_than_asked(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for number in range(60):
        Pillow.fromarray(np.full((8, 12, 3), number, np.uint8)).save(tmp_path / "set" / f"{number}.png")
    bundle = Bundle(("p",), 16, 1, (0.5,), (0.5,), {}, Calibration("temperature", [1.0]))
    parts = {part: list(strangers(tmp_path, "set", bundle, part, 10)) for part in ("train", "held-back")}
    assert [len(images) for images in parts.values()] == [10, 10]
    assert all(image.shape == (1, 16, 16) for images in parts.values() for image in images)
    seen = [{float(image.max()) for image in images} for images in parts.values()]
    assert not seen[0] & seen[1]
