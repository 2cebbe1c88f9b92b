"""What becomes of each attribute, by table E.1-1, its options, and what it does not name."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from node.confidentiality import Dates, Keep
from node.deidentify import LeftOut, Pseudonyms
from node.deidentify.dataset import shifted
from node.deidentify.profile import table
from tests.deidentify.material import CANARY, PSEUDONYMS, copied, image


def test_the_table_is_the_standards() -> None:
    assert len(table()) == 652
    known = {"AccessionNumber": "Z", "PatientID": "D", "SeriesDescription": "X", "StudyInstanceUID": "U"}
    assert {name: table()[tag_for_keyword(name) or 0].action.value for name in known} == known


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("AccessionNumber", "A1", ""),
        ("PatientBirthDate", "19600101", ""),
        ("ReferringPhysicianName", "Dr^X", ""),
        ("DeviceSerialNumber", "4711", "ANONYMIZED"),
        ("InstitutionName", "St. Elsewhere", "ANONYMIZED"),
        ("SeriesDate", "20260101", "19000101"),
        ("SeriesDescription", "Anna", None),
        ("PatientComments", "Anna", None),
        ("PatientAge", "065Y", None),
        ("Manufacturer", "Maker", "Maker"),
        ("BodyPartExamined", "CHEST", "CHEST"),
        ("BodyPartExamined", "Anna's chest", None),  # no code string: somebody typed it
        ("InstanceNumber", "7", "7"),
        ("StationAETitle", "CT1", None),
    ],
)
def test_an_attribute_is_removed_emptied_or_replaced(keyword: str, value: str, expected: str | None) -> None:
    copy = copied(image(**{keyword: value}))
    found = None if keyword not in copy else str(copy[keyword].value or "")
    assert found == expected


def test_uids_are_replaced_alike_everywhere_and_classes_stay() -> None:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.1"
    copy = copied(image(SourceImageSequence=[item], FrameOfReferenceUID="1.2.3.9"))
    (source,) = copy.SourceImageSequence
    assert source.ReferencedSOPInstanceUID == copy.SOPInstanceUID == PSEUDONYMS.uid("1.2.3.1")
    assert source.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert copy.file_meta.MediaStorageSOPInstanceUID == copy.SOPInstanceUID
    assert copy.FrameOfReferenceUID not in ("1.2.3.9", copy.SOPInstanceUID)
    assert copied(image(), keep=frozenset({Keep.UIDS})).SOPInstanceUID == "1.2.3.1"


def test_other_keys_give_other_pseudonyms_and_all_are_uids() -> None:
    other = Pseudonyms(b"q" * 32)
    for uid in ("1.2.3", "1.2.4", "2.25.1"):
        assert PSEUDONYMS.uid(uid) != other.uid(uid)
        assert len(PSEUDONYMS.uid(uid)) <= 64
    assert PSEUDONYMS.patient("", "1") != PSEUDONYMS.patient("X", "1") != other.patient("X", "1")


def test_a_patient_has_one_pseudonym_and_nothing_says_whose_it_is() -> None:
    first, second = copied(image()), copied(image(SOPInstanceUID="1.2.3.8"))
    assert first.PatientID == second.PatientID == first.PatientName
    assert CANARY not in str(first) + str(first.file_meta)
    assert first.PatientIdentityRemoved == "YES"
    assert [one.CodeValue for one in first.DeidentificationMethodCodeSequence] == ["113100"]
    assert first.LongitudinalTemporalInformationModified == "REMOVED"


def test_dates_are_shifted_by_whole_weeks_of_the_patients_own() -> None:
    ds = image(StudyDate="20260301", AcquisitionDateTime="20260302101112.5+0100", StudyTime="101112", SeriesDate="2026")
    copy = copied(ds, dates=Dates.SHIFT)
    days = PSEUDONYMS.days("", f"{CANARY}1")
    assert days % 7 == 0
    assert -3641 <= days <= -364
    moved = dt.date(2026, 3, 1) + dt.timedelta(days=days)
    assert (copy.StudyDate, copy.StudyTime, copy.SeriesDate) == (f"{moved:%Y%m%d}", "101112", "")
    assert copy.AcquisitionDateTime == f"{moved + dt.timedelta(days=1):%Y%m%d}101112.5+0100"
    assert copy.LongitudinalTemporalInformationModified == "MODIFIED"
    assert copied(ds, dates=Dates.KEEP).StudyDate == "20260301"
    assert copied(ds, dates=Dates.KEEP).LongitudinalTemporalInformationModified == "UNMODIFIED"


@given(st.text("0123456789+-. ", max_size=26), st.sampled_from(["DA", "DT"]))
def test_what_is_no_date_is_left_out(text: str, vr: str) -> None:
    moved = shifted(text, vr, -700)
    assert moved == "" or moved[:8].isdigit()


def test_what_an_option_keeps_stays_and_the_object_says_so() -> None:
    ds = image(PatientSex="F", PatientAge="065Y", StationName="CT1", InstitutionName="St. Elsewhere")
    copy = copied(ds, keep=frozenset({Keep.PATIENT, Keep.DEVICE, Keep.INSTITUTION}))
    assert (copy.PatientSex, copy.PatientAge, copy.StationName) == ("F", "065Y", "CT1")
    assert copy.InstitutionName == "St. Elsewhere"
    assert {one.CodeValue for one in copy.DeidentificationMethodCodeSequence} == {
        "113100",
        "113108",
        "113109",
        "113112",
    }


@pytest.mark.parametrize(("age", "kept"), [("089Y", "089Y"), ("090Y", "090Y"), ("104Y", "090Y"), ("011M", "011M")])
def test_the_very_old_are_of_one_age(age: str, kept: str) -> None:
    assert copied(image(PatientAge=age), keep=frozenset({Keep.PATIENT})).PatientAge == kept


def test_private_unknown_and_overlaid_data_are_removed() -> None:
    ds = image()
    ds.private_block(0x0009, "MAKER", create=True).add_new(1, "LO", CANARY)
    ds.add(DataElement(0x00080999, "LO", CANARY))
    ds.add(DataElement(0x60003000, "OW", b"\0\1"))
    ds.add(DataElement(0x60020010, "US", 512))
    ds.PerFrameFunctionalGroupsSequence = [Dataset()]
    ds.add(DataElement(0x50000005, "US", 1))
    copy = copied(ds)
    assert [one.tag for one in copy if one.tag.is_private or one.tag.group in (0x6000, 0x6002, 0x5000)] == []
    assert "PerFrameFunctionalGroupsSequence" in copy
    assert 0x00080999 not in copy


#: VRs that can hold what a person typed.
TEXTS = ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")


def _canaries() -> list[tuple[int, str]]:
    """Every attribute of the dictionary with such a VR."""
    return [(tag, vr) for tag, (vr, *_) in DicomDictionary.items() if vr in TEXTS and tag >> 16 > 2]


def test_no_canary_survives_in_any_attribute_but_those_of_machines_and_codes_at_any_depth() -> None:
    item, ds = Dataset(), image()
    for tag, vr in _canaries():
        for one in (item, ds):
            one.add(DataElement(tag, vr, f"{CANARY}^X" if vr == "PN" else CANARY))
    ds.ReferencedImageSequence = [item]
    ds.RequestAttributesSequence = [item]
    ds.PersonIdentificationCodeSequence = [item]
    copy = copied(ds)
    left = {
        keyword_for_tag(element.tag)
        for element in copy.iterall()
        if CANARY in str(element.value) and element.VR != "SQ"
    }
    assert left <= EXPECTED, left - EXPECTED


#: What the standard keeps too, since it is about the machine, its program, or a code.
EXPECTED = {
    "AlgorithmName", "AlgorithmSource", "AlgorithmParameters", "AlgorithmVersion", "CodeMeaning", "CodeValue",
    "CodingSchemeDesignator", "CodingSchemeExternalID", "CodingSchemeName", "CodingSchemeVersion",
    "ContrastBolusIngredient", "ConvolutionKernel", "DetectorConfiguration", "DimensionDescriptionLabel", "FilterType",
    "GridAbsorbingMaterial", "ImagedNucleus", "LUTExplanation", "LongCodeValue", "Manufacturer",
    "ManufacturerModelName",
    "MappingResourceName", "PositionReferenceIndicator", "PulseSequenceName", "ReceiveCoilName", "SequenceName",
    "SegmentAlgorithmName", "SegmentLabel", "SoftwareVersions", "TransmitCoilName", "URNCodeValue",
    "WindowCenterWidthExplanation", "TypeOfData", "AcquisitionDeviceProcessingCode", "RescaleType",
    "CodingSchemeRegistry",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "a document .* is not looked into"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"}, "a structured report by somebody else"),
        ({"BurnedInAnnotation": "YES"}, "its pixels bear text"),
        ({"Modality": "US"}, "usually bear a patient's name"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "usually bear a patient's name"),
    ],
)
def test_what_cannot_be_made_free_of_the_patient_is_left_out(changes: dict[str, str], why: str) -> None:
    with pytest.raises(LeftOut, match=why):
        copied(image(PixelData=b"\0\0", **changes))


def test_patients_without_an_id_are_not_taken_for_one() -> None:
    first, same, other = (copied(image(PatientID="", StudyInstanceUID=uid)) for uid in ("1.2.8", "1.2.8", "1.2.9"))
    assert first.PatientID == same.PatientID != other.PatientID
