"""Every column of table E.1-1 that is offered does what the standard says, for every attribute of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement

from node.confidentiality import Choices, Dates, Keep
from node.deidentify.descriptions import clean_description
from node.deidentify.private import safe
from node.deidentify.profile import Action, action_on, basic_action_on, table
from tests.deidentify.material import CANARY, copied, image, item

_VALUES = {"DA": "20260101", "DT": "20260101", "TM": "10", "UI": "1.2.3", "DS": "1", "IS": "1", "AS": "001Y", "US": 1}


def elements(letter: str) -> Iterator[DataElement]:
    """Those of the table with that option."""
    for tag, row in table().items():
        if letter in row.options and dictionary_has_tag(tag):
            vr = dictionary_VR(tag)
            value = [] if vr == "SQ" else _VALUES.get(vr, b"\0\0" if vr in ("OB", "OW") else "X")
            yield DataElement(tag, vr, value)


@pytest.mark.parametrize(
    ("letter", "choices", "least"),
    [
        ("t", Choices(Dates.KEEP), 160),
        ("u", Choices(keep=frozenset({Keep.UIDS})), 60),
        ("d", Choices(keep=frozenset({Keep.DEVICE})), 44),
        ("i", Choices(keep=frozenset({Keep.INSTITUTION})), 10),
        ("p", Choices(keep=frozenset({Keep.PATIENT})), 8),
    ],
)
def test_an_option_keeps_its_column_and_the_basic_profile_does_not(letter: str, choices: Choices, least: int) -> None:
    found = list(elements(letter))
    assert len(found) >= least
    for element in found:
        assert action_on(element, choices) is Action.KEEP, element
        assert basic_action_on(element) is not Action.KEEP, element


def test_modified_dates_are_shifted_and_descriptors_cleaned_in_all_of_their_columns() -> None:
    for element in elements("t"):
        if element.VR in ("DA", "DT", "TM"):
            assert action_on(element, Choices(Dates.SHIFT)) is Action.DATE, element
    for element in elements("s"):
        assert action_on(element, Choices(clean_descriptors=True)) is Action.CLEAN, element
    for element in elements("P"):
        assert action_on(element, Choices(keep=frozenset({Keep.PATIENT}))) is Action.CLEAN, element


@pytest.mark.parametrize("dates", list(Dates))
def test_a_birth_date_never_leaves(dates: Dates) -> None:
    copy = copied(image(PatientBirthDate="19601230", PatientBirthTime="0102"), dates=dates)
    assert copy.PatientBirthDate in (None, "")
    assert "PatientBirthTime" not in copy


def test_everything_kept_at_once_names_nobody_still() -> None:
    ds = image(
        OperatorsName=f"{CANARY}^Op", PatientComments=CANARY, StationName="CT 1", SeriesDescription=f"T2 {CANARY}"
    )
    copy = copied(ds, dates=Dates.KEEP, keep=frozenset(Keep), clean_descriptors=True)
    assert CANARY not in str(copy)
    assert (copy.StationName, copy.SeriesDescription) == ("CT 1", "T2")
    codes = [one.CodeValue for one in copy.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113105", "113106", "113109", "113112", "113108", "113111", "113110"]


# Descriptions


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("T1 axial post Gd, 3mm", "T1 axial post Gd 3mm"),
        ("CHEST pa Mrs. Miller 19601230", "CHEST pa"),
        ("KANARI", ""),
        ("Müller-Lüdenscheidt", ""),
        ("brain 2.5mm #4711-0815", "brain 2.5mm"),
    ],
)
def test_of_a_description_the_words_of_the_trade_stay(text: str, left: str) -> None:
    assert clean_description(text) == left


def test_a_description_of_which_nothing_is_left_gets_what_the_profile_says() -> None:
    copy = copied(image(SeriesDescription="Anna", ContrastBolusAgent="Anna"), clean_descriptors=True)
    assert "SeriesDescription" not in copy
    assert copy.ContrastBolusAgent == "ANONYMIZED"


def test_codes_of_public_schemes_stay_where_descriptors_are_cleaned() -> None:
    codes = [
        item(CodeValue="36554-4", CodingSchemeDesignator="LN", CodeMeaning="Chest X-ray"),
        item(CodeValue="1", CodingSchemeDesignator="99HOUSE", CodeMeaning="for Anna"),
    ]
    copy = copied(image(AdmittingDiagnosesCodeSequence=codes), clean_descriptors=True)
    assert [one.CodeValue for one in copy.AdmittingDiagnosesCodeSequence] == ["36554-4"]
    assert "AdmittingDiagnosesCodeSequence" not in copied(image(AdmittingDiagnosesCodeSequence=codes))


# Private attributes


def test_of_private_attributes_the_listed_ones_stay_if_asked_for_at_any_depth() -> None:
    inner, ds = item(), image()
    for one in (inner, ds):
        one.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "1000")
        one.private_block(0x0019, "SIEMENS MR HEADER").add_new(0x0D, "CS", CANARY)
        one.private_block(0x0019, "OTHER", create=True).add_new(0x0C, "IS", "17")
    ds.ReferencedImageSequence = [inner]
    assert not [one for one in copied(ds).iterall() if one.tag.is_private]
    copy = copied(ds, keep=frozenset({Keep.SAFE_PRIVATE}))
    for one in (copy, copy.ReferencedImageSequence[0]):
        assert [(str(found.value)) for found in one if found.tag.is_private] == ["SIEMENS MR HEADER", "1000"]


def test_a_listed_attribute_with_another_vr_than_the_list_says_goes() -> None:
    ds = image()
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "LO", CANARY)
    assert not [one for one in copied(ds, keep=frozenset({Keep.SAFE_PRIVATE})) if one.tag.is_private]


def test_the_list_holds_numbers_alone() -> None:
    assert 30 < len(safe()) < 60
    assert set(safe().values()) <= {"DS", "IS", "FD", "FL", "SS", "US", "UL"}
