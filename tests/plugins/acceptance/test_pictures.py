from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from node.errors import DecodeError
from radnode_kit.acceptance.pictures import read_picture

MOST = 1 << 20
GREY = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_grey_is_from_nought_to_one(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Pillow.fromarray(GREY).save(path)
    pixels = read_picture(path, MOST)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, GREY / 255.0, atol=1e-6)


def test_sixteen_bits_use_the_whole_range(tmp_path: Path) -> None:
    Pillow.fromarray(np.array([[0, 65535, 32768]], dtype=np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_picture(tmp_path / "a.png", MOST), [[0.0, 1.0, 32768 / 65535]], atol=1e-6)


def test_colour_stays_colour(tmp_path: Path) -> None:
    Pillow.fromarray(np.full((4, 5, 3), (255, 0, 51), dtype=np.uint8)).save(tmp_path / "a.png")
    pixels = read_picture(tmp_path / "a.png", MOST)
    assert pixels.shape == (4, 5, 3)
    np.testing.assert_allclose(pixels[0, 0], [1.0, 0.0, 0.2], atol=1e-6)


@pytest.mark.parametrize(("mode", "dimensions"), [("1", 2), ("LA", 2), ("RGBA", 3), ("P", 3)])
def test_other_modes_become_grey_or_colour(tmp_path: Path, mode: str, dimensions: int) -> None:
    Pillow.fromarray(GREY).convert(mode).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", MOST).ndim == dimensions


def test_a_photograph_is_turned_as_it_was_held(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # EXIF 2.3, Orientation: turn by a quarter
    Pillow.fromarray(GREY).save(tmp_path / "a.jpg", exif=exif)
    assert read_picture(tmp_path / "a.jpg", MOST).shape == (6, 4)


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    Pillow.fromarray(GREY).save(tmp_path / "a.png")
    with pytest.raises(DecodeError, match="6 x 4 pixels"):
        read_picture(tmp_path / "a.png", 23)


def test_a_file_of_several_pictures_is_refused(tmp_path: Path) -> None:
    page = Pillow.fromarray(GREY)
    page.save(tmp_path / "a.tiff", save_all=True, append_images=[page])
    with pytest.raises(DecodeError, match="several pictures"):
        read_picture(tmp_path / "a.tiff", MOST)


def test_floating_point_is_refused(tmp_path: Path) -> None:
    Pillow.fromarray(GREY.astype(np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(DecodeError, match="no known range"):
        read_picture(tmp_path / "a.tiff", MOST)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(DecodeError, match="no image"):
        read_picture(tmp_path / "a.png", MOST)


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    Pillow.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DecodeError, match="cannot be decoded"):
        read_picture(tmp_path / "a.png", MOST)


def test_a_format_that_is_not_named_is_refused(tmp_path: Path) -> None:
    Pillow.fromarray(GREY).save(tmp_path / "a.bmp")
    with pytest.raises(DecodeError, match="no image"):
        read_picture(tmp_path / "a.bmp", MOST)
