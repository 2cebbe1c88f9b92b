"""Charts: what is drawn is where the figures say, and can be read without seeing it."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from node.web.pages.charts import Axis, Figure, Line, bars, intervals, lines

EVIL = '<script>"&'


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314  our own


def numbers(svg: str, name: str) -> list[float]:
    return [float(one) for one in re.findall(rf'<rect[^>]* {name}="([\d.]+)"', svg)]


def test_bars_are_as_high_as_their_values() -> None:
    svg = bars("b", "Title", "About", [("a", 1), ("b", 0), ("c", 2)])
    first, second = numbers(svg, "height")
    assert second == pytest.approx(2 * first)
    assert [one + other for one, other in zip(numbers(svg, "y"), numbers(svg, "height"), strict=True)] == [184, 184]


@pytest.mark.parametrize(("most", "top"), [(0, "1"), (1, "1"), (3, "5"), (17, "20"), (501, "1000"), (0.07, "0.1")])
def test_the_axis_ends_at_a_round_number(most: float, top: str) -> None:
    words = [one.text for one in parsed(bars("b", "t", "d", [("a", most)])).iter() if one.tag == "text"]
    assert words[2] == top


def test_labels_are_thinned_until_they_do_not_touch() -> None:
    svg = parsed(bars("b", "t", "d", [(f"label {number:02}", 1) for number in range(60)]))
    rows = [one for one in svg.iter("text") if one.get("text-anchor") == "middle"]
    middles = [float(one.get("x", "")) for one in rows]
    assert 5 < len(middles) < 60
    assert min(b - a for a, b in pairwise(middles)) >= 8 * len("label 00")


def test_a_chart_has_a_title_and_a_description_and_strange_names_stay_text() -> None:
    figure = Figure(EVIL, 0.5, 0.25, 0.75)
    for svg in (
        bars("n", EVIL, EVIL, [(EVIL, 1)]),
        lines("n", EVIL, EVIL, [EVIL], [Line(EVIL, [0.5], [(0.1, 0.9)])], Axis(1.0)),
        intervals("n", EVIL, EVIL, [figure]),
    ):
        found = parsed(svg)
        assert (found.get("role"), found.get("aria-labelledby")) == ("img", "n-title n-about")
        assert [found.find(f"./*[@id='n-{name}']").text for name in ("title", "about")] == [EVIL, EVIL]  # type: ignore[union-attr]
        assert found.find(".//script") is None


def test_a_line_leaves_out_what_is_not_known_and_has_its_band() -> None:
    svg = lines("n", "t", "d", list("abc"), [Line("one", [0.0, None, 1.0], [(0, 0.5), None, (0.5, 1)])], Axis(1.0))
    (line,) = re.findall(r'<polyline class="line c0" points="([^"]+)"', svg)
    assert len(line.split()) == 2
    (band,) = re.findall(r'<polygon class="band c0" points="([^"]+)"', svg)
    assert len(band.split()) == 4


def test_a_limit_is_drawn_where_it_is_and_named() -> None:
    svg = parsed(lines("n", "t", "d", list("ab"), [Line("one", [0.5, 1.5])], Axis(2.0, limit=1.0)))
    across, named = (one for one in svg.iter("line") if one.get("class") == "line limit")
    assert (across.get("y1"), across.get("x1"), across.get("x2")) == ("100.0", "56.0", "704.0")  # half of 16 to 184
    assert float(named.get("x1", "")) > 56, "beside the line's own name"
    assert [one.text for one in svg.iter("text")][-2:] == ["one", "limit"]


def test_names_that_do_not_fit_beside_each_other_stand_in_rows() -> None:
    svg = parsed(
        lines("n", "t", "d", ["a"], [Line(f"a long name of a measure {n}", [0.5]) for n in range(4)], Axis(1.0))
    )
    words = [one for one in svg.iter("text") if (one.text or "").startswith("a long")]
    assert [one.get("y") for one in words] == ["236.0", "236.0", "258.0", "258.0"]
    assert float(svg.get("viewBox", "").split()[-1]) > 258


def test_an_interval_spans_its_limits() -> None:
    svg = parsed(intervals("n", "t", "d", [Figure("one", 0.5, 0.25, 0.75)]))
    (line,) = [one for one in svg.iter("line") if one.get("class") == "line c0"]
    (mark,) = list(svg.iter("circle"))
    left, right, middle = (float(one) for one in (line.get("x1", ""), line.get("x2", ""), mark.get("cx", "")))
    assert middle == pytest.approx((left + right) / 2, abs=0.1)
    assert right - left == pytest.approx((720 - 16 - 40) / 2, abs=0.2)


def test_nothing_to_draw_is_an_empty_chart() -> None:
    for svg in (bars("n", "t", "d", []), lines("n", "t", "d", [], []), intervals("n", "t", "d", [])):
        assert parsed(svg).tag == "svg"
