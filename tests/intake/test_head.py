"""File Meta Information, however it is cut into pieces, and whatever is wrong with it."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.intake import Reason, Refused
from node.intake.head import LONGEST, Head
from node.receive.part10 import preface
from tests.peers import Hospital

DX, EXPLICIT = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.1.2.1"
DATASET = b"\x08\x00\x05\x00CS\x00\x00"
WHOLE = preface(DX.encode(), b"1.2.3", EXPLICIT, "SENDER") + DATASET


def read(data: bytes, piece: int = 1 << 20) -> tuple[Head, bytes]:
    head = Head()
    for start in range(0, len(data), piece):
        rest = head.add(data[start : start + piece])
        if rest is not None:
            return head, rest + data[start + piece :]
    raise head.short()


@given(st.integers(1, len(WHOLE)))
def test_it_may_come_in_pieces_of_any_size(piece: int) -> None:
    head, rest = read(WHOLE, piece)
    assert rest == DATASET
    assert (head.claim.sop_class_uid, head.claim.sop_instance_uid) == (DX.encode(), b"1.2.3")
    assert (head.claim.transfer_syntax_uid, head.source) == (EXPLICIT, "SENDER")


def test_what_another_program_wrote_is_read(hospital: Hospital) -> None:
    ds = hospital.image()
    ds.file_meta.PrivateInformationCreatorUID, ds.file_meta.PrivateInformation = "1.2.3", b"x" * 5000
    path: Path = hospital.write(ds)
    head, rest = read(path.read_bytes())
    assert head.claim.sop_instance_uid.decode() == ds.SOPInstanceUID
    assert rest[:4] == b"\x08\x00\x08\x00"


def test_without_a_group_length_it_ends_where_another_group_begins() -> None:
    without = WHOLE[:132] + WHOLE[144:]
    assert read(without)[1] == DATASET


@pytest.mark.parametrize("start", [132, 144], ids=["with a group length", "without"])
def test_without_a_preamble_it_is_read_as_pydicom_writes_it(start: int) -> None:
    head, rest = read(WHOLE[start:])
    assert (rest, head.claim) == (DATASET, read(WHOLE)[0].claim)


@pytest.mark.parametrize("size", [0, 1, 131, 132])
def test_what_is_too_short_is_no_dicom(size: int) -> None:
    with pytest.raises(Refused) as caught:
        read(b"x" * size)
    assert caught.value.reason is Reason.NO_DICOM


def test_a_head_alone_has_no_dataset() -> None:
    with pytest.raises(Refused) as caught:
        read(WHOLE[: -len(DATASET) - 1])
    assert caught.value.reason is Reason.EMPTY


@pytest.mark.parametrize(
    "data",
    [
        WHOLE[:140] + struct.pack("<L", 5) + WHOLE[144:],  # a group that ends inside an element
        WHOLE[:144] + DATASET * 4,  # another group inside it
        WHOLE[:144] + struct.pack("<HH2sHL", 2, 0x0102, b"OB", 0, 1 << 31) + b"x" * 100,
        WHOLE[:132] + struct.pack("<HH2sHL", 2, 0x0102, b"OB", 0, LONGEST - 200) + b"x" * LONGEST * 2,
    ],
)
def test_one_that_is_damaged_is_refused_and_no_memory_taken(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        _ = read(data)[0].claim
    assert caught.value.reason is Reason.BAD_META


@pytest.mark.parametrize("missing", ["class", "instance", "syntax"])
def test_one_that_does_not_say_what_follows_is_refused(missing: str) -> None:
    values = {"class": DX, "instance": "1.2.3", "syntax": EXPLICIT} | {missing: ""}
    data = preface(values["class"].encode(), values["instance"].encode(), values["syntax"], "") + DATASET
    with pytest.raises(Refused) as caught:
        _ = read(data)[0].claim
    assert caught.value.reason is Reason.BAD_META


@given(st.binary(max_size=300))
def test_nothing_that_follows_the_prefix_does_more_than_be_refused(data: bytes) -> None:
    head = Head()
    with contextlib.suppress(Refused):  # any other error is one of ours
        if head.add(b"\0" * 128 + b"DICM" + data) is not None:
            _ = head.claim, head.source
