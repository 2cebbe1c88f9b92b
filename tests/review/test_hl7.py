"""Messages as bytes: character sets, separators, escape sequences, and whatever else strangers send."""

from __future__ import annotations

import hl7
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node.export.hl7_text import escaped
from node.review.hl7 import CHARSETS, Unfit, parse
from node.review.message import read_reports
from tests.peers.ris import Report

WORDS = "Pneumonie möglich – Ödem"


def text_of(message: bytes) -> str:
    return read_reports(parse(message))[0].text


@pytest.mark.parametrize(
    ("charset", "encoding", "text"),
    [
        ("", "utf-8", WORDS),
        ("ASCII", "utf-8", WORDS),
        ("UNICODE UTF-8", "utf-8", WORDS),
        ("ISO IR 192", "utf-8", WORDS),
        ("", "latin-1", "möglich"),
        ("ISO IR 100", "latin-1", "möglich"),
        ("ISO_IR 100", "latin-1", "möglich"),
        ("8859/1", "latin-1", "möglich"),
        ("8859/1~ISO IR87", "latin-1", "möglich"),
        ("8859/15", "iso8859-15", "möglich €"),
        ("8859/5", "iso8859-5", "пневмония"),
        ("ISO IR 126", "iso8859-7", "πνευμονία"),
        ("ISO IR87", "iso2022_jp", "肺炎なし"),
        ("~ISO IR87", "iso2022_jp", "肺炎なし"),
        ("ASCII~ISO IR87~ISO IR159", "iso2022_jp", "肺炎なし"),
        ("ISO IR14~ISO IR87", "iso2022_jp", "肺炎なし"),
        ("ISO IR14", "shift_jis", "ﾊｲｴﾝ"),
        ("GB 18030-2000", "gb18030", "没有肺炎"),
        ("BIG-5", "big5", "功能"),  # its second byte is that of a separator
    ],
)
def test_a_text_is_read_in_the_character_set_that_is_named(charset: str, encoding: str, text: str) -> None:
    assert text_of(Report(text=text, charset=charset).message(encoding)) == text


def test_every_character_set_has_a_codec() -> None:
    assert all("".encode(codec) == b"" for codec in CHARSETS.values())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("one\\.br\\two", "one\ntwo"),
        ("one~two", "one\ntwo"),
        ("one\\X0D\\two", "one\rtwo"),
        ("a \\T\\ b \\S\\ \\F\\ \\R\\ \\E\\", "a & b ^ | ~ \\"),
        ("\\H\\bold\\N\\", "bold"),
        ("\\.in+4\\in", "\nin"),
        ("\\X6D6FF6676C696368\\", "mo�glich".replace("o�", "o�")),
        ("either\\or, C:\\dir", "either\\or, C:\\dir"),
        ('""', ""),
    ],
)
def test_escape_sequences_are_read(written: str, read: str) -> None:
    assert text_of(Report(text=written, charset="UNICODE UTF-8", kind="FT").message()) == read


def test_a_line_that_begins_no_segment_goes_on_with_the_one_before() -> None:
    message = Report(text="Findings:\nNo effusion.\r\nPneumonia.").message()
    assert text_of(message.replace(b"\rPID", b"\r\nPID")) == "Findings:\nNo effusion.\nPneumonia."


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n", b"\xef\xbb\xbf\r\n "])
def test_what_some_write_before_the_header_changes_nothing(before: bytes) -> None:
    message = Report().message()
    assert text_of(before + message) == "No pneumonia."
    assert parse(before + message).body == parse(message).body


def test_two_messages_in_one_block_are_none() -> None:
    with pytest.raises(Unfit, match="second header"):
        parse(Report().message() + Report().message())


def test_other_separators_are_taken() -> None:
    table = str.maketrans("|^~\\&", "#:;!@")
    message = Report(text="No pneumonia~none\\.br\\at all").message().decode().translate(table)
    assert text_of(message.encode()) == "No pneumonia\nnone\nat all"


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1).filter(lambda one: one.strip()))
@example("|^~\\&")
@example("\\F\\")
def test_what_our_writer_escapes_is_read_back(text: str) -> None:
    read = read_reports(parse(Report(text=escaped(text), charset="UNICODE UTF-8").message()))
    assert read[0].text == text


def judged(data: bytes) -> str:
    """How a message is answered; whatever is not foreseen is raised."""
    try:
        found = read_reports(parse(data))
    except Unfit as error:
        return f"{error.code} {error.what}"
    return "AA" if all(one.heard().status for one in found) else ""


@given(st.text("MSHPIDOBRXZT|^~\\&\r\n.019FC ORU^R01", max_size=300))
def test_what_strangers_send_is_taken_or_refused_and_nothing_else(text: str) -> None:
    for data in (text.encode(), b"MSH|^~\\&|" + text.encode(), Report().message() + text.encode()):
        assert judged(data)[:3] in ("AA", "AE ", "AR ")


@given(st.binary(max_size=400))
def test_any_bytes_are_taken_or_refused(data: bytes) -> None:
    assert judged(data).startswith("AR ")
    assert judged(Report().message()[:60] + data)[:3] in ("AA", "AE ", "AR ")


@given(st.integers(0, 600), st.binary(max_size=6))
def test_a_message_with_a_hole_in_it_is_taken_or_refused(at: int, hole: bytes) -> None:
    whole = Report(study="1.2.3.4").message()
    assert judged(whole[:at] + hole + whole[at + len(hole) :])[:3] in ("AA", "AE ", "AR ")


def test_a_library_reads_the_same_fields() -> None:
    message = Report(text="No pneumonia", study="1.2.3").message()
    other, ours = hl7.parse(message.decode()), parse(message)
    for segment in ours.segments:
        theirs = other.segment(segment.name)
        for number in range(2 if segment.name == "MSH" else 1, len(theirs)):
            assert segment.raw(number) == str(theirs[number])


def test_megabytes_are_read_in_no_time() -> None:
    assert len(text_of(Report(text="no pneumonia \\T\\ " * 50_000).message())) > 500_000
    with pytest.raises(Unfit, match="segments"):
        parse(Report().message() + b"NTE|1\r" * 100_001)
