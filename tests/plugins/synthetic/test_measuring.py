from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("einops")
pytest.importorskip("sklearn")

from radnode_kit.synthetic.embedding import Embedder
from radnode_kit.synthetic.images import RARE, Images, view
from radnode_kit.synthetic.measuring import Material, material_of, nearness, quality
from tests.plugins.synthetic.material import Means, images


def joined(*some: Images) -> Images:
    return Images(
        np.concatenate([each.pixels for each in some]),
        np.concatenate([each.classes for each in some]),
        np.concatenate([each.cases for each in some]),
        np.concatenate([each.parts for each in some]),
    )


def material(synthetic: Images, work: Path) -> Material:
    real = joined(images(150, "train", 0), images(30, "validation", 1), images(120, "held-back", 2))
    return material_of(real, synthetic, Embedder(work, Means(), side=16))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Made-up images that are as new as the held-back ones."""
    return material(images(120, "synthetic", 3), tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Made-up images that are training images, turned by a quarter."""
    train = images(150, "train", 0)
    fake = replace(train, pixels=view(train.pixels, 1), parts=np.full(150, "synthetic"))
    return material(fake, tmp_path_factory.mktemp("copied"))


def test_every_part_keeps_its_images_and_embeddings_together(fresh: Material) -> None:
    for name, count in (("train", 150), ("validation", 30), ("held-back", 120), ("synthetic", 120)):
        assert len(fresh.images[name].cases) == len(fresh.views[name]) == count
        assert set(fresh.images[name].parts) == {name}
    melanomas, views = fresh.rare("train")
    assert len(melanomas.cases) == len(views) == 50
    assert set(melanomas.classes) == {RARE}


def test_turned_training_images_are_found_by_pixels_and_by_embedding(copied: Material) -> None:
    for near in nearness(copied):
        assert near.copies.z < -5
        assert near.copies.ratio < 0.01
        assert near.copies.close.value == 1.0
        assert near.closest[1].startswith("train/")


def test_new_images_are_not_called_copies(fresh: Material) -> None:
    for near in nearness(fresh):
        assert abs(near.copies.z) < 3.5
        assert near.copies.ratio == pytest.approx(1, abs=0.2)
        assert near.closest[0].startswith("synthetic/")


def test_the_closest_pair_is_named_by_its_cases(tmp_path: Path) -> None:
    made_up = images(30, "synthetic", 3)
    pixels = made_up.pixels.copy()
    pixels[9] = view(images(150, "train", 0).pixels[6], 7)
    for near in nearness(material(replace(made_up, pixels=pixels), tmp_path)):
        assert near.closest[:2] == ("synthetic/9", "train/6")
        assert near.closest[2] == pytest.approx(0, abs=1e-3)


def test_one_image_drawn_again_and_again_is_seen_as_twins(tmp_path: Path) -> None:
    made_up = images(30, "synthetic", 3)
    pixels = made_up.pixels.copy()
    pixels[made_up.classes == RARE] = pixels[0]
    for near in nearness(material(replace(made_up, pixels=pixels), tmp_path)):
        assert near.repeats.value == 1.0
        assert near.real_repeats.value < 0.5


def test_images_like_the_real_ones_are_as_close_as_real_ones_and_hard_to_tell(fresh: Material) -> None:
    found = quality(fresh)
    assert found.synthetic.mean == pytest.approx(found.floor.mean, rel=0.5)
    assert found.other_class.mean > 2 * found.floor.mean
    assert 0.3 < found.apart < 0.7


def test_images_of_another_brightness_are_far_and_told_apart(tmp_path: Path) -> None:
    made_up = images(120, "synthetic", 3)
    dark = replace(made_up, pixels=(made_up.pixels // 4 * 3 + 60).astype(np.uint8))
    found = quality(material(dark, tmp_path))
    assert found.synthetic.mean > 2 * found.floor.mean
    assert found.apart > 0.9
