"""Names, identifiers and UIDs of the original stand in no text that stays, wherever somebody typed them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import DataElement

from node.confidentiality import Dates, Keep
from tests.deidentify.material import CANARY, PSEUDONYMS, copied, image, item
from tests.deidentify.test_profile import TEXTS

UID = "1.3.12.2.1107.5.1.4.4711.99"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("for kanari, anna", "for XXX, XXX"),
        ("KANARI1", "XXX"),
        ("Joanna and Annabel", "Joanna and Annabel"),
        ("of 4711-A", "of XXX"),
        (f"see {UID}.", f"see {PSEUDONYMS.uid(UID)}."),
        ("version 1.2.3", "version 1.2.3"),
        ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2"),
    ],
)
def test_what_names_somebody_is_taken_out_of_what_stays(said: str, left: str) -> None:
    copy = copied(image(SoftwareVersions=said, AccessionNumber="4711-A"))
    assert copy.SoftwareVersions == left


def test_names_in_scripts_without_spaces_are_found() -> None:
    copy = copied(
        image(SpecificCharacterSet="ISO_IR 192", PatientName="Yamada^Tarou=山田^太郎", SoftwareVersions="山田さん")
    )
    assert copy.SoftwareVersions == "XXXさん"


def test_a_code_string_that_names_somebody_is_emptied_and_those_that_rule_are_not() -> None:
    copy = copied(image(BodyPartExamined=CANARY, PatientName="DX^CHEST", OperatorsName=CANARY, ViewPosition="CHEST"))
    assert (copy.BodyPartExamined, copy.ViewPosition, copy.Modality) == ("", "", "DX")


def test_uids_in_texts_stay_where_uids_are_kept() -> None:
    assert copied(image(SoftwareVersions=UID), keep=frozenset({Keep.UIDS})).SoftwareVersions == UID


def test_our_own_texts_are_looked_through_as_well() -> None:
    text = item(ValueType="TEXT", TextValue=f"Not assessed: {UID}, Anna {CANARY}")
    ds = image(ContentSequence=[text], SOPClassUID="1.2.840.10008.5.1.4.1.1.88.34", Modality="SR")
    said = copied(ds, ours=True).ContentSequence[0].TextValue
    assert said == f"Not assessed: {PSEUDONYMS.uid(UID)}, XXX XXX"


def test_our_results_say_still_what_made_them_and_that_they_are_for_research() -> None:
    said = "AI chest-radiograph 0.4.0 marks, RESEARCH - not for diagnosis"
    ds = image(SeriesDescription=said, ContentCreatorName="chest-radiograph", ManufacturerModelName="chest-radiograph")
    copy = copied(ds, ours=True)
    assert (copy.SeriesDescription, copy.ManufacturerModelName) == (said, "chest-radiograph")
    assert "SeriesDescription" not in copied(ds)


#: Names that are words, numbers, signs, in other scripts: whatever a person may be called.
_NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=3, max_size=12)


@given(_NAMES, _NAMES)
def test_no_name_survives_in_any_text_that_the_profile_keeps(family: str, given_name: str) -> None:
    name = f"Zz{family}"
    ds = image(PatientName=f"{name}^{given_name}", PatientID=f"ID{family}")
    for keyword in ("SoftwareVersions", "SegmentLabel", "Manufacturer"):
        setattr(ds, keyword, f"for {name} {given_name}-ID{family}")
    copy = copied(ds)
    for keyword in ("SoftwareVersions", "SegmentLabel", "Manufacturer"):
        assert name not in copy[keyword].value.split()
        assert f"ID{family}" not in copy[keyword].value


@pytest.mark.parametrize("dates", list(Dates))
@pytest.mark.parametrize("cleaned", [False, True])
def test_the_patient_survives_in_no_attribute_of_the_dictionary_whatever_is_kept(dates: Dates, cleaned: bool) -> None:
    """Also not in those of machines and codes: the canary is the patient's own name."""
    inner, ds = item(), image()
    tags = [(tag, vr) for tag, (vr, *_) in DicomDictionary.items() if vr in (*TEXTS, "CS") and tag >> 16 > 2]
    for tag, vr in tags:
        for one in (inner, ds):
            if tag not in (0x00080060, 0x00100010, 0x00100020, 0x00080005):
                one.add(DataElement(tag, vr, f"{CANARY}^X" if vr == "PN" else CANARY))
    ds.ReferencedImageSequence = ds.RequestAttributesSequence = ds.ConceptNameCodeSequence = [inner]
    keep = frozenset({Keep.PATIENT, Keep.SAFE_PRIVATE})
    copy = copied(ds, dates=dates, keep=keep, clean_descriptors=cleaned)
    left = {one.keyword for one in copy.iterall() if one.VR != "SQ" and CANARY in str(one.value)}
    assert left <= _RULING, left


#: Values of these are defined terms, which rule how an object is read: another one and it is none (pydicom keeps it).
_RULING = {
    "ImageType", "PhotometricInterpretation", "ValueType", "RelationshipType", "ContinuityOfContent", "GraphicType",
    "BurnedInAnnotation", "PresentationLUTShape", "LossyImageCompression", "SegmentationType", "PatientSex",
    "CompletionFlag", "VerificationFlag", "PreliminaryFlag", "TemporalRangeType", "GraphicLayer",
    "PatientIdentityRemoved", "LongitudinalTemporalInformationModified",
}  # fmt: skip
