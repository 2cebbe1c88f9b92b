"""Where things stand: nothing overlaps, nothing leaves the canvas, whatever the image's shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.explain import table, text
from node.explain.layout import MARGIN, MAX_HEIGHT, WIDTH, Box, overlaid, panels, single

aspects = st.floats(0.05, 20.0)


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share a pixel."""
    apart = one.right <= other.left or other.right <= one.left or one.bottom <= other.top or other.bottom <= one.top
    return not apart


@given(aspects)
def test_nothing_overlaps(aspect: float) -> None:
    places = panels(aspect, top=100, heading=24)
    boxes = (places.plain, places.evidence, places.bar)
    assert not any(overlap(one, other) for one in boxes for other in boxes if one is not other)


@given(aspects)
def test_both_panels_have_the_same_size_and_the_image_s_aspect(aspect: float) -> None:
    places = panels(aspect, top=100, heading=24)
    assert (places.plain.width, places.plain.height) == (places.evidence.width, places.evidence.height)
    assert abs(places.plain.width - aspect * places.plain.height) <= max(1.0, aspect)


@given(aspects)
def test_everything_stays_on_the_canvas(aspect: float) -> None:
    places = panels(aspect, top=100, heading=24)
    for box in (places.plain, places.evidence, places.bar):
        assert box is not None
        assert box.left >= 0
        assert box.right <= WIDTH - MARGIN
        assert box.top >= 124
        assert box.bottom <= places.bottom


@given(aspects)
def test_the_heading_of_the_first_panel_does_not_run_into_that_of_the_second(aspect: float) -> None:
    places = panels(aspect, top=100, heading=24)
    assert places.plain is not None
    if places.plain.top == places.evidence.top:
        assert places.evidence.left - places.plain.left > text.width("Image as received", table.SIZE)


@given(aspects)
def test_an_overlay_is_at_least_as_large_as_the_panel_beside_the_image(aspect: float) -> None:
    alone, beside = overlaid(aspect, top=100, heading=24), panels(aspect, top=100, heading=24)
    assert alone.plain is None
    assert alone.evidence.width >= beside.evidence.width
    assert alone.bar.right <= WIDTH - MARGIN
    assert not overlap(alone.evidence, alone.bar)


@given(aspects)
def test_an_image_alone_is_centred(aspect: float) -> None:
    box = single(aspect, top=100, heading=24)
    assert abs(box.left - (WIDTH - box.right)) <= 1
    assert box.height <= MAX_HEIGHT


@pytest.mark.parametrize(("aspect", "beside"), [(0.4, True), (1.0, True), (3.0, False)])
def test_the_panels_stand_so_that_the_image_is_largest(aspect: float, beside: bool) -> None:
    places = panels(aspect, top=100, heading=24)
    assert (places.plain.top == places.evidence.top) is beside
