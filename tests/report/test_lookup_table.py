"""Lookup tables of a source are understood in every form that writers give them, and written in one."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from node.report.lookup_table import lookup_table
from tests.report.material import header


def _item(descriptor: list[int], data: Any, vr: str = "US", data_vr: str = "OW") -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", vr, descriptor)
    item.add_new("LUTData", data_vr, data)
    return item


def _table(item: Dataset, **changes: bool) -> Dataset:
    made = lookup_table(item, **({"has_unit": False, "signed": False, "little_endian": True} | changes))
    assert made is not None
    return made


def _entries(made: Dataset) -> list[int]:
    entries: list[int] = np.frombuffer(made.LUTData, "<u2").tolist()
    return entries


def test_a_table_of_words_is_written_as_it_was() -> None:
    made = _table(_item([3, 10, 16], np.array([1, 2, 65535], "<u2").tobytes()))
    assert made.LUTDescriptor == [3, 10, 16]
    assert _entries(made) == [1, 2, 65535]


def test_numbers_instead_of_bytes_are_a_table_too() -> None:
    assert _entries(_table(_item([3, 0, 16], [1, 2, 65535], data_vr="US"))) == [1, 2, 65535]


def test_big_endian_words_are_turned_round() -> None:
    made = _table(_item([2, 0, 16], np.array([1, 258], ">u2").tobytes()), little_endian=False)
    assert _entries(made) == [1, 258]


def test_packed_values_of_the_modality_keep_their_unit() -> None:
    made = _table(_item([4, 0, 8], b"\x01\x02\x03\xff"), has_unit=True)
    assert (_entries(made), made.LUTDescriptor) == ([1, 2, 3, 255], [4, 0, 16])


@pytest.mark.parametrize("data", [b"\x00\x02\x80\xff", np.array([0, 2, 128, 255], "<u2").tobytes()])
def test_shades_of_8_bits_are_spread_over_16_however_they_are_packed(data: bytes) -> None:
    made = _table(_item([4, 0, 8], data))
    assert (_entries(made), made.LUTDescriptor) == ([0, 514, 128 * 257, 65535], [4, 0, 16])


def test_shades_of_fewer_bits_reach_the_whole_range_too() -> None:
    assert _entries(_table(_item([3, 0, 6], [0, 21, 63], data_vr="US"))) == [0, 21845, 65535]


def test_shades_that_need_more_bits_than_stated_get_them() -> None:
    assert _entries(_table(_item([2, 0, 8], [273, 4095], data_vr="US"))) == [4369, 65535]


@pytest.mark.parametrize(("vr", "written"), [("SS", -1024), ("US", 64512)])
def test_the_first_value_is_signed_where_its_values_can_be_negative(vr: str, written: int) -> None:
    made = _table(_item([2, written, 16], bytes(4), vr), signed=True)
    assert (made["LUTDescriptor"].VR, made.LUTDescriptor) == ("SS", [2, -1024, 16])


def test_the_first_value_is_unsigned_where_its_values_cannot_be_negative() -> None:
    made = _table(_item([2, -1024, 16], bytes(4), "SS"))
    assert (made["LUTDescriptor"].VR, made.LUTDescriptor) == ("US", [2, 64512, 16])


def test_zero_entries_mean_65536() -> None:
    made = _table(_item([0, 0, 16], np.arange(65536).astype("<u2").tobytes()))
    assert made.LUTDescriptor == [0, 0, 16]
    assert _entries(made)[-1] == 65535


def test_a_table_that_is_too_short_goes_on_with_its_last_entry() -> None:
    assert _entries(_table(_item([4, 0, 16], [5, 9], data_vr="US"))) == [5, 9, 9, 9]


def test_a_table_that_is_too_long_is_cut() -> None:
    assert _entries(_table(_item([2, 0, 16], [5, 9, 11], data_vr="US"))) == [5, 9]


def test_a_broken_explanation_is_left_out_and_a_good_one_kept() -> None:
    item = _item([2, 0, 16], bytes(4))
    item.LUTExplanation = "bone"
    assert _table(item).LUTExplanation == "bone"
    item.add_new("LUTExplanation", "SH", "of another VR")
    assert "LUTExplanation" not in _table(item)


@pytest.mark.parametrize(
    "item",
    [
        Dataset(),
        _item([2, 0], bytes(4)),
        _item([2, 0, 32], bytes(4)),
        _item([2, 0, 0], bytes(4)),
        _item([2, 0, 16], b""),
        _item([2, 0, 16], []),
    ],
    ids=["empty", "two numbers", "32 bits", "no bits", "no bytes", "no numbers"],
)
def test_what_makes_no_table_is_none(item: Dataset) -> None:
    assert lookup_table(item, has_unit=True, signed=False, little_endian=True) is None


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_table_reads_the_same_from_a_file_of_either_vr_encoding(syntax: str) -> None:
    ds = header("DX", PixelRepresentation=0, VOILUTSequence=[_item([3, 7, 12], [0, 273, 4095], data_vr="US")])
    buffer = BytesIO()
    ds.save_as(buffer, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    read = pydicom.dcmread(BytesIO(buffer.getvalue()), force=True)
    made = _table(read.VOILUTSequence[0])
    assert made.LUTDescriptor == [3, 7, 16]
    assert _entries(made) == [0, 4369, 65535]
