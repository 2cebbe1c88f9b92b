"""STOW-RS of objects that are told in XML, the Native DICOM Model, with their bulk data apart."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from node.intake.multipart import Malformed
from node.intake.native import NAMESPACE, read, written
from tests.peers import Hospital
from tests.web.stow_server import IN_JSON, OCTETS, REFERENCED, Running, apart, part, storing, told

END = b"--edge--\r\n"
IN_XML = IN_JSON.replace("json", "xml")
GROUPS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Running]:
    with storing(tmp_path) as running:
        yield running


def native(table: dict[str, Any]) -> str:
    """A dataset of DICOM JSON as another program writes it in XML: values numbered, private blocks not told."""
    creators = {tag: one["Value"][0] for tag, one in table.items() if int(tag[:4], 16) % 2 and tag[4:6] == "00"}
    return "".join(attribute(tag, one, creators) for tag, one in table.items() if tag not in creators)


def attribute(tag: str, element: dict[str, Any], creators: dict[str, str]) -> str:
    creator, named = creators.get(f"{tag[:4]}00{tag[4:6]}"), ""
    if creator:
        tag, named = f"{tag[:4]}00{tag[6:]}", f" privateCreator={quoteattr(creator)}"
    body = "".join(value(number, one) for number, one in enumerate(element.get("Value", []), 1) if one is not None)
    if "BulkDataURI" in element:
        body = f"<BulkData uri={quoteattr(element['BulkDataURI'])}/>"
    if "InlineBinary" in element:
        body = f"<InlineBinary>{element['InlineBinary']}</InlineBinary>"
    return f'<DicomAttribute tag="{tag}" vr="{element["vr"]}"{named}>{body}</DicomAttribute>\n'


def value(number: int, one: Any) -> str:
    if isinstance(one, dict) and "Alphabetic" in one:
        parts = zip(GROUPS, one["Alphabetic"].split("^"), strict=False)
        said = "".join(f"<{name}>{escape(said)}</{name}>" for name, said in parts if said)
        return f'<PersonName number="{number}"><Alphabetic>{said}</Alphabetic></PersonName>'
    if isinstance(one, dict):
        return f'<Item number="{number}">{native(one)}</Item>'
    return f'<Value number="{number}">{escape(str(one))}</Value>'


def document(body: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f'{head}<NativeDicomModel xmlns="{NAMESPACE}">{body}</NativeDicomModel>'.encode()


def request_of(*objects: Dataset) -> bytes:
    tables, bulks = zip(*map(apart, objects), strict=True)
    parts = [part(document(native(one)), "application/dicom+xml") for one in tables]
    return b"".join(parts) + b"".join(part(data, OCTETS, uri) for bulk in bulks for uri, data in bulk.items()) + END


def rich(hospital: Hospital) -> Dataset:
    item = Dataset()
    item.LUTDescriptor, item.LUTExplanation, item.LUTData = [32, 0, 16], "größer & <kleiner>", bytes(range(64))
    ds = hospital.image(SeriesDescription="Übersicht", WindowCenter=[2048, 40], VOILUTSequence=[item])
    ds.PatientName, ds.OtherPatientIDs, ds.SmallestImagePixelValue = "Doe^Jane^^Dr", "", 7
    block = ds.private_block(0x0009, "MAKER", create=True)
    block.add_new(0x01, "OB", b"x" * 33)
    block.add_new(0x02, "LO", "private")
    return ds


def test_what_is_told_in_xml_is_kept_as_if_it_had_come_in_json(web: Running, hospital: Hospital) -> None:
    objects = [rich(hospital), hospital.image(2, modality="CT")]
    done = web.post(request_of(*objects), kind=IN_XML)
    assert (done.status_code, told(done, REFERENCED)) == (200, [ds.SOPInstanceUID for ds in objects])
    found = {ds.SOPInstanceUID: ds for ds in (pydicom.dcmread(web.spool.path(one)) for one in web.spool.files())}
    for sent in objects:
        kept = found[sent.SOPInstanceUID]
        assert {e.tag for e in kept} == {e.tag for e in sent} | {0x00080005}
        assert (kept.pixel_array == sent.pixel_array).all()
    first = found[objects[0].SOPInstanceUID]
    assert (first.SeriesDescription, str(first.PatientName)) == ("Übersicht", "Doe^Jane^^Dr")
    assert (first.VOILUTSequence[0].LUTExplanation, first.SmallestImagePixelValue) == ("größer & <kleiner>", 7)
    assert (list(first.WindowCenter), first.VOILUTSequence[0].LUTData) == ([2048, 40], bytes(range(64)))
    assert first.private_block(0x0009, "MAKER")[2].value == "private"


def test_who_accepts_xml_alone_is_answered_in_xml(web: Running, hospital: Hospital) -> None:
    ds = hospital.image()
    done = web.post(request_of(ds), kind=IN_XML, Accept="application/dicom+xml")
    assert (done.status_code, done.headers["Content-Type"]) == (200, "application/dicom+xml")
    root = ET.fromstring(done.content)  # noqa: S314  our own
    assert root.tag == f"{{{NAMESPACE}}}NativeDicomModel"
    table = read(done.content)
    assert table[REFERENCED]["Value"][0]["00081155"]["Value"] == [ds.SOPInstanceUID]
    assert read(written(table)) == table


def test_what_dcmtk_writes_is_taken(web: Running, hospital: Hospital, tmp_path: Path) -> None:
    ds, file = rich(hospital), tmp_path / "image.dcm"
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.save_as(file, enforce_file_format=True)
    told_by = subprocess.run(["dcm2xml", "-nat", str(file)], check=True, capture_output=True).stdout
    bulk = {tag: element["BulkDataURI"] for tag, element in read(told_by).items() if "BulkDataURI" in element}
    parts = [part(ds[int(tag, 16)].value, OCTETS, uri) for tag, uri in bulk.items()]
    nested = read(told_by)["00283010"]["Value"][0]["00283006"]["BulkDataURI"]
    parts.append(part(ds.VOILUTSequence[0].LUTData, OCTETS, nested))
    done = web.post(part(told_by, "application/dicom+xml") + b"".join(parts) + END, kind=IN_XML)
    assert done.status_code == 200, done.text
    (name,) = web.spool.files()
    kept = pydicom.dcmread(web.spool.path(name))
    assert (kept.pixel_array == ds.pixel_array).all()
    assert (kept.SeriesDescription, str(kept.PatientName)) == ("Übersicht", "Doe^Jane^^Dr")
    assert kept.private_block(0x0009, "MAKER")[2].value == "private"


BOMB = b'<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
OUTSIDE = b'<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no well-formed XML: no element found (line 1)"),
        (b"{}", "no well-formed XML"),
        (b"<NativeDicomModel><a></NativeDicomModel>", "mismatched tag"),
        (b"<html/>", "no NativeDicomModel (PS3.19 A.1)"),
        (BOMB + document("&b;").partition(b"?>")[2], "DOCTYPE): send them without it"),
        (OUTSIDE + document("&a;").partition(b"?>")[2], "DOCTYPE): send them without it"),
        (document("&a;"), "undefined entity"),
        (document("<x>" * 100 + "</x>" * 100), "nested more than 64 deep"),
        (document("<x/>" * 1001), "more than 1000 elements"),
        (document('<DicomAttribute vr="LO"/>'), "no tag of eight hex digits"),
        (document('<DicomAttribute tag="00280010" vr="US"><Value>x</Value></DicomAttribute>'), "as its VR US says"),
        (document('<DicomAttribute tag="00280010" vr="US"><Value number="99999999"/></DicomAttribute>'), "numbered"),
        (b'<?xml version="1.0" encoding="KLINGON"?><a/>', "XML"),
    ],
)
def test_xml_that_is_none_is_refused_with_what_to_do(text: bytes, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.intake.native._MOST", 1000)
    with pytest.raises(Malformed) as refused:
        read(text)
    assert why in str(refused.value)


def test_over_http_that_is_a_bad_request(web: Running) -> None:
    done = web.post(part(BOMB + document("&b;").partition(b"?>")[2], "application/dicom+xml") + END, kind=IN_XML)
    assert (done.status_code, "DOCTYPE" in done.json()["error"]) == (400, True)
    assert list(web.spool.files()) == []


def test_values_that_are_left_out_are_empty() -> None:
    text = '<DicomAttribute tag="00080060" vr="CS"><Value number="2">CT</Value><Value number="4"/></DicomAttribute>'
    assert read(document(text)) == {"00080060": {"vr": "CS", "Value": [None, "CT", None, ""]}}


def judged(data: bytes) -> str:
    try:
        return f"a dataset of {len(read(data))} attributes"
    except Malformed as error:
        return str(error)


@given(st.text('<>/="DicomAttributeValueItem tag vr number 0123456789&;', max_size=300))
def test_whatever_is_sent_is_read_or_refused(text: str) -> None:
    for data in (text.encode(), document(text)):
        assert judged(data).startswith(("a dataset", "a DicomAttribute", "the metadata", "the values", "a value"))
