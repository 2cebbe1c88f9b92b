from __future__ import annotations

import numpy as np
import pytest

from node.plugin import Image
from radnode_kit.sequence.slices import AIR, MILLIMETRES, SIZE, TOP, hounsfield_canvas, placed, tissue_shares


def slice_of(
    values: np.ndarray, spacing: tuple[float, float] | None = None, padding: np.ndarray | None = None
) -> Image:
    floats = values.astype(np.float32)
    return Image(np.clip(floats, 0, 1), floats, "1.2.3", spacing=spacing, padding=padding)


@pytest.mark.parametrize("spacing", [0.5, 0.75, 0.9765625])
def test_the_same_disc_has_the_same_size_at_every_field_of_view(spacing: float) -> None:
    down, across = (np.indices((512, 512)) - 255.5) * spacing
    disc = np.where(np.hypot(down, across) < 40.0, 200.0, AIR)
    canvas, _ = hounsfield_canvas(slice_of(disc, (spacing, spacing)))
    assert (canvas > 0).sum() * MILLIMETRES**2 == pytest.approx(np.pi * 40.0**2, rel=0.06)


def test_a_slice_of_unequal_spacing_keeps_its_shape_in_millimetres() -> None:
    box = placed(100, 200, (2.0, 1.0))
    assert (box.height, box.width) == (100, 100)


def test_a_field_of_view_that_does_not_fit_is_shown_smaller() -> None:
    box = placed(512, 256, (2.0, 2.0))
    assert (box.height, box.width) == (SIZE, SIZE // 2)


@pytest.mark.parametrize("spacing", [None, (0.0, 0.0)])
def test_an_image_of_unknown_spacing_fills_the_canvas(spacing: tuple[float, float] | None) -> None:
    box = placed(300, 150, spacing)
    assert (box.height, box.width) == (SIZE, SIZE // 2)


def test_the_extent_says_where_the_canvas_lies_on_the_image() -> None:
    top, left, bottom, right = placed(256, 256, (1.0, 1.0)).extent()
    assert (top, left, bottom, right) == (-128.0, -128.0, 384.0, 384.0)


def test_around_the_image_there_is_air() -> None:
    canvas, box = hounsfield_canvas(slice_of(np.full((64, 64), 40.0), (1.0, 1.0)))
    inside = canvas[box.top : box.top + box.height, box.left : box.left + box.width]
    assert inside.min() == pytest.approx(40.0)
    assert (canvas == AIR).sum() == canvas.size - inside.size


def test_what_the_scanner_padded_and_what_is_no_number_is_air() -> None:
    values = np.full((64, 64), 40.0)
    values[:16] = np.nan
    padding = np.zeros((64, 64), dtype=bool)
    padding[-16:] = True
    canvas, _ = hounsfield_canvas(slice_of(values, None, padding))
    assert canvas[:32].max() == AIR
    assert canvas[-32:].max() == AIR
    assert canvas[SIZE // 2, SIZE // 2] == 40.0


def test_values_beyond_the_scale_are_cut() -> None:
    canvas, _ = hounsfield_canvas(slice_of(np.array([[-3024.0, 9000.0], [np.inf, -np.inf]])))
    assert (canvas.min(), canvas.max()) == (AIR, TOP)


def test_an_image_without_values_has_no_hounsfield() -> None:
    with pytest.raises(ValueError, match="no Modality LUT values"):
        hounsfield_canvas(Image(np.zeros((4, 4), np.float32), None, "1"))


def test_tissue_shares_are_square_roots_of_shares_of_the_body() -> None:
    canvas = np.full((SIZE, SIZE), AIR, dtype=np.float32)
    canvas[:64] = 40.0
    canvas[64:128] = -100.0
    shares = np.square(tissue_shares(canvas))
    assert shares[0] == pytest.approx(0.5)
    assert shares[1:].tolist() == pytest.approx([0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0])


def test_a_canvas_of_air_has_no_tissue() -> None:
    assert tissue_shares(np.full((SIZE, SIZE), AIR, dtype=np.float32)).tolist() == [0.0] * 8
