"""The header: whose study it is, who made the result, and when."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from node.study import MANUFACTURER, Analysis
from tests.report.material import (
    STUDY,
    analysis,
    built,
    by_uid,
    header,
    manifest,
    not_assessed,
    picture,
    read_back,
    region,
    spec,
)

COPIED = (
    "StudyInstanceUID",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
    "StudyDescription",
)


def results(source: Dataset, told: Analysis | None = None) -> dict[str, Dataset]:
    """All three kinds of object of one source, written and read back."""
    made = built(told or analysis(source), by_uid(source), [region(source)], [picture(source)])
    return {kind: read_back(ds) for kind, ds in made}


def report(source: Dataset, **changes: Any) -> Dataset:
    """The complete report of one source, written and read back."""
    return results(source, analysis(source, **changes))["sr"]


@pytest.mark.parametrize("kind", ["sc", "sr", "viewer-sr"])
def test_patient_and_study_are_those_of_the_source(kind: str) -> None:
    source = header()
    ds = results(source)[kind]
    assert {keyword: ds[keyword].value for keyword in COPIED} == {k: source[k].value for k in COPIED}


def test_the_issuer_of_the_accession_number_is_copied() -> None:
    issuer = Dataset()
    issuer.LocalNamespaceEntityID = "RIS"
    ds = report(header(IssuerOfAccessionNumberSequence=[issuer]))
    assert ds.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RIS"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_sequences_are_copied_from_any_encoding(syntax: UID) -> None:
    issuer, request, code = Dataset(), Dataset(), Dataset()
    issuer.LocalNamespaceEntityID = "Krankenhäuser"
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99RIS", "Röntgen"
    request.RequestedProcedureID, request.RequestedProcedureCodeSequence = "RP1", [code]
    source = header(SpecificCharacterSet="ISO_IR 100", RequestAttributesSequence=[request])
    source.IssuerOfAccessionNumberSequence = [issuer]
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, source, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    part = pydicom.dcmread(BytesIO(_with_meta(buffer.getvalue(), syntax)))
    told = manifest(findings=(spec(label="Trübung"),))
    ds = read_back(built(analysis(source, manifest=told), by_uid(part), [], [], kinds=("sr",))[0][1])
    assert ds.SpecificCharacterSet == "ISO_IR 192"
    assert ds.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "Krankenhäuser"
    (order,) = ds.ReferencedRequestSequence
    assert order.RequestedProcedureCodeSequence[0].CodeMeaning == "Röntgen"
    assert "CodingSchemeIdentificationSequence" not in ds  # the plugin does not answer for the source's own codes


def _with_meta(data: bytes, syntax: UID) -> bytes:
    """The data set as a Part 10 file of that transfer syntax."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2", "1.3"
    buffer = BytesIO()
    pydicom.filewriter.write_file_meta_info(buffer, meta)
    return bytes(128) + b"DICM" + buffer.getvalue() + data


def test_what_the_source_lacks_is_written_empty_where_the_standard_wants_it() -> None:
    ds = report(header(PatientName=None, AccessionNumber=None, StudyID=None, StudyDescription=None))
    assert [str(ds[keyword].value or "") for keyword in ("PatientName", "AccessionNumber", "StudyID")] == ["", "", ""]
    assert "StudyDescription" not in ds


def test_values_that_break_their_representation_are_left_out() -> None:
    ds = report(header(PatientBirthDate="unknown", StudyTime="noon", PatientSex="X"))
    assert (ds.PatientBirthDate, ds.StudyTime, ds.PatientSex) == ("", "", "")


def test_a_patient_id_is_kept_even_where_it_is_too_long() -> None:
    assert report(header(PatientID="7" * 70)).PatientID == "7" * 70


def test_a_source_whose_header_is_not_at_hand_still_gives_a_report() -> None:
    source = header()
    ((_, ds),) = built(analysis(source), {}, [], [], kinds=("sr",))
    assert read_back(ds).StudyInstanceUID == STUDY


@pytest.mark.parametrize(
    ("terms", "name"),
    [
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        ("ISO_IR 100", "Buc^Jérôme"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小东"),
    ],
)
def test_a_name_survives_in_the_character_set_of_its_source(terms: Any, name: str) -> None:
    ds = report(header(SpecificCharacterSet=terms, PatientName=name))
    assert str(ds.PatientName) == name
    assert list(ds["SpecificCharacterSet"].value) == list(
        header(SpecificCharacterSet=terms)["SpecificCharacterSet"].value
    )


def test_a_label_that_the_source_s_character_set_lacks_turns_the_object_to_utf_8() -> None:
    told = manifest(findings=(spec(label="Trübung"),))
    ds = report(header(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada=山田"), manifest=told)
    assert ds.SpecificCharacterSet == "ISO_IR 192"
    assert str(ds.PatientName) == "Yamada=山田"


def test_plain_ascii_declares_no_character_set() -> None:
    assert "SpecificCharacterSet" not in report(header())


def test_an_unknown_character_set_becomes_utf_8() -> None:
    assert report(header(SpecificCharacterSet="ISO_IR 999")).SpecificCharacterSet == "ISO_IR 192"


@pytest.mark.parametrize("kind", ["sc", "sr", "viewer-sr"])
def test_the_node_knows_its_own_results_by_their_equipment(kind: str) -> None:
    ds = results(header())[kind]
    assert ds.Manufacturer == MANUFACTURER
    (item,) = ds.ContributingEquipmentSequence
    assert item.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert (item.ManufacturerModelName, item.SoftwareVersions) == ("chest-radiograph", "1.2.0")
    assert item.DeviceSerialNumber == manifest().digest
    assert item.DeviceUID.startswith("2.25.")


@pytest.mark.parametrize("kind", ["sc", "sr", "viewer-sr"])
def test_research_plugins_say_so_in_every_object(kind: str) -> None:
    ds = results(header())[kind]
    assert ds.ContentQualification == "RESEARCH"
    assert ds.SeriesDescription.endswith("RESEARCH - not for diagnosis")
    assert "chest-radiograph 1.2.0" in ds.SeriesDescription


def test_a_released_plugin_does_not_call_itself_research() -> None:
    ds = report(header(), manifest=manifest(research_only=False))
    assert "ContentQualification" not in ds
    assert "RESEARCH" not in ds.SeriesDescription


def test_a_long_plugin_name_leaves_the_warning_readable() -> None:
    ds = report(header(), manifest=manifest(name="a-very-long-name-of-a-plugin-for-chest-radiographs"))
    assert len(ds.SeriesDescription) <= 64
    assert ds.SeriesDescription.endswith("RESEARCH - not for diagnosis")


def test_each_kind_has_its_own_fixed_series_number() -> None:
    numbers = {kind: ds.SeriesNumber for kind, ds in results(header()).items()}
    assert numbers == {"sc": 9000, "sr": 9001, "viewer-sr": 9002}


def test_the_newest_revision_comes_last_in_its_series() -> None:
    first, second = (report(header(), revision=revision) for revision in (1, 2))
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.InstanceNumber < second.InstanceNumber


def test_the_time_is_the_start_of_the_analysis_in_utc() -> None:
    ds = report(header())
    assert (ds.ContentDate, ds.ContentTime) == ("20250615", "150640")
    assert (ds.InstanceCreationDate, ds.InstanceCreationTime) == ("20250615", "150640")
    assert "TimezoneOffsetFromUTC" not in ds
    assert ds.ContributingEquipmentSequence[0].ContributionDateTime == "20250615150640+0000"


@pytest.mark.parametrize(("offset", "date", "time"), [("+0900", "20250616", "000640"), ("-0330", "20250615", "113640")])
def test_the_time_follows_the_time_zone_of_the_source(offset: str, date: str, time: str) -> None:
    ds = report(header(TimezoneOffsetFromUTC=offset))
    assert (ds.ContentDate, ds.ContentTime, ds.TimezoneOffsetFromUTC) == (date, time, offset)


@pytest.mark.parametrize("offset", ["somewhere", "+9999", "-2460"])
def test_a_time_zone_that_is_none_is_left_out(offset: str) -> None:
    ds = report(header(TimezoneOffsetFromUTC=offset))
    assert ds.ContentTime == "150640"
    assert "TimezoneOffsetFromUTC" not in ds


def test_the_file_is_complete_as_part_10() -> None:
    source = header()
    for _, ds in built(analysis(source), by_uid(source), [region(source)], [picture(source)]):
        buffer = BytesIO()
        ds.save_as(buffer, enforce_file_format=True)
        assert buffer.getvalue()[:132] == bytes(128) + b"DICM"
        assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID


def test_with_nothing_analysed_the_header_comes_from_what_could_not_be() -> None:
    source = header()
    told = analysis(not_assessed=(not_assessed(source),))
    ((_, ds),) = built(told, by_uid(source), [], [])
    assert ds.PatientID == "P-1"
