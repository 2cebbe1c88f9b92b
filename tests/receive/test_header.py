"""The header: what a valid film says, and what is wrong with those that are not."""

from __future__ import annotations

import hashlib
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from node.receive.header import MOST_INFLATED, Claim, Header, read, scan
from node.receive.part10 import preface
from tests.receive.material import (
    BIG_ENDIAN,
    CT,
    DEFLATED,
    DX,
    EXPLICIT,
    IMPLICIT,
    ITEM_END,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    deflate,
    element,
    film,
    fragments,
    item,
)

FILM_CLAIM = Claim(DX.encode(), b"1.2.3.4", EXPLICIT)


def header(body: bytes, syntax: str = EXPLICIT) -> Header:
    return scan(body, 0, Claim(DX.encode(), b"1.2.3.4", syntax))


def changed(changes: dict[int, Any]) -> Header:
    return header(film(changes))


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_a_film_says_the_same_in_every_encoding(syntax: str) -> None:
    found = header(film(syntax=syntax), syntax)
    assert found.defect == ""
    assert found.study_instance_uid == "1.2.3"
    assert found.series_instance_uid == "1.2.3.1"
    assert found.sop_instance_uid == "1.2.3.4"
    assert found.sop_class_uid == DX
    assert found.instance_number == 7
    attributes = found.attributes
    assert attributes.modality == "DX"
    assert attributes.image_type == ("ORIGINAL", "PRIMARY")
    assert (attributes.body_part, attributes.view, attributes.laterality, attributes.sex) == ("CHEST", "PA", "L", "F")
    assert (attributes.rows, attributes.columns, attributes.frames) == (4, 8, 1)
    assert attributes.series_description == "Thorax PA"
    assert attributes.study_description == "Thorax"
    assert attributes.protocol_name == "Chest"
    assert (attributes.manufacturer, attributes.model_name) == ("Maker", "Model")
    assert attributes.age_years == 56


def test_it_reads_a_kept_file(tmp_path: Path) -> None:
    meta = preface(DX.encode(), b"1.2.3.4", EXPLICIT, "SENDER")
    path = tmp_path / "film.dcm"
    path.write_bytes(meta + film())
    assert read(path, len(meta), FILM_CLAIM) == header(film())


def test_a_file_that_is_gone_is_the_callers_problem(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        read(tmp_path / "nothing", 0, FILM_CLAIM)


# Patients


def test_equal_patients_have_equal_keys_and_empty_ones_none() -> None:
    assert changed({0x00100020: "P1 "}).patient_key == hashlib.sha256(b"\0P1").hexdigest()
    assert changed({0x00100020: "P2"}).patient_key != changed({}).patient_key
    assert changed({0x00100021: "Clinic"}).patient_key != changed({}).patient_key
    assert changed({0x00100020: None}).patient_key == ""
    assert changed({0x00100020: ""}).patient_key == ""


def test_a_patient_is_the_same_in_another_character_set() -> None:
    utf8 = changed({0x00100020: ("LO", "Ä1".encode())})
    latin1 = changed({0x00080005: "ISO_IR 100", 0x00100020: ("LO", "Ä1".encode("latin-1"))})
    assert utf8.patient_key == latin1.patient_key


@pytest.mark.parametrize(
    ("age", "years"),
    [("045Y", 45), ("006M", 0.5), ("52W", 364 / 365.25), ("010D", 10 / 365.25), ("000Y", 0)],
)
def test_an_age_in_any_unit(age: str, years: float) -> None:
    assert changed({0x00101010: ("AS", age)}).attributes.age_years == pytest.approx(years)


def test_without_an_age_birth_and_study_date_tell() -> None:
    assert changed({0x00100030: "20250101"}).attributes.age_years == 1
    assert changed({0x00100030: "20250701"}).attributes.age_years == 0.5
    assert changed({0x00100030: "1970.01.01"}).attributes.age_years == 56


@pytest.mark.parametrize(
    "changes",
    [
        {0x00100030: None},
        {0x00080020: ""},
        {0x00100030: "20300101"},
        {0x00100030: "19701301"},
        {0x00100030: "19700132"},
        {0x00100030: "unknown"},
    ],
)
def test_an_age_that_cannot_be_known_is_none(changes: dict[int, Any]) -> None:
    assert changed(changes).attributes.age_years is None


def test_a_nonsense_age_falls_back_to_the_dates() -> None:
    assert changed({0x00101010: ("AS", "old")}).attributes.age_years == 56


# Numbers and codes


@pytest.mark.parametrize(("text", "number"), [("7", 7), (" 12 ", 12), ("-3", -3), ("+4", 4), ("3\\4", 3)])
def test_an_instance_number(text: str, number: int) -> None:
    assert changed({0x00200013: text}).instance_number == number


@pytest.mark.parametrize("text", ["", "x", "1.5", "99999999999", "4294967296", "٣"])
def test_an_instance_number_that_is_none_counts_as_0(text: str) -> None:
    assert changed({0x00200013: text}).instance_number == 0


def test_announced_images() -> None:
    found = changed({0x00201208: ("IS", "30"), 0x00201002: ("IS", "12")})
    assert (found.study_images, found.acquisition_images) == (30, 12)
    assert changed({}).study_images is None


@pytest.mark.parametrize(("text", "frames"), [("12", 12), ("-5", 1), ("0", 1), ("many", 1)])
def test_frames_are_at_least_one(text: str, frames: int) -> None:
    assert changed({0x00280008: ("IS", text)}).attributes.frames == frames


def test_codes_are_upper_case_and_trimmed() -> None:
    assert changed({0x00180015: "chest "}).attributes.body_part == "CHEST"
    assert changed({0x00080008: "derived\\ secondary"}).attributes.image_type == ("DERIVED", "SECONDARY")


def test_image_laterality_goes_before_laterality() -> None:
    assert changed({0x00200062: ("CS", "R")}).attributes.laterality == "R"
    assert changed({0x00200062: ("CS", "")}).attributes.laterality == "L"


def test_missing_attributes_are_empty_and_no_defect() -> None:
    found = changed(dict.fromkeys((0x00080060, 0x00180015, 0x00185101, 0x0008103E, 0x00080008, 0x00280010)))
    assert found.defect == ""
    assert found.attributes.modality == ""
    assert found.attributes.image_type == ()
    assert found.attributes.rows == 0


def test_long_texts_are_cut() -> None:
    assert len(changed({0x0008103E: "A" * 60000}).attributes.series_description) == 256


def test_control_characters_are_removed() -> None:
    assert changed({0x0008103E: "a\x1b[2Jb\nc\0d"}).attributes.series_description.isprintable()


# Defects


@pytest.mark.parametrize(
    ("changes", "defect"),
    [
        ({0x00080016: None}, "it has no SOP Class UID"),
        ({0x00080018: None}, "it has no SOP Instance UID"),
        ({0x0020000D: ""}, "it has no Study Instance UID"),
        ({0x0020000E: None}, "it has no Series Instance UID"),
        ({0x0020000D: "1." + "2" * 63}, "its Study Instance UID is no UID"),
        ({0x0020000E: "abc"}, "its Series Instance UID is no UID"),
        ({0x0020000E: "1..2"}, "its Series Instance UID is no UID"),
        ({0x0020000E: "1.2."}, "its Series Instance UID is no UID"),
        ({0x0020000E: ("UI", b"1.2\0.3")}, "its Series Instance UID is no UID"),
        ({0x00080016: CT}, "it is of another SOP class than the command said"),
        ({0x00080018: "1.2.3.5"}, "it is another instance than the command said"),
        ({0x00280010: ("UL", b"\0\0\1\0")}, "its Rows is no US"),
        ({0x00280011: ("LO", "many")}, "its Columns is no US"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[int, Any], defect: str) -> None:
    assert changed(changes).defect == defect


def test_only_class_and_instance_can_contradict_the_command() -> None:
    assert changed({0x00080016: CT}).contradiction
    assert not changed({0x0020000D: ""}).contradiction
    assert not changed({}).contradiction


def test_a_uid_may_have_leading_zeros_and_64_characters() -> None:
    assert changed({0x0020000D: "1.02.003"}).defect == ""
    assert changed({0x0020000D: "1." + "2" * 62}).defect == ""


def test_a_uid_twice_counts_as_most_readers_take_it() -> None:
    assert header(film() + element(0x00080018, "UI", "1.2.9")).contradiction


@pytest.mark.parametrize("cut", [1, 20, 64])
def test_pixel_data_longer_than_the_file_is_truncated(cut: int) -> None:
    assert "(7FE0,0010) is longer than the rest" in header(film()[:-cut]).defect


def test_what_was_read_before_the_damage_is_kept() -> None:
    found = header(film()[:-1])
    assert found.study_instance_uid == "1.2.3"
    assert found.attributes.modality == "DX"


def test_every_truncation_is_noticed() -> None:
    body = film()
    ends = {0}
    offset = 0
    while offset < len(body):  # explicit little endian, short and long headers
        long = body[offset + 4 : offset + 6] == b"OW"
        length = struct.unpack_from("<L" if long else "<H", body, offset + (8 if long else 6))[0]
        offset += (12 if long else 8) + length
        ends.add(offset)
    unnoticed = [cut for cut in range(len(body)) if cut not in ends and not header(body[:cut]).defect]
    assert unnoticed == []


@pytest.mark.parametrize("wrong", [IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_another_syntax_than_agreed_is_noticed(wrong: str) -> None:
    assert header(film(syntax=wrong), EXPLICIT).defect
    assert header(film(), wrong).defect


def test_an_element_of_four_gigabytes() -> None:
    assert "longer than the rest" in header(film() + element(0x7FE10010, "OB", b"abcd", length=0xFFFFFFFE)).defect


@pytest.mark.parametrize("tag", [0x00000900, 0x00020010, 0xFFFEE000])
def test_elements_that_belong_elsewhere(tag: int) -> None:
    assert "does not belong in a dataset" in header(film({tag: ("UL", b"\0\0\0\0")})).defect


def test_an_unknown_vr() -> None:
    body = film().replace(b"\x08\0\x60\0CS", b"\x08\0\x60\0ZZ")
    assert header(body).defect.startswith("(0008,0060) has no known VR")


def test_random_bytes() -> None:
    assert header(b"\xa5" * 1000).defect
    assert header(b"\xa5" * 1000, DEFLATED).defect == "it cannot be inflated"


# Sequences


def sequence(*items: bytes, length: int = UNDEFINED) -> bytes:
    return struct.pack("<HH2sHL", 0x0008, 0x1140, b"SQ", 0, length) + b"".join(items)


def with_sequence(found: bytes) -> Header:
    """A film whose only group 8 sequence is this one, in its place."""
    body = film()
    place = body.index(struct.pack("<HH", 0x0010, 0x0010))
    return header(body[:place] + found + body[place:])


INNER = element(0x00081150, "UI", DX) + element(0x0020000D, "UI", "6.6.6")


@pytest.mark.parametrize(
    "found",
    [
        sequence(item(INNER), length=len(item(INNER))),
        sequence(item(INNER), SEQUENCE_END),
        sequence(item(INNER, UNDEFINED), ITEM_END, SEQUENCE_END),
        sequence(item(sequence(item(INNER), SEQUENCE_END), UNDEFINED), ITEM_END, item(), SEQUENCE_END),
        sequence(*[item()] * 5000, SEQUENCE_END),
        sequence(length=0),
    ],
    ids=["defined", "undefined", "undefined items", "nested", "5000 empty items", "empty"],
)
def test_sequences_are_stepped_over(found: bytes) -> None:
    result = with_sequence(found)
    assert result.defect == ""
    assert result.study_instance_uid == "1.2.3"


@pytest.mark.parametrize(
    ("found", "defect"),
    [
        (sequence(item(INNER)), "a sequence holds something that is no item"),
        (sequence(INNER, SEQUENCE_END), "a sequence holds something that is no item"),
        (sequence(item(INNER, 1 << 30), SEQUENCE_END), "longer than the rest"),
        (struct.pack("<HH2sHL", 0x0008, 0x1140, b"UT", 0, UNDEFINED), "has an undefined length, but is no sequence"),
    ],
)
def test_broken_sequences(found: bytes, defect: str) -> None:
    assert defect in with_sequence(found).defect


def test_deep_nesting_is_not_followed() -> None:
    body = b""
    for _ in range(3000):
        body = sequence(item(body, UNDEFINED))
    assert with_sequence(body).defect == "nested deeper than 64 levels"


def test_a_sequence_that_never_ends() -> None:
    assert header(film() + sequence(item(b"", UNDEFINED))).defect == "truncated: it ends inside an element"


def test_an_unknown_element_of_undefined_length_holds_implicit_items() -> None:
    inner = element(0x00081150, "UI", DX, IMPLICIT)
    unknown = struct.pack("<HH2sHL", 0x0009, 0x1010, b"UN", 0, UNDEFINED)
    assert with_sequence(unknown + item(inner, UNDEFINED) + ITEM_END + SEQUENCE_END).defect == ""


def test_implicit_sequences() -> None:
    body = film(syntax=IMPLICIT)
    place = body.index(struct.pack("<HH", 0x0010, 0x0010))
    inner = element(0x00081150, "UI", DX, IMPLICIT)
    found = struct.pack("<HHL", 0x0008, 0x1140, UNDEFINED) + item(inner, UNDEFINED) + ITEM_END + SEQUENCE_END
    assert header(body[:place] + found + body[place:], IMPLICIT).defect == ""


# Pixels


def test_encapsulated_pixels_are_stepped_over() -> None:
    body = film({0x7FE00010: None}) + fragments(b"abcd", b"efgh")
    assert header(body, JPEG).defect == ""
    assert header(body + element(0xFFFCFFFC, "OB", b"\0" * 10), JPEG).defect == ""


@pytest.mark.parametrize("cut", [1, 8, 9, 14])
def test_encapsulated_pixels_that_do_not_end(cut: int) -> None:
    assert header((film({0x7FE00010: None}) + fragments(b"abcd", b"efgh"))[:-cut], JPEG).defect


def test_native_pixels_have_a_length() -> None:
    body = film({0x7FE00010: None}) + fragments(b"abcd")
    assert header(body).defect == "pixel data of undefined length in a native transfer syntax"


# Deflated


def test_a_bomb_is_inflated_no_further_than_its_header() -> None:
    bomb = deflate(film() + element(0x7FE10010, "OB", b"\0" * (64 << 20)))
    tracemalloc.start()
    found = header(bomb, DEFLATED)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.study_instance_uid == "1.2.3"
    assert peak < 3 * MOST_INFLATED


def test_large_deflated_pixels_are_no_bomb() -> None:
    body = deflate(film({0x7FE00010: b"\0" * (2 * MOST_INFLATED)}))
    found = header(body, DEFLATED)
    assert found.defect == ""
    assert found.study_instance_uid == "1.2.3"


def test_a_deflated_header_of_megabytes_is_a_bomb() -> None:
    filler = element(0x00090010, "LO", "X") + element(0x00091010, "OB", b"\0" * (2 * MOST_INFLATED))
    assert "longer than what is inflated" in header(deflate(filler + film()), DEFLATED).defect


def test_a_deflated_stream_that_does_not_end() -> None:
    assert header(film(syntax=DEFLATED)[:-20], DEFLATED).defect


# Anything


@settings(max_examples=300)
@given(st.binary(max_size=400), st.sampled_from([EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG]))
@example(b"", EXPLICIT)
@example(b"\x08\0\x05\0", EXPLICIT)
def test_no_bytes_make_it_raise(body: bytes, syntax: str) -> None:
    assert header(body, syntax).defect


@settings(max_examples=400)
@given(
    syntax=st.sampled_from([EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG]),
    edits=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 3), st.binary(min_size=1, max_size=8)), max_size=6),
)
def test_no_damage_makes_it_raise(syntax: str, edits: list[tuple[int, int, bytes]]) -> None:
    body = bytearray(film(syntax=EXPLICIT if syntax == JPEG else syntax))
    for place, gone, new in edits:
        body[place : place + gone] = new
    found = header(bytes(body), syntax)
    for uid in (found.sop_instance_uid, found.study_instance_uid, found.series_instance_uid):
        assert len(uid) <= 64
        assert uid.isprintable()
    for text in (found.attributes.series_description, found.attributes.modality, *found.attributes.image_type):
        assert len(text) <= 1024
        assert "\n" not in text
        assert "\x1b" not in text
        text.encode()


# How urgent it is


def _request(*terms: str, syntax: str = EXPLICIT, undefined: bool = False) -> bytes:
    """A Request Attributes Sequence of an item for each term."""
    items = [item(element(0x00401001, "SH", "P1", syntax) + element(0x00401003, "SH", term, syntax)) for term in terms]
    if not undefined:
        return b"".join(items)
    opened = [item(one[8:], UNDEFINED) + ITEM_END for one in items]
    return b"".join(opened) + SEQUENCE_END


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
@pytest.mark.parametrize("undefined", [False, True])
def test_the_priority_of_the_request_is_read_wherever_it_stands(syntax: str, undefined: bool) -> None:
    body = film(syntax=syntax)
    assert header(body, syntax).attributes.priority == ""
    length = UNDEFINED if undefined else None
    request = element(0x00400275, "SQ", _request("LOW", "stat ", syntax=syntax, undefined=undefined), syntax, length)
    found = header(body + request, syntax)
    assert (found.defect, found.attributes.priority) == ("", "STAT")
    above = header(body + request + element(0x00401003, "SH", "HIGH", syntax), syntax)
    assert above.attributes.priority == "STAT"


def test_a_priority_of_the_image_itself_counts_and_an_unknown_one_does_not() -> None:
    assert changed({0x00401003: ("SH", "MEDIUM")}).attributes.priority == "MEDIUM"
    assert changed({0x00401003: ("SH", "at once, for Mrs Miller")}).attributes.priority == ""
    assert changed({0x00081040: ("LO", "Emergency")}).attributes.department == "Emergency"


@given(st.binary(max_size=200))
def test_whatever_stands_in_a_request_makes_no_object_defective(junk: bytes) -> None:
    found = header(film() + element(0x00400275, "SQ", junk + junk[: len(junk) % 2]))
    assert found.defect == ""
