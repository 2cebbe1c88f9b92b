from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.errors import PluginError
from radnode_kit.synthetic.images import CLASSES, VIEWS, all_views, read_images, view
from tests.plugins.synthetic.material import SIZE, images, write_set


def test_what_has_neither_label_is_a_nevus(tmp_path: Path) -> None:
    write_set(tmp_path, 6)
    found = read_images(tmp_path, tmp_path / "work", SIZE)
    assert [CLASSES[number] for number in found.classes[:3]] == ["melanoma", "seborrheic_keratosis", "nevus"]


def test_the_publishers_validation_images_are_all_validation(tmp_path: Path) -> None:
    write_set(tmp_path, 60)
    found = read_images(tmp_path, tmp_path / "work", SIZE)
    assert set(found.parts[60:]) == {"validation"}
    assert set(found.parts[:60]) == {"train", "validation", "held-back"}
    assert len(found.part("train").cases) + len(found.part("held-back").cases) < 60


def test_images_are_decoded_once(tmp_path: Path) -> None:
    write_set(tmp_path, 3)
    first = read_images(tmp_path, tmp_path / "work", SIZE)
    for path in (tmp_path / "skin_isic2017" / "images").iterdir():
        path.unlink()
    assert np.array_equal(read_images(tmp_path, tmp_path / "work", SIZE).pixels, first.pixels)
    assert first.pixels.shape == (18, 3, SIZE, SIZE)


def test_a_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="skin_isic2017"):
        read_images(tmp_path, tmp_path, SIZE)


def test_a_square_lies_in_eight_ways_and_the_first_is_as_it_is() -> None:
    pixels = images(1).pixels
    views = list(all_views(pixels))
    assert len({each.tobytes() for each in views}) == VIEWS
    assert np.array_equal(views[0], pixels)
    assert {int(each.sum()) for each in views} == {int(pixels.sum())}


def test_views_of_a_view_are_the_same_eight() -> None:
    pixels = images(1).pixels
    ways = {each.tobytes() for each in all_views(pixels)}
    assert {each.tobytes() for each in all_views(view(pixels, 5))} == ways


def test_a_class_and_a_part_choose_rows_of_everything() -> None:
    some = images(9).of(1)
    assert some.cases.tolist() == ["train/1", "train/4", "train/7"]
    assert set(some.classes) == {1}
    assert len(some.pixels) == len(some.parts) == 3
    assert len(images(9).part("held-back").cases) == 0
