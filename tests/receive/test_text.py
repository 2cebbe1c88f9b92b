from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.receive.text import Charset, shown_uid


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        (b"", b"plain", "plain"),
        (b"ISO_IR 192", "Schädel 頭".encode(), "Schädel 頭"),
        (b"ISO_IR 100", "Schädel".encode("latin-1"), "Schädel"),
        (b"ISO_IR 144", "Череп".encode("iso8859-5"), "Череп"),
        (b"GB18030", "头颅".encode("gb18030"), "头颅"),
        (b"\\ISO 2022 IR 87", "Yamada=山田".encode("iso2022_jp"), "Yamada=山田"),
        (b"\\ISO 2022 IR 149", b"Hong=\x1b$)C" + "홍".encode("euc_kr"), "Hong=홍"),
        (b"ISO_IR 999", "é".encode("latin-1"), "é"),
        (b"", "é".encode("latin-1"), "é"),
    ],
)
def test_text_is_decoded_by_its_character_set(charset: bytes, raw: bytes, text: str) -> None:
    assert Charset(charset).decode(raw, 64) == text


def test_padding_and_control_characters_go() -> None:
    assert Charset(b"").decode(b" a\nb\tc\x07 \0", 64) == "abc"
    assert Charset(b"ISO_IR 192").decode("a\u0085b\u2028c".encode(), 64) == "abc"


def test_an_escape_sequence_of_a_terminal_is_harmless() -> None:
    assert Charset(b"").decode(b"F1\x1b[2J\x1b]0;own\x07", 64).isprintable()


def test_text_is_cut() -> None:
    assert Charset(b"").decode(b"a" * 100, 10) == "a" * 10


@given(st.binary(max_size=40), st.binary(max_size=80))
def test_no_bytes_make_it_raise(charset: bytes, raw: bytes) -> None:
    text = Charset(charset).decode(raw, 64)
    text.encode()
    assert len(text) <= 64


@given(
    st.lists(st.sampled_from([b"ISO 2022 IR 87", b"ISO 2022 IR 149", b"ISO 2022 IR 58", b"GB18030", b""]), max_size=3),
    st.lists(
        st.sampled_from([b"\x1b$B", b"\x1b$)C", b"\x1b(B", b"\x1b", b"\x1b$", b"\xb0\xa1", b"a", b"\\"]), max_size=9
    ),
)
def test_no_escape_sequences_make_it_raise(terms: list[bytes], pieces: list[bytes]) -> None:
    Charset(b"\\".join(terms)).decode(b"".join(pieces), 64).encode()


def test_a_uid_is_shown_as_it_is() -> None:
    assert shown_uid(b"1.2.840.10008") == "1.2.840.10008"


@given(st.binary(max_size=200))
def test_anything_else_is_shown_harmlessly(raw: bytes) -> None:
    shown = shown_uid(raw)
    assert len(shown) <= 64
    assert shown.isascii()
    assert shown.isprintable()
