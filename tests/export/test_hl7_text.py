"""Escaping: what goes in comes out, and nothing of it is taken for a separator."""

from __future__ import annotations

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.export.hl7_text import components, escaped, repeated, segment

HEAD = "MSH|^~\\&|||||||ORU^R01^ORU_R01|1|P|2.5.1\r"
#: All but what no receiver can be hoped to read.
texts = st.text(
    st.one_of(
        st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")),
        st.characters(max_codepoint=0x7F),
        st.sampled_from('|^~\\&\r\n\x0b\x1c"'),
    )
)


def unescaped(field: str) -> str:
    return str(hl7.parse(HEAD).unescape(field))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a|b", "a\\F\\b"),
        ("a^b", "a\\S\\b"),
        ("a&b", "a\\T\\b"),
        ("a~b", "a\\R\\b"),
        ("a\\b", "a\\E\\b"),
        ("a\rb\nc", "a\\X0D\\b\\X0A\\c"),
        ("\\F\\", "\\E\\F\\E\\"),
        ("土井", "土井"),
    ],
)
def test_each_separator_has_its_sequence(text: str, told: str) -> None:
    assert escaped(text) == told


@given(texts)
def test_what_goes_in_comes_out(text: str) -> None:
    assert unescaped(escaped(text)) == text


@given(texts)
def test_no_separator_and_no_byte_of_a_frame_is_left(text: str) -> None:
    told = escaped(text)
    assert not set(told) & set("|^~&\r\n\x0b\x1c")
    told.encode()


@given(st.text())
def test_any_text_can_be_sent(text: str) -> None:
    escaped(text).encode("utf-8")


def test_what_nobody_could_read_is_a_space() -> None:
    assert escaped("a\ud800b\x9bc\u2028d") == "a b c d"


def test_two_quotation_marks_delete_nothing_at_the_receiver() -> None:
    assert escaped('""') != '""'
    assert unescaped(escaped('""')) == '""'
    assert escaped('a""b') == 'a""b'


@given(st.lists(texts.filter(lambda text: bool(text.strip())), min_size=1, max_size=5))
def test_components_stay_apart(parts: list[str]) -> None:
    read = hl7.parse(HEAD + segment("NTE", {1: "1", 3: components(*parts), 4: "end"}))
    (repetition,) = read.segment("NTE")[3]
    told = [read.unescape(str(one)) for one in repetition] if len(parts) > 1 else [read.unescape(str(repetition))]
    assert told == parts


def test_empty_components_at_the_end_are_left_out_and_others_are_not() -> None:
    assert components("", "a", "", "") == "^a"
    assert components("", "") == ""


def test_a_field_stands_at_its_number() -> None:
    assert segment("OBX", {2: "NM", 5: "87", 7: ""}) == "OBX||NM|||87\r"


def test_repetitions_are_told_apart() -> None:
    assert repeated(components("a~b"), components("c")) == "a\\R\\b~c"
