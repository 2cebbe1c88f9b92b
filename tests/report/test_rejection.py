"""The rejection note: it takes back what was delivered, in words that an archive obeys."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from node.errors import ReportError
from node.report import provenance
from node.report.evidence import Reference
from node.report.rejection import KIND, moment_of, rejection
from node.states import Reason
from tests.report import gate, walk
from tests.report.material import STARTED, analysis, built, by_uid, header, manifest, picture, read_back, region

NOW = STARTED + 86_400 + 0.75  # a day later, and a fraction that DICOM's seconds do not keep
#: DCMTK says so of every Key Object Selection Document: it has no check for TID 2010.
UNCHECKED = "W: Check for template constraints not yet supported"

#: PS3.16 TID 2010, rows 3 and 4: PixelMed looks for the title among the children of the root, so that it takes the
#: condition of row 3 as not met, and the item of row 3 for one of row 4, which has the same name.
MISREAD = re.compile(
    r"\[Row (3\] CODE CID 7011|4\] CODE CID 7012): .*Conditional content item present when condition not"
)


def delivered(source: Dataset | None = None, **changes: Any) -> list[tuple[str, Dataset]]:
    """Results as they lie in the spool, each with its kind."""
    source = header() if source is None else source
    told = analysis(source, **changes)
    made = built(told, by_uid(source), [region(source)], [picture(source)], ("sc", "sr", "viewer-sr"))
    return [(kind, read_back(ds)) for kind, ds in made]


def report_of(made: list[tuple[str, Dataset]]) -> Dataset:
    return next(ds for kind, ds in made if kind == "sr")


def references(made: list[tuple[str, Dataset]]) -> list[Reference]:
    return [Reference(ds.SOPClassUID, ds.SOPInstanceUID, ds.SeriesInstanceUID) for _, ds in made]


def note(made: list[tuple[str, Dataset]] | None = None, reason: Reason = Reason.QUALITY, comment: str = "") -> Dataset:
    """The note, written and read back."""
    made = delivered() if made is None else made
    return read_back(rejection(report_of(made), references(made), reason, comment, NOW))


def codes(ds: Dataset, code: str) -> list[tuple[str, str]]:
    """Value and scheme of the CODE items of that name."""
    named = (item for item in ds.ContentSequence if "ConceptCodeSequence" in item)
    found = (item.ConceptCodeSequence[0] for item in named if item.ConceptNameCodeSequence[0].CodeValue == code)
    return [(value.CodeValue, value.CodingSchemeDesignator) for value in found]


def words(ds: Dataset) -> str:
    named = (item for item in ds.ContentSequence if item.ValueType == "TEXT")
    (found,) = (item.TextValue for item in named if item.ConceptNameCodeSequence[0].CodeValue == "113012")
    return str(found)


def as_bytes(ds: Dataset) -> bytes:
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


# What it says


def test_what_is_not_good_enough_is_rejected_for_quality_reasons_with_a_reason_that_blames_no_radiographer() -> None:
    ds = note(reason=Reason.QUALITY)
    title = ds.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodeMeaning) == ("113001", "Rejected for Quality Reasons")
    assert codes(ds, "113011") == [("111220", "DCM")]  # TID 2010, row 3


def test_what_is_incorrect_is_rejected_for_patient_safety_without_a_modifier() -> None:
    ds = note(reason=Reason.INCORRECT)
    title = ds.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodeMeaning) == ("113037", "Rejected for Patient Safety Reasons")
    assert codes(ds, "113011") == []


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_title(reason: Reason) -> None:
    assert note(reason=reason).SOPClassUID == KeyObjectSelectionDocumentStorage


def test_the_words_say_who_withdraws_what_and_why() -> None:
    assert words(note(reason=Reason.INCORRECT)) == (
        "Withdrawn by the operator of the node that made them, because they are incorrect: results of"
        " chest-radiograph 1.2.0."
    )


def test_the_comment_stands_in_the_words() -> None:
    assert words(note(comment="Wrong laterality.")).endswith("results of chest-radiograph 1.2.0. Wrong laterality.")


def test_a_comment_in_any_script_is_kept() -> None:
    ds = note(comment="Gerät falsch eingestellt, 誤り")
    assert words(ds).endswith("Gerät falsch eingestellt, 誤り")
    assert ds.SpecificCharacterSet == "ISO_IR 192"


def test_a_name_in_another_character_set_survives_a_comment_in_any_script() -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    source = header(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName=name)
    plain, commented = note(delivered(source)), note(delivered(source), comment="Gerät")
    assert list(plain.SpecificCharacterSet) == ["", "ISO 2022 IR 87"]
    assert str(plain.PatientName) == str(commented.PatientName) == name


# What it lists


def test_it_lists_what_is_withdrawn_and_nothing_else() -> None:
    made = delivered()
    ds = note(made)
    assert walk.evidence(ds) == {str(one.SOPInstanceUID): str(one.SeriesInstanceUID) for _, one in made}
    listed = [item for item in ds.ContentSequence if "ReferencedSOPSequence" in item]
    assert [item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in listed] == [
        one.SOPInstanceUID for _, one in made
    ]
    assert [item.ValueType for item in listed] == ["IMAGE", "COMPOSITE", "COMPOSITE"]


def test_a_note_on_nothing_is_not_made() -> None:
    with pytest.raises(ReportError, match="must name one"):
        rejection(report_of(delivered()), [], Reason.QUALITY)


# Its header


def test_it_lies_where_a_result_of_that_plugin_would() -> None:
    source = header()
    told = analysis(source)
    ds = note(delivered(source))
    head = provenance.head(told, source, provenance.Role(KIND, KeyObjectSelectionDocumentStorage, "KO"))
    same = set(head.dir()) - {"SOPInstanceUID", "InstanceCreationDate", "ContentDate"}
    for keyword in sorted(same):
        assert ds[keyword].value == head[keyword].value, keyword
    assert ds.SeriesDescription == "AI chest-radiograph 1.2. withdrawn, RESEARCH - not for diagnosis"


def test_a_long_name_leaves_room_for_the_words_of_the_series() -> None:
    ds = note(delivered(manifest=manifest(name="a-plugin-with-a-name-of-many-many-many-many-words")))
    assert len(ds.SeriesDescription) <= 64
    assert ds.SeriesDescription.endswith(" withdrawn, RESEARCH - not for diagnosis")


def test_it_is_dated_by_the_moment_of_the_withdrawal() -> None:
    ds = note()
    assert (ds.ContentDate, ds.ContentTime) == ("20250616", "150640")
    assert (ds.InstanceCreationDate, ds.InstanceCreationTime) == (ds.ContentDate, ds.ContentTime)
    assert moment_of(ds) == int(NOW)


def test_its_times_are_in_the_time_zone_of_the_report() -> None:
    ds = note(delivered(header(TimezoneOffsetFromUTC="+0930")))
    assert (ds.ContentDate, ds.ContentTime, ds.TimezoneOffsetFromUTC) == ("20250617", "003640", "+0930")
    assert moment_of(ds) == int(NOW)


def test_the_order_and_the_observer_are_those_of_the_report() -> None:
    request = Dataset()
    request.RequestedProcedureID = "RP1"
    made = delivered(header(RequestAttributesSequence=[request]))
    ds, report = note(made), report_of(made)
    assert ds.ReferencedRequestSequence == report.ReferencedRequestSequence
    observers = [
        [item for item in one.ContentSequence if item.get("RelationshipType") == "HAS OBS CONTEXT"]
        for one in (ds, report)
    ]
    assert observers[0] == observers[1]
    assert len(observers[0]) == 6


# Its identity


def test_the_same_withdrawal_gives_the_same_bytes() -> None:
    made = delivered()
    notes = [rejection(report_of(made), references(made), Reason.QUALITY, "no", NOW) for _ in range(2)]
    assert as_bytes(notes[0]) == as_bytes(notes[1])


def test_its_uid_follows_from_the_report_and_the_title_alone() -> None:
    made = delivered()
    report, listed = report_of(made), references(made)
    one = rejection(report, listed, Reason.QUALITY, "", NOW)
    other = rejection(report, listed[:1], Reason.QUALITY, "on second thoughts", NOW + 5)
    assert one.SOPInstanceUID == other.SOPInstanceUID
    assert one.SOPInstanceUID != rejection(report, listed, Reason.INCORRECT, "", NOW).SOPInstanceUID
    assert one.SOPInstanceUID not in {ds.SOPInstanceUID for _, ds in made}


def test_another_report_is_rejected_by_another_note_in_the_same_series() -> None:
    first, second = note(), note(delivered(header(), revision=2, expected=2))
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.InstanceNumber < second.InstanceNumber


# Validators


@pytest.mark.integration
@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize(
    "source",
    [
        header(),
        header("CR", PatientName=None, StudyDate=None, AccessionNumber=None, PatientSex="X"),
        header(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう"),
        header(TimezoneOffsetFromUTC="-0330"),
    ],
    ids=["a film", "missing tags", "a Japanese name", "a time zone"],
)
def test_it_passes_the_validators(source: Dataset, reason: Reason, tmp_path: Path) -> None:
    path = gate.save(note(delivered(source), reason, "Gerät: wrong side"), tmp_path, "rejection")
    assert gate.dciodvfy(path) == []
    assert gate.dsrdump(path) in ([], [UNCHECKED])


@pytest.mark.integration
def test_it_passes_the_template_validator(tmp_path: Path) -> None:
    paths = [gate.save(note(reason=reason), tmp_path, reason) for reason in Reason]
    complaints = [line for lines in gate.pixelmed(paths).values() for line in lines]
    assert [line for line in complaints if not MISREAD.search(line)] == []
