"""Reports in RTF: their words, and whatever else strangers send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.review.rich_text import plain


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no RTF {\\par}", "no RTF {\\par}"),
        ("{\\rtf1\\ansi No effusion.\\par\r\nPneumonia.}", "No effusion.\nPneumonia."),
        ("{\\rtf1{\\fonttbl{\\f0 Arial;}}{\\colortbl;\\red0;}{\\*\\generator RIS;}{\\b bold} plain}", "bold plain"),
        ("{\\rtf1\\ansicpg1251 \\'ef\\'ed\\'e5\\'e2\\'ec\\'ee\\'ed\\'e8\\'ff}", "пневмония"),
        ("{\\rtf1 m\\'f6glich, m\\u246?glich, m\\u246\\'f6glich}", "möglich, möglich, möglich"),
        ("{\\rtf1 a\\tab b\\line c\\~d\\{e\\}f\\\\g\\emdash h}", "a b\nc d{e}f\\g-h"),
        ("{\\rtf1 a}}} b {\\pict 00ff}", "a b "),
        ("{\\rtf1 a\\", "a"),
        ("{\\rtf1 \\ansicpg99999999 a\\u-4000? b\\u99999999? c}", "a\uf060 b c"),
    ],
)
def test_the_words_of_a_text_are_read(written: str, read: str) -> None:
    assert plain(written) == read


@given(st.text("{}\\rtfpau'*0f1-? \n", max_size=200))
def test_whatever_is_sent_is_read_somehow(text: str) -> None:
    assert isinstance(plain("{\\rtf1" + text), str)


def test_a_long_one_is_read_in_no_time() -> None:
    assert len(plain("{\\rtf1 " + "{\\b no} \\'f6\\par " * 100_000)) == 500_000
