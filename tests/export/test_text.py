"""Texts of strangers on one line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.export.text import plain


@pytest.mark.parametrize("text", ["", "Doe", "土井\u3000弘", "naïve – “quoted” ½", "a\u00a0b", "\u0645\u200c\u0646"])
def test_what_people_write_stays(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("char", ["\0", "\t", "\r", "\n", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\udc80"])
def test_what_steers_a_screen_or_ends_a_line_is_a_space(char: str) -> None:
    assert plain(f"a{char}b") == "a b"


@given(st.text())
def test_any_text_can_be_written_on_one_line(text: str) -> None:
    told = plain(text)
    assert len(told) == len(text)
    assert len(told.splitlines()) <= 1
    assert not any(unicodedata.category(char).startswith("Cc") for char in told)
    told.encode()
