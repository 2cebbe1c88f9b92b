"""STOW-RS of objects that are told in DICOM JSON, with their bulk data apart: as safe as those that come as files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from node.reconcile import compare
from tests.peers import Hospital
from tests.web.stow_server import (
    FAILED,
    FAILURE,
    IN_JSON,
    OCTETS,
    OTHERS,
    REFERENCED,
    Running,
    apart,
    metadata,
    part,
    storing,
    told,
)

END = b"--edge--\r\n"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Running]:
    with storing(tmp_path) as running:
        yield running


def request_of(*objects: Dataset) -> bytes:
    """As other programs write it: what they are, then what was apart."""
    tables, bulks = zip(*map(apart, objects), strict=True)
    parts = [part(data, OCTETS, uri) for bulk in bulks for uri, data in bulk.items()]
    return metadata(*tables) + b"".join(parts) + END


def kept(web: Running) -> list[Dataset]:
    found = [pydicom.dcmread(web.spool.path(name)) for name in web.spool.files()]
    return sorted(found, key=lambda ds: str(ds.SOPInstanceUID))


def rich(hospital: Hospital) -> Dataset:
    """Text beyond ASCII, a number that is too long for a DS, and bulk data within an item, of an odd length."""
    item = Dataset()
    item.LUTDescriptor, item.LUTExplanation, item.LUTData = [32, 0, 16], "größer", bytes(range(64))
    ds = hospital.image(SeriesDescription="Übersicht", WindowCenter=2048.0 / 3, VOILUTSequence=[item])
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.add_new(0x00091001, "OB", b"x" * 33)
    ds.private_block(0x0009, "MAKER", create=True)
    return ds


def test_what_is_told_in_json_is_kept_as_if_it_had_come_as_a_file(web: Running, hospital: Hospital) -> None:
    objects = [rich(hospital), *(hospital.image(2, image=number, modality="CT") for number in (1, 2))]
    done = web.post(request_of(*objects), kind=IN_JSON)
    assert (done.status_code, told(done, REFERENCED)) == (200, [ds.SOPInstanceUID for ds in objects])
    for ds, sent in zip(kept(web), objects, strict=True):
        assert ds.SpecificCharacterSet == "ISO_IR 192"
        assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
        assert ds.PixelData == sent.PixelData
        assert (ds.pixel_array == sent.pixel_array).all()
        assert {e.tag for e in ds} == {e.tag for e in sent} | {0x00080005}
    first = kept(web)[0]
    assert (first.SeriesDescription, first.VOILUTSequence[0].LUTExplanation) == ("Übersicht", "größer")
    assert first.VOILUTSequence[0].LUTData == bytes(range(64))
    assert first[0x00091001].value == b"x" * 33 + b"\0"
    assert len(str(first.WindowCenter)) <= 16
    assert float(first.WindowCenter) == pytest.approx(2048 / 3)
    assert compare(web.ledger, web.spool, until=time.time() + 9).clean
    assert web.post(request_of(*objects), kind=IN_JSON).status_code == 200
    assert web.events() == ["received"] * 3 + ["received again"] * 3


def test_an_object_without_bulk_data_is_its_metadata(web: Running, hospital: Hospital) -> None:
    report = hospital.image(PixelData=None)
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    done = web.post(request_of(report), f"/{hospital.study_uid()}", kind=IN_JSON)
    assert (done.status_code, told(done, REFERENCED)) == (200, [report.SOPInstanceUID])


def frames_of(ds: Dataset, kind: str) -> list[bytes]:
    if kind == "image/jpeg":
        return [jpeg(frame) for frame in ds.pixel_array]
    syntax = {"image/jls": JPEGLSLossless, "image/jp2": JPEG2000Lossless, "image/dicom-rle": RLELossless}[kind]
    ds.compress(syntax, generate_instance_uid=False)
    return list(generate_frames(ds.PixelData, number_of_frames=2))


def jpeg(frame: Any) -> bytes:
    target = BytesIO()
    Image.fromarray(frame).save(target, "jpeg", quality=100)
    return target.getvalue()


@pytest.mark.parametrize(
    ("kind", "named", "syntax"),
    [
        ("image/jpeg", "", "1.2.840.10008.1.2.4.50"),
        ("image/jpeg", "; transfer-syntax=1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.50"),
        ("image/jls", "; transfer-syntax=1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.80"),
        ("image/jp2", "", "1.2.840.10008.1.2.4.90"),
        ("image/dicom-rle", '; transfer-syntax="1.2.840.10008.1.2.5"', "1.2.840.10008.1.2.5"),
    ],
)
def test_compressed_frames_come_one_by_one_and_can_be_read(
    web: Running, hospital: Hospital, kind: str, named: str, syntax: str
) -> None:
    ds = hospital.image(modality="US", NumberOfFrames=2)
    shades = np.linspace(0, 255, 32 * 32, dtype=np.uint8).reshape(32, 32)
    stored = np.stack([shades, shades[::-1]])
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelData = 8, 8, 7, stored.tobytes()
    table, _ = apart(ds)
    location = table["7FE00010"]["BulkDataURI"]
    frames = frames_of(ds, kind)
    numbered = [part(data, kind + named, f"{location}/frames/{n}") for n, data in reversed(list(enumerate(frames, 1)))]
    done = web.post(metadata(table) + b"".join(numbered) + END, kind=IN_JSON)
    assert done.status_code == 200, done.text
    (found,) = kept(web)
    assert found.file_meta.TransferSyntaxUID == syntax
    assert np.abs(found.pixel_array.astype(int) - stored).max() <= (3 if kind == "image/jpeg" else 0)
    alike = [part(data, kind + named, location) for data in frames]
    assert web.post(metadata(table) + b"".join(alike) + END, kind=IN_JSON).status_code == 200
    assert web.events() == ["received", "received again"]


def test_each_object_that_cannot_be_put_together_has_its_reason(web: Running, hospital: Hospital) -> None:
    names = ("good", "lonely", "odd", "long", "patchy", "unreadable", "elsewhere")
    objects = {name: hospital.image(1, image=n) for n, name in enumerate(names, 1)}
    objects["long"].PixelData = bytes(3 << 20)
    objects["patchy"].NumberOfFrames = 3
    objects["elsewhere"].StudyInstanceUID = hospital.study_uid(2)
    tables = {name: apart(ds) for name, ds in objects.items()}
    tables["unreadable"][0]["00280010"]["Value"] = [{"Alphabetic": "none"}]
    parts = {name: [part(data, OCTETS, uri) for uri, data in bulk.items()] for name, (_, bulk) in tables.items()}
    (uri,) = tables["odd"][1]
    parts["odd"] = [part(b"GIF89a", "image/gif", uri)]
    (uri,) = tables["patchy"][1]
    parts["patchy"] = [part(b"\xff\xd8", "image/jpeg", f"{uri}/frames/{n}") for n in (1, 2, 2)]
    parts["lonely"] = [part(b"nobody asked", OCTETS, "bulk/unknown")]
    shuffled = [one for name in reversed(names) for one in parts[name]]
    head = metadata(*(table for table, _ in tables.values()), {"00080018": {"vr": "UI", "Value": "?"}}, [1])
    done = web.post(head + b"".join(shuffled) + END, f"/{hospital.study_uid(1)}", kind=IN_JSON)
    assert done.status_code == 202
    by_uid = {str(ds.SOPInstanceUID): name for name, ds in objects.items()}
    assert [by_uid[uid] for uid in told(done, REFERENCED)] == ["good"]
    reasons = {by_uid[uid]: reason for uid, reason in told(done, FAILED, FAILURE)}
    assert reasons == {
        "elsewhere": 0xA901,
        "unreadable": 0xC000,
        "patchy": 0xC122,
        "long": 0xA700,
        "odd": 0xC122,
        "lonely": 0xC000,
    }
    assert told(done, OTHERS, FAILURE) == [("", 0xC000)] * 2
    assert list((web.spool.root / "incoming").iterdir()) == []
    assert len(list(web.spool.files())) == 1


def test_of_a_body_that_is_torn_what_was_put_together_is_kept_and_the_rest_is_told(
    web: Running, hospital: Hospital
) -> None:
    objects = [hospital.image(image=number) for number in (1, 2, 3)]
    whole = request_of(*objects)
    done = web.post(whole[: -len(END) - 3000], kind=IN_JSON)
    uids = [ds.SOPInstanceUID for ds in objects]
    assert (done.status_code, told(done, REFERENCED)) == (202, uids[:1])
    assert told(done, FAILED, FAILURE) == [(uid, 0xC000) for uid in uids[1:]]
    assert list((web.spool.root / "incoming").iterdir()) == []
    assert web.post(whole, kind=IN_JSON).status_code == 200


def test_metadata_without_end_and_a_full_disk(
    web: Running, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    ds = hospital.image()
    endless = metadata({"00204000": {"vr": "LT", "Value": ["x" * (17 << 20)]}}) + END
    assert web.post(endless, kind=IN_JSON).status_code == 413
    monkeypatch.setattr(web.spool, "_min_free", 1 << 60)
    full = web.post(request_of(ds), kind=IN_JSON)
    assert (full.status_code, told(full, FAILED, FAILURE)) == (503, [(ds.SOPInstanceUID, 0xA700)])
    monkeypatch.undo()
    assert web.post(request_of(ds), kind=IN_JSON).status_code == 200
