"""The style of the dashboard: what stands on what can be read, light and dark, and nothing comes from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from node.web import pages
from tests.web.contrast import contrast

STATIC = Path(pages.__file__).with_name("static")
STYLE = (STATIC / "radnode.css").read_text(encoding="utf-8")
LIGHT, DARK = STYLE.split("@media (prefers-color-scheme: dark)")
#: What is written in a colour, and on which.
WORDS = [
    *((ink, ground) for ink in ("text", "quiet", "link", "good", "bad", "wait") for ground in ("ground", "panel")),
    ("text", "bad-ground"),
    ("link", "bad-ground"),
    ("quiet", "bad-ground"),
    ("button-text", "button"),
]
#: What is no text, but has to be seen (WCAG 1.4.11).
SHAPES = [(ink, ground) for ink in ("edge", "focus", "c0", "c1", "c2", "c3", "bad") for ground in ("ground", "panel")]


def colours(scheme: str) -> dict[str, str]:
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", LIGHT))
    return found if scheme == "light" else found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", DARK))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_far_enough_apart(scheme: str) -> None:
    known = colours(scheme)
    assert [pair for pair in WORDS if contrast(*(known[one] for one in pair)) < 4.5] == []
    assert [pair for pair in SHAPES if contrast(*(known[one] for one in pair)) < 3] == []


def test_the_ratio_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_dark_changes_every_colour_of_the_page() -> None:
    assert [name for name, value in colours("dark").items() if value == colours("light")[name]] == []


def test_nothing_comes_from_elsewhere() -> None:
    assert not re.search(r"url\(|@import|http", STYLE)
    assert {path.name for path in STATIC.iterdir()} == {
        "radnode.css",
        "icon.svg",
        "htmx-2.0.11.min.js",
        "htmx.LICENSE",
    }
