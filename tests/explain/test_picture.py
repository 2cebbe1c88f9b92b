"""The picture: the image as it is beside the image with evidence, and words that never cover anatomy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from node.explain import layout, table, text
from node.explain.caption import Caption
from node.explain.picture import _resized, draw
from node.plugin import Image
from node.study import Region
from tests.explain.material import evidence, image, spot

WORDS = Caption(
    "Opacity: present, 87 %", "Calibrated probability 87 %", "evidence", (), ("Model",), "AI, not verified."
)
PLACE = Region("opacity", "1.2.3.1", 1, ((40.0, 40.0), (120.0, 40.0), (80.0, 150.0)), 0.5)


def drawn(picture: Image, with_evidence: bool = True, regions: tuple[Region, ...] = ()) -> np.ndarray:
    return draw(picture, WORDS, evidence(picture, spot(at=(5, 5))) if with_evidence else None, regions, 0.3)


def grey(value: float, rows: int = 200, columns: int = 160, **changes: object) -> Image:
    return image(rows, columns, pixels=np.full((rows, columns), value, np.float32), **changes)


@pytest.mark.parametrize("shape", [(32, 32), (3000, 2500), (1200, 100), (100, 1200), (1, 1), (512, 512)])
def test_a_viewport_of_1024_pixels_shows_every_picture_at_100_per_cent(shape: tuple[int, int]) -> None:
    made = drawn(grey(0.5, *shape))
    assert made.dtype == np.uint8
    assert made.shape[1:] == (1024, 3)
    assert made.shape[0] <= 1000


def test_the_image_stands_untouched_beside_the_evidence() -> None:
    plain, other = _boxes(grey(0.4))
    made = drawn(grey(0.4))
    assert (_cut(made, plain) == 102).all()
    assert (_cut(made, other) != 102).any()


def test_words_never_cover_anatomy() -> None:
    made, wordless = drawn(grey(0.5)), draw(grey(0.5), _blank(), evidence(grey(0.5), spot(at=(5, 5))), (), 0.3)
    shift = made.shape[0] - wordless.shape[0]
    assert shift >= 0
    for box in _boxes(grey(0.5)):
        assert _cut(made, box).shape == (box.height, box.width, 3)
    plain = _cut(made, _boxes(grey(0.5))[0])
    assert len(np.unique(plain)) == 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_contour_is_seen_on_black_and_on_white(value: float) -> None:
    panel = _cut(drawn(grey(value), regions=(PLACE,)), _boxes(grey(value))[1]).astype(int)
    neutral = panel[np.ptp(panel, axis=-1) < 12].mean(axis=-1)
    assert (neutral > 240).any()
    assert (neutral < 15).any()


def test_colour_images_keep_their_colours() -> None:
    pixels = np.zeros((60, 60, 3), np.float32)
    pixels[..., 0] = 0.8
    source = image(60, 60, pixels=pixels)
    assert (_cut(drawn(source), _boxes(source)[0]) == (204, 0, 0)).all()


def test_the_spacing_of_the_pixels_sets_the_aspect() -> None:
    square, tall = _boxes(grey(0.5, 100, 100))[0], _boxes(grey(0.5, 100, 100, spacing=(2.0, 1.0)))[0]
    assert square.width == square.height
    assert tall.height == pytest.approx(2 * tall.width, abs=1)


def test_without_a_spacing_the_aspect_ratio_of_the_pixels_does() -> None:
    wide, stretched = grey(0.5, 200, 100, aspect_ratio=0.25), grey(0.5, 100, 200, aspect_ratio=4.0)
    assert _boxes(wide)[0].width == pytest.approx(2 * _boxes(wide)[0].height, abs=1)
    assert _boxes(stretched)[0].height == pytest.approx(2 * _boxes(stretched)[0].width, abs=1)


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (1.0, 0.0)])
def test_a_spacing_of_nothing_means_square_pixels(spacing: tuple[float, float]) -> None:
    box = _boxes(grey(0.5, 100, 100, spacing=spacing))[0]
    assert box.width == box.height


def test_without_a_map_the_image_stands_alone() -> None:
    made = drawn(grey(0.4), with_evidence=False)
    colourful = np.ptp(made.astype(int), axis=-1) > 100
    assert not colourful[: made.shape[0] - 110].any()


def test_pixels_that_are_not_finite_are_black() -> None:
    broken = grey(0.5)
    broken.pixels[:50] = np.nan
    assert drawn(broken).shape[1] == 1024


def test_wide_images_stand_one_below_the_other() -> None:
    plain, other = _boxes(grey(0.5, 100, 400))
    assert other.top > plain.bottom
    assert other.left == plain.left


@pytest.mark.parametrize("aspect", [0.05, 0.3, 1.0, 2.0, 20.0])
def test_panels_and_bar_stay_on_the_canvas(aspect: float) -> None:
    places = layout.panels(aspect, top=80, heading=24)
    assert places.evidence.right <= places.bar.left
    assert places.bar.right + 70 <= layout.WIDTH
    assert places.plain.left >= layout.MARGIN - 1
    assert places.bar.bottom + layout.UNIT_ROOM <= places.bottom


def test_long_words_are_broken_into_lines_that_fit() -> None:
    lines = text.wrapped("a rather long sentence " * 12, 16, 400)
    assert len(lines) > 3
    assert all(text.width(line, 16) <= 400 for line in lines)


def test_a_word_wider_than_the_line_is_cut() -> None:
    (line,) = text.wrapped("x" * 400, 16, 300)
    assert line.endswith("...")
    assert text.width(line, 16) <= 300


def test_no_words_are_no_lines() -> None:
    assert text.wrapped("", 16, 300) == ()


def _many(count: int) -> Caption:
    """Words with a table of so many findings, every second one undetermined, and six lines of small print."""
    rows = tuple(
        (f"Pleural thickening {n}", "> 99 %", "12.5 % (0.5-62.5)", ("undetermined", "absent")[n % 2])
        for n in range(count)
    )
    return Caption("Opacity: present, 87 %", "Calibrated", "evidence", rows, ("A note.",) * 6, "AI, not verified.")


@pytest.mark.parametrize("count", [2, 6, 7, 10, 14])
@pytest.mark.parametrize("shape", [(500, 500), (600, 480), (480, 600), (800, 300)])
def test_a_picture_with_many_findings_still_fits_a_viewport(count: int, shape: tuple[int, int]) -> None:
    picture = grey(0.5, *shape)
    made = draw(picture, _many(count), evidence(picture, spot(at=(5, 5))), (), 0.3)
    assert made.shape[0] <= 1024


@pytest.mark.parametrize("count", [7, 14, 30])
def test_many_findings_stand_side_by_side(count: int) -> None:
    alone, beside = table.height(_many(table.MOST_BELOW).rows), table.height(_many(count).rows)
    assert beside < table.height(_many(1).rows) * count
    assert (count > 12) or beside <= alone


def test_no_rows_take_no_room() -> None:
    assert table.height(()) == 0


@pytest.mark.parametrize("edges", [table._ALONE, table._BESIDE])
def test_the_longest_outcome_and_limits_are_not_cut(edges: tuple[int, ...]) -> None:
    (row,) = _many(1).rows
    for cell, start, end in zip((*table.HEADER[1:], *row[1:]), edges[1:-1] * 2, edges[2:] * 2, strict=True):
        room = end - start - table._BETWEEN
        assert text.cut(cell, table.SIZE, room) == cell, (cell, room)


def test_the_two_halves_of_the_table_stay_apart_and_on_the_canvas() -> None:
    assert 2 * table._BESIDE[-1] <= layout.WIDTH - 2 * layout.MARGIN
    assert table._ALONE[-1] <= layout.WIDTH - 2 * layout.MARGIN


def test_what_is_absent_stands_back() -> None:
    rows = (("Opacity", "90 %", "50 %", "present"), ("Effusion", "10 %", "50 %", "absent"))
    words = Caption("", "", "", rows, (), "")
    made = draw(grey(0.0), words, None, (), 0.3).max(axis=-1)
    foot = made[-(layout.BOTTOM_MARGIN + text.line_height(16) + table.height(rows)) :]
    header, present, absent = (foot[n * 20 : (n + 1) * 20].max() for n in range(3))
    assert present > absent
    assert header == absent


def test_however_much_is_written_the_image_keeps_its_least_height() -> None:
    assert layout.tallest(500, 900) == layout.MIN_HEIGHT
    assert layout.tallest(100, 100) == layout.MAX_HEIGHT
    assert layout.tallest(200, 400) == layout.WIDTH - 600


def _boxes(source: Image) -> tuple[layout.Box, layout.Box]:
    from node.explain import picture as module

    heading = text.line_height(14) + 4
    places = layout.panels(module._aspect(source), module._top_height(WORDS), heading)
    return places.plain, places.evidence


def _cut(made: np.ndarray, box: layout.Box) -> np.ndarray:
    return made[box.top : box.bottom, box.left : box.right]


def _blank() -> Caption:
    return Caption("", "", "", (), (), "")


def test_no_word_goes_to_the_next_line_that_would_fit_on_its_own() -> None:
    words = "The upper left region contributes +1.90 of 2.40 logits; AVAWAT To Ty, the baseline +0.50 (95 % CI). " * 4
    for room in range(120, 900, 7):
        lines = text.wrapped(words, 14, room)
        assert " ".join(lines) == words.strip()
        for line, following in pairwise(lines):
            assert text.width(line, 14) <= room < text.width(f"{line} {following.split()[0]}", 14)


@pytest.mark.parametrize("place", [(0, 0), (33, 20), (280, 50)])
def test_a_line_is_drawn_as_pillow_draws_it(place: tuple[int, int]) -> None:
    ours, theirs = (Pillow.new("RGB", (300, 60), text.BACKGROUND) for _ in range(2))
    text.write(ImageDraw.Draw(ours), place, "jAy, Ågyp 87 %", 26, text.AMBER)
    ImageDraw.Draw(theirs).text(place, "jAy, Ågyp 87 %", font=text.font(26), fill=text.AMBER)
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("shape", [(3000, 2500), (2999, 2501), (1999, 3203), (700, 700), (4096, 300)])
def test_a_film_is_shown_smaller_as_a_filter_over_all_of_its_pixels_would(shape: tuple[int, int]) -> None:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    waves = 0.5 + 0.25 * np.sin(rows / 40) + 0.25 * np.cos(columns / 60)
    pixels = np.clip(waves + np.random.default_rng(1).normal(0, 0.02, shape), 0, 1).astype(np.float32)
    box = layout.Box(0, 0, 480, max(1, round(480 * shape[0] / shape[1])))
    expected = Pillow.fromarray(pixels).resize((box.width, box.height), Pillow.Resampling.BICUBIC)
    difference = np.abs(_resized(pixels, box) - np.asarray(expected))
    assert difference.max() < 0.04
    assert difference.mean() < 0.003
    assert _resized(np.ones(shape, np.float32), box) == pytest.approx(1.0)


def test_a_small_thing_on_a_large_film_stays_where_it_is() -> None:
    pixels = np.zeros((2999, 2501), np.float32)
    pixels[2100:2130, 1200:1230] = 1.0
    shown = _resized(pixels, layout.Box(0, 0, 400, 480))
    row, column = (np.average(np.arange(len(each)), weights=each) for each in (shown.sum(axis=1), shown.sum(axis=0)))
    assert row + 0.5 == pytest.approx(2115 * 480 / 2999, abs=0.02)
    assert column + 0.5 == pytest.approx(1215 * 400 / 2501, abs=0.02)
