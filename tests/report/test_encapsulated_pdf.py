"""The page as an object: what it is, what it was made from, and that its bytes are the page's."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdf
import pytest
from pydicom.dataset import Dataset

from node.plugin import Image
from node.report import identity, source
from node.report.encapsulated_pdf import encapsulated_pdf
from node.study import Analysis, Explanation
from tests.peers.programs import system_program
from tests.report import gate
from tests.report.material import (
    STUDY,
    analysis,
    banded,
    by_uid,
    contribution,
    header,
    manifest,
    not_assessed,
    picture,
    read_back,
    region,
)
from tests.report.test_gate import CASES

ROOT = Path(__file__).parents[2]


def made(told: Analysis, *sources: Dataset, pictures: bool = True) -> Dataset:
    """The object, written and read back."""
    shown = tuple(picture(ds) for ds in sources) if pictures else ()
    words = tuple(contribution(ds) for ds in sources)
    return read_back(encapsulated_pdf(told, by_uid(*sources), Explanation((), shown, words)))


def page_of(ds: Dataset) -> pypdf.PdfReader:
    """The page that the object holds, without the padding."""
    return pypdf.PdfReader(BytesIO(ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength]), strict=True)


def digest() -> str:
    """sha256 of the file of a page with all that it can hold."""
    ds = header(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう")
    findings = tuple(banded(f"finding {number}") for number in range(14))
    told = analysis(ds, manifest=manifest(findings=findings, limits=("One limit.",)), expected=3)
    explanation = Explanation((region(ds),), (picture(ds),), (contribution(ds),))
    buffer = BytesIO()
    encapsulated_pdf(told, by_uid(ds), explanation).save_as(buffer, enforce_file_format=True)
    return sha256(buffer.getvalue()).hexdigest()


@pytest.mark.integration
@pytest.mark.parametrize("name", CASES)
def test_every_page_passes_dciodvfy(name: str, tmp_path: Path) -> None:
    told, sources, regions, pictures = CASES[name]()
    words = tuple(contribution(ds) for ds in sources)
    ds = encapsulated_pdf(told, by_uid(*sources), Explanation(tuple(regions), tuple(pictures), words))
    assert gate.dciodvfy(gate.save(ds, tmp_path, "page")) == []
    assert len(page_of(read_back(ds)).pages) == 1


@pytest.mark.integration
@pytest.mark.parametrize(
    ("modality", "terms", "name"),
    [
        ("DX", "ISO_IR 100", "Müller^Jürgen"),
        ("CR", "ISO_IR 144", "Жуков^Алексей"),
        ("CT", "ISO_IR 126", "Διονυσιος^Ανδρέας"),
        ("MR", "ISO_IR 127", "قباني^لنزار"),
        ("US", "ISO_IR 138", "שרון^דבורה"),
        ("XC", "ISO_IR 166", "นามสกุล^ชื่อ"),
        ("MRE", ["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("DX", ["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("CR", ["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        ("CT", "GB18030", "Wang^XiaoDong=王^小东"),
        ("MR", "ISO_IR 192", "Wang^XiaoDong=王^小東"),
    ],
)
def test_a_page_in_any_character_set_passes_dciodvfy_and_keeps_the_name(
    modality: str, terms: Any, name: str, tmp_path: Path
) -> None:
    source_header = header(modality, SpecificCharacterSet=terms, PatientName=name)
    ds = encapsulated_pdf(analysis(source_header), by_uid(source_header), Explanation())
    path = gate.save(ds, tmp_path, "page")
    assert gate.dciodvfy(path) == []
    assert str(read_back(ds).PatientName) == name


@pytest.mark.integration
def test_dcmtk_takes_the_document_out_again(tmp_path: Path) -> None:
    ds = header()
    path = gate.save(encapsulated_pdf(analysis(ds), by_uid(ds), Explanation()), tmp_path, "page")
    out = tmp_path / "page.pdf"
    subprocess.run([system_program("dcm2pdf"), str(path), str(out)], check=True, capture_output=True)
    assert "Doe, Jane" in pypdf.PdfReader(out).pages[0].extract_text()


def test_it_is_an_unverified_document_with_the_patient_on_it() -> None:
    ds = made(analysis(header()), header())
    assert ds.SOPClassUID == ds.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.104.1"
    assert (ds.Modality, ds.MIMETypeOfEncapsulatedDocument, ds.ConversionType) == ("DOC", "application/pdf", "WSD")
    assert (ds.BurnedInAnnotation, ds.VerificationFlag) == ("YES", "UNVERIFIED")
    assert ds.DocumentTitle == "Chest radiograph: opacity"
    assert ds.ConceptNameCodeSequence[0].CodeValue == "126000"
    assert (ds.PatientName, ds.PatientID, ds.AccessionNumber) == ("Doe^Jane", "P-1", "A-77")
    assert (ds.StudyInstanceUID, ds.SeriesNumber, ds.ContentQualification) == (STUDY, 9006, "RESEARCH")


def test_the_page_and_the_object_name_the_same_patient() -> None:
    ds = made(analysis(header()), header())
    assert "Doe, Jane" in page_of(ds).pages[0].extract_text()
    assert "1960-01-02" in page_of(ds).pages[0].extract_text()


def test_a_birth_date_that_is_none_stands_neither_on_the_page_nor_in_the_object() -> None:
    broken = header(PatientBirthDate="unknown")
    ds = made(analysis(broken), broken)
    assert ds.PatientBirthDate == ""
    assert "unknown" not in page_of(ds).pages[0].extract_text()


@pytest.mark.parametrize("version", [f"1.{'2' * count}" for count in range(1, 7)])
def test_the_document_is_padded_to_even_length_and_its_own_length_is_told(version: str) -> None:
    ds = made(analysis(header(), manifest=manifest(version=version)), header(), pictures=False)
    document, length = ds.EncapsulatedDocument, ds.EncapsulatedDocumentLength
    assert len(document) % 2 == 0
    assert length in (len(document), len(document) - 1)
    assert document[length:] in (b"", b"\0")
    assert document.startswith(b"%PDF-1.")
    assert document[:length].rstrip().endswith(b"%%EOF")


def test_it_names_every_image_that_it_was_made_from() -> None:
    sources = [header("MR", image=number) for number in (1, 2, 3)]
    ds = made(analysis(*sources, manifest=manifest(level="series")), *sources)
    assert [item.ReferencedSOPInstanceUID for item in ds.SourceInstanceSequence] == [
        one.SOPInstanceUID for one in sources
    ]
    assert {item.ReferencedSOPClassUID for item in ds.SourceInstanceSequence} == {sources[0].SOPClassUID}


def test_where_no_image_could_be_read_it_names_those_that_could_not() -> None:
    unread = header()
    ds = made(analysis(not_assessed=(not_assessed(unread),)), unread, pictures=False)
    assert [item.ReferencedSOPInstanceUID for item in ds.SourceInstanceSequence] == [unread.SOPInstanceUID]


def test_of_nothing_at_all_there_is_still_a_page() -> None:
    ds = made(analysis(expected=2))
    assert "SourceInstanceSequence" not in ds
    assert "NOT ASSESSED" in page_of(ds).pages[0].extract_text()


@pytest.mark.parametrize(
    ("tags", "acquired"),
    [
        ({"AcquisitionDateTime": "20250614101500.25+0200"}, "20250614101500.25+0200"),
        ({"AcquisitionDate": "20250614", "AcquisitionTime": "101500"}, "20250614101500"),
        (
            {"AcquisitionDateTime": "20250614", "AcquisitionDate": "20240101", "AcquisitionTime": "000000"},
            "20250614",
        ),
        ({"AcquisitionDate": "20250614"}, ""),
        ({"AcquisitionDate": "", "AcquisitionTime": "101500"}, ""),
        ({}, ""),
    ],
)
def test_it_says_when_the_images_were_acquired_as_far_as_the_source_does(tags: dict[str, str], acquired: str) -> None:
    images = header(**tags)
    assert str(made(analysis(images), images).AcquisitionDateTime or "") == acquired


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_an_acquisition_time_that_is_none_is_left_out() -> None:
    images = header(AcquisitionDateTime="noon", AcquisitionDate="20250614", AcquisitionTime="noon")
    assert not made(analysis(images), images).AcquisitionDateTime


@pytest.mark.integration
def test_a_later_page_names_the_one_before_and_stands_behind_it(tmp_path: Path) -> None:
    before = ("1.2.840.10008.5.1.4.1.1.104.1", "2.25.7")
    ds = encapsulated_pdf(analysis(header(), revision=2, predecessors={"pdf": before}), by_uid(header()), Explanation())
    (study,) = ds.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (item,) = series.ReferencedSOPSequence
    assert (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) == before
    assert series.SeriesInstanceUID == ds.SeriesInstanceUID
    assert ds.InstanceNumber > made(analysis(header()), header()).InstanceNumber
    assert gate.dciodvfy(gate.save(ds, tmp_path, "page")) == []


def test_its_identity_follows_from_the_analysis() -> None:
    told = analysis(header())
    assert made(told, header()).SOPInstanceUID == identity.instance_uid(told, "pdf")


def test_other_limits_of_the_model_make_another_page() -> None:
    plain, limited = (analysis(header(), manifest=manifest(limits=limits)) for limits in ((), ("One limit.",)))
    assert made(plain, header()).SOPInstanceUID != made(limited, header()).SOPInstanceUID


def test_a_source_whose_header_is_gone_is_still_referred_to() -> None:
    ds = header()
    told = analysis(ds)
    (item,) = told.analysed
    assert isinstance(item.image_set.images[0], Image)
    page = read_back(encapsulated_pdf(told, {}, Explanation()))
    assert page.SourceInstanceSequence[0].ReferencedSOPInstanceUID == ds.SOPInstanceUID
    assert source.value(page, "PatientName") == ""
    assert "not stated" in page_of(page).pages[0].extract_text()


@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
        {"PYTHONHASHSEED": "77", "LC_ALL": "de_DE.UTF-8", "TZ": "America/Caracas"},
    ],
)
def test_another_process_in_another_place_makes_the_same_bytes(surroundings: dict[str, str]) -> None:
    code = "from tests.report.test_encapsulated_pdf import digest; print(digest())"
    environment = {**os.environ, **surroundings, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest() == digest()
