"""Every letter is shown, transliterated or named: nothing is lost without a word."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.report.page.typeface import BOLD, REGULAR, Change, legible, runs, width

KEPT: frozenset[Change] = frozenset()
LATINISED = frozenset({Change.TRANSLITERATED})
VIEWER = frozenset({Change.LEFT_TO_VIEWER})
NAMED = frozenset({Change.REPLACED})


@pytest.mark.parametrize(
    ("received", "shown", "changes"),
    [
        ("Doe, Jane", "Doe, Jane", KEPT),
        ("Müller, Jürgen", "Müller, Jürgen", KEPT),
        ("Mu\N{COMBINING DIAERESIS}ller", "Müller", KEPT),
        ("Łukasz Żółć", "Łukasz Zółć", LATINISED),
        ("Nguyễn, Văn Ếch", "Nguyen, Van Ech", LATINISED),
        ("Жуков, Алексей", "Zhukov, Aleksei", LATINISED),
        ("ЖУКОВ, ЩЕРБА", "ZHUKOV, SHCHERBA", LATINISED),
        ("Гоголь", "Gogol", LATINISED),
        ("Київ", "Kiiv", LATINISED),
        ("Αριστοτέλης", "Aristotelis", LATINISED),
        ("山田 太郎", "山田 太郎", VIEWER),
        ("やまだ", "やまだ", VIEWER),
        ("ﾔﾏﾀﾞ", "ﾔﾏﾀﾞ", VIEWER),
        ("王 小东", "王 小东", VIEWER),
        ("김 희중", "김 희중", VIEWER),
        ("قباني، لنزار", "[Arabic script]", NAMED),
        ("שרון, דבורה", "[Hebrew script]", NAMED),
        ("ประเทศ ไทย", "[Thai script]", NAMED),
        ("Doe قباني", "Doe [Arabic script]", NAMED),
        ("𠮷野", "[Han script]野", NAMED | VIEWER),
        ("😀", "[sign]", NAMED),
        ("Doe\N{RIGHT-TO-LEFT MARK} \x1bJane", "Doe Jane", KEPT),
        ("  two\r\nlines\N{NO-BREAK SPACE}of  it ", "two lines of it", KEPT),
        ("\N{ZERO WIDTH SPACE}", "", KEPT),
        ("87 % ≥ 50 % – • ± µm", "87 % ≥ 50 % – • ± µm", KEPT),
        ("", "", KEPT),
    ],
)
def test_a_text_is_shown_as_it_is_or_the_change_is_named(received: str, shown: str, changes: frozenset[Change]) -> None:
    assert (legible(received).text, legible(received).changes) == (shown, changes)


@pytest.mark.parametrize(
    ("text", "typeface"),
    [
        ("山田太郎", "HeiseiKakuGo-W5"),
        ("やまだ", "HeiseiKakuGo-W5"),
        ("王小东", "STSong-Light"),
        ("王小东在里", "STSong-Light"),
        ("홍길동", "HYSMyeongJo-Medium"),
        ("홍길동洪", "HYSMyeongJo-Medium"),
    ],
)
def test_an_east_asian_name_gets_the_typeface_that_holds_all_of_it(text: str, typeface: str) -> None:
    assert list(runs(text)) == [(typeface, text)]


def test_a_mixed_line_changes_its_typeface_and_keeps_its_order() -> None:
    parts = list(runs("Yamada (山田)", BOLD))
    assert parts == [(BOLD, "Yamada ("), ("HeiseiKakuGo-W5", "山田"), (BOLD, ")")]


def test_the_width_of_a_line_is_that_of_its_parts() -> None:
    whole = width("Yamada (山田)", 10.0)
    assert whole == pytest.approx(width("Yamada (", 10.0) + width("山田", 10.0) + width(")", 10.0))
    assert width("山田", 10.0) == pytest.approx(20.0)
    assert width("Doe", 20.0, BOLD) == pytest.approx(2.0 * width("Doe", 10.0, BOLD))
    assert width("Doe", 10.0, BOLD) > width("Doe", 10.0, REGULAR)


@given(st.text(max_size=40))
def test_whatever_is_received_is_made_of_letters_that_some_typeface_shows(text: str) -> None:
    told = legible(text)
    assert legible(told.text).text == told.text
    assert not legible(told.text).changes - {Change.LEFT_TO_VIEWER}
    assert "\n" not in told.text
    if not told.changes - {Change.LEFT_TO_VIEWER}:  # then no letter is missing
        received = unicodedata.normalize("NFC", text)
        assert [one for one in told.text if one.isalnum()] == [one for one in received if one.isalnum()]
