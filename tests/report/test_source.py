"""Headers from the wild: whatever is broken in them reads as missing."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from node.report import source
from tests.report.material import analysis, by_uid, header, not_assessed


def raw(keyword: str, vr: str, value: bytes) -> Dataset:
    """A header with one element as its bytes stand in the file: written by hand, read back."""
    tag = Tag(keyword)
    numbers = tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little")
    long = vr in ("SQ", "UN", "OB", "OW", "UT")
    length = b"\0\0" + len(value).to_bytes(4, "little") if long else len(value).to_bytes(2, "little")
    stream = BytesIO(numbers + vr.encode() + length + value)
    return pydicom.dcmread(stream, force=True)


def test_a_value_is_stripped_text() -> None:
    assert source.value(raw("PatientID", "LO", b" P-1  "), "PatientID") == "P-1"


def test_a_missing_element_reads_as_nothing() -> None:
    ds = Dataset()
    assert source.element(ds, "PatientID") is None
    assert source.value(ds, "PatientID") == ""
    assert source.values(ds, "ImageType") == ()
    assert source.numbers(ds, "PixelSpacing") == ()
    assert source.items(ds, "RequestAttributesSequence") == ()


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("NumberOfFrames", "IS", b"many"),
        ("PixelSpacing", "DS", b"0.5\\wide"),
        ("Rows", "US", b"\x01"),
        ("ImagerPixelSpacing", "DS", b"NULL"),
    ],
)
def test_a_number_that_is_none_reads_as_missing(keyword: str, vr: str, value: bytes) -> None:
    assert source.numbers(raw(keyword, vr, value), keyword) == ()


def test_numbers_are_read_one_by_one() -> None:
    assert source.numbers(raw("PixelSpacing", "DS", b"0.5\\0.25"), "PixelSpacing") == (0.5, 0.25)


def test_an_element_with_another_representation_than_the_dictionary_s_is_not_taken() -> None:
    assert source.element(raw("StudyDate", "LO", b"20250101"), "StudyDate") is None


@pytest.mark.parametrize(("value", "fit"), [("20250101", True), ("", True), ("unknown", False)])
def test_a_date_is_checked_against_its_representation(value: str, fit: bool) -> None:
    found = source.element(header(StudyDate=value), "StudyDate")
    assert found is not None
    assert source.is_valid(found) is fit


@pytest.mark.parametrize(("frames", "several"), [(None, False), ("1", False), ("3", True), ("0", False)])
def test_only_a_count_above_one_makes_an_instance_multi_frame(frames: str | None, several: bool) -> None:
    assert source.is_multi_frame(header("US", NumberOfFrames=frames)) is several


def _main(changes: dict[str, Any], *known: Dataset) -> Dataset:
    return source.main_source(analysis(*changes.pop("seen", ()), **changes), by_uid(*known))


def test_the_header_comes_from_the_first_analysed_image_that_is_at_hand() -> None:
    one, two = header(image=1), header(image=2)
    assert _main({"seen": (one, two)}, one, two) is one
    assert _main({"seen": (one, two)}, two) is two


def test_without_an_analysed_image_the_header_comes_from_one_that_could_not_be() -> None:
    lost, other = header(image=5), header(image=3)
    assert _main({"not_assessed": (not_assessed(lost),)}, lost, other) is lost


def test_without_any_header_there_is_an_empty_one() -> None:
    assert len(_main({"seen": (header(),)})) == 0
