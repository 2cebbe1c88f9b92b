"""What is proposed, and what is no file to send."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from node.deliver.contexts import FileMeta, by_association, contexts_for, read_meta
from node.deliver.outcome import Outgoing
from node.errors import DeliveryRefused
from tests.deliver.material import SC, SR, dicom_file


def pairs(wanted: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(str(cx.abstract_syntax), str(cx.transfer_syntax[0])) for cx in contexts_for(wanted)]


def test_only_what_is_sent_is_proposed_once() -> None:
    assert pairs([(SC, JPEGBaseline8Bit)] * 3) == [(SC, JPEGBaseline8Bit)]


def test_explicit_little_endian_may_travel_as_the_default_syntax() -> None:
    assert pairs([(SC, ExplicitVRLittleEndian), (SR, ImplicitVRLittleEndian)]) == [
        (SC, ExplicitVRLittleEndian),
        (SR, ImplicitVRLittleEndian),
        (SC, ImplicitVRLittleEndian),
    ]


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, ExplicitVRLittleEndian])
def test_more_than_128_contexts_need_more_than_one_association(syntax: str) -> None:
    objects = [
        (Outgoing(f"1.2.{n}", f"1.3.{n % 150}", "1", Path()), FileMeta(f"1.3.{n % 150}", f"1.2.{n}", syntax))
        for n in range(300)
    ]
    parts = list(by_association(objects))
    assert [one for part in parts for one in part] == objects
    assert all(len(contexts_for([meta.context for _, meta in part])) <= 128 for part in parts)
    assert len(parts) <= 6


def test_the_meta_information_of_a_file_is_read(tmp_path: Path) -> None:
    outgoing = dicom_file(tmp_path, SR)
    meta = read_meta(outgoing.path)
    assert meta == FileMeta(SR, outgoing.sop_instance_uid, ExplicitVRLittleEndian)


@pytest.mark.parametrize("content", [b"", b"hello", bytes(128) + b"DICM", bytes(200), bytes(128) + b"DICM" + bytes(9)])
def test_what_is_no_dicom_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(content)
    with pytest.raises(DeliveryRefused, match="this is no DICOM file"):
        read_meta(path)


@pytest.mark.filterwarnings("ignore:Expected explicit VR")
def test_a_damaged_header_is_refused_whatever_it_makes_pydicom_raise(tmp_path: Path) -> None:
    path = dicom_file(tmp_path, SR).path
    path.write_bytes(path.read_bytes().replace(b"\x02\x00\x03\x00UI", b"\x02\x00\x03\x00UX", 1))
    with pytest.raises(DeliveryRefused, match="this is no DICOM file"):
        read_meta(path)


def test_a_file_that_is_gone_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryRefused, match="not there"):
        read_meta(tmp_path / "gone.dcm")
    with pytest.raises(DeliveryRefused, match="cannot be read"):
        read_meta(tmp_path)
