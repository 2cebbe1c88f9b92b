"""From a report in the spool to rows of the ledger."""

from __future__ import annotations

from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset

from node.account import FILE
from node.errors import PermanentError
from node.ledger import Event, Ledger, Signed
from node.review import answers, take_document, take_statements
from node.reviews import Judgement, Statement
from node.spool import Spool
from node.stages import Stage, Staged
from node.study import Attributes
from tests.ledger.material import SR, arrival, plan
from tests.peers import reader
from tests.peers.reader import AGREES, DISAGREES, Word
from tests.report.material import header
from tests.review.material import answered

OTHER = ("60046008", "SCT", "Pleural effusion")


def film() -> Dataset:
    ds = header()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return ds


def take(ledger: Ledger, spool: Spool, ds: Dataset | bytes, number: int = 50) -> int:
    """The report comes in and is read; how many reviews were taken."""
    data = ds if isinstance(ds, bytes) else _encoded(ds)
    path = spool.write(f"instances/{number}.dcm", data)
    attributes = Attributes(modality="SR", calling_ae="WORKSTATION")
    ledger.arrivals.record([arrival(number, path=path, sop_class_uid=SR, attributes=attributes)])
    (document,) = ledger.reviews.unread()
    return take_document(ledger, spool, document)


def _encoded(ds: Dataset) -> bytes:
    stream = BytesIO()
    pydicom.dcmwrite(stream, ds, enforce_file_format=True)
    return stream.getvalue()


def last(ledger: Ledger) -> Event:
    return ledger.events.of_study("1.2")[-1]


def test_a_readers_report_becomes_reviews(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    opacity, effusion = answers(ledger, spool, "1.2")
    words = [Word(OTHER, AGREES, opacity.tracking_uid), Word(OTHER, DISAGREES, effusion.tracking_uid)]
    assert take(ledger, spool, reader.report(film(), words)) == 2
    first, second = ledger.reviews.of_study("1.2")
    assert (first.finding, first.judgement, first.origin) == ("opacity", "accepted", "1.2.9.50")
    assert (second.finding, second.judgement, second.truth) == ("effusion", "rejected", "present")
    assert first.reader.startswith("WORKSTATION ")
    assert "Canary" not in repr(ledger.events.of_study("1.2"))


def test_what_is_not_ours_is_named_and_the_rest_is_taken(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    ours = answers(ledger, spool, "1.2")[0].tracking_uid
    words = [Word(OTHER, AGREES, ours), Word(OTHER, AGREES, "2.25.404")]
    assert take(ledger, spool, reader.report(film(), words)) == 1
    assert last(ledger).action == "not taken as a review"
    assert "no such finding" in last(ledger).detail["reasons"][0]


def test_what_no_person_says_counts_for_nothing(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    ds = reader.report(film(), [Word(OTHER, AGREES, answers(ledger, spool, "1.2")[0].tracking_uid)])
    ds.ContentSequence = [one for one in ds.ContentSequence if one.get("RelationshipType") != "HAS OBS CONTEXT"]
    assert take(ledger, spool, ds) == 0
    assert "no person stands behind" in last(ledger).detail["reasons"][0]


def test_a_report_that_is_about_nothing_of_ours_leaves_no_trace(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    assert take(ledger, spool, reader.report(film(), [Word(OTHER, AGREES, "2.25.404")])) == 0
    assert last(ledger).action == "received"
    assert ledger.reviews.unread() == []


@pytest.mark.parametrize("data", [b"", b"no DICOM at all", bytes(200) + b"\xff" * 300])
def test_one_that_cannot_be_read_is_named_once_and_stops_nothing(ledger: Ledger, spool: Spool, data: bytes) -> None:
    answered(ledger, spool)
    assert take(ledger, spool, data) == 0
    assert ledger.reviews.unread() == []


def test_a_file_that_is_gone_is_named(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    ledger.arrivals.record([arrival(50, path="instances/gone.dcm", sop_class_uid=SR)])
    assert take_document(ledger, spool, ledger.reviews.unread()[0]) == 0
    assert "cannot be read: FileNotFoundError" in last(ledger).detail["reasons"][0]


def test_statements_are_taken_all_or_none(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    good = Statement(judgement=Judgement.ACCEPTED, finding="opacity")
    bad = Statement(judgement=Judgement.ACCEPTED, finding="fracture")
    with pytest.raises(PermanentError, match="no such finding"):
        take_statements(ledger, spool, "1.2", [good, bad], reader="rita", origin="typed")
    assert ledger.reviews.of_study("1.2") == []
    (review,) = take_statements(ledger, spool, "1.2", [good], reader="rita", origin="typed")
    assert review.answer.finding == "opacity"
    assert take_statements(ledger, spool, "1.2", [good], reader="rita", origin="typed") == []


def test_a_study_whose_files_were_purged_has_no_answers(ledger: Ledger, spool: Spool) -> None:
    spool.remove(f"work/{answered(ledger, spool)}")
    assert answers(ledger, spool, "1.2") == []


WORDS = {"chest": {"opacity": ("pneumonia",), "effusion": ("effusion*",)}}


def spoken(*texts: tuple[str, str], verified: bool = True) -> Dataset:
    """A Basic Text SR. Args: texts: Code Value (DCM) of each item's name, and what it says."""
    ds = film()
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.9.50"
    ds.Modality, ds.VerificationFlag = "SR", "VERIFIED" if verified else "UNVERIFIED"
    observer = Dataset()
    observer.VerifyingObserverName = "Reader^One"
    ds.VerifyingObserverSequence = [observer]
    ds.ContentSequence = []
    for code, text in texts:
        name, item = Dataset(), Dataset()
        name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = code, "DCM", "name"
        item.ValueType, item.ConceptNameCodeSequence, item.TextValue = "TEXT", [name], text
        ds.ContentSequence.append(item)
    return ds


def close(ledger: Ledger) -> None:
    """All that is waiting is delivered."""
    for delivery in ledger.deliveries.of_study("1.2"):
        if delivery.state == "WAITING":
            ledger.deliveries.done(delivery)


def came(ledger: Ledger, spool: Spool, ds: Dataset, number: int = 50) -> None:
    path = spool.write(f"instances/{number}.dcm", _encoded(ds))
    attributes = Attributes(modality="SR", calling_ae="WORKSTATION")
    ledger.arrivals.record([arrival(number, path=path, sop_class_uid=SR, attributes=attributes)])


def look(ledger: Ledger, spool: Spool) -> int:
    """As the main process does; how many reviews were new."""
    return sum(take_document(ledger, spool, one, WORDS) for one in ledger.reviews.unread())


def take_words(ledger: Ledger, spool: Spool, ds: Dataset, number: int = 50) -> int:
    close(ledger)
    came(ledger, spool, ds, number)
    return look(ledger, spool)


def said(ledger: Ledger) -> list[tuple[str, str]]:
    return [(one.finding, one.truth) for one in ledger.reviews.of_study("1.2") if not one.replaced]


def test_a_signed_report_that_comes_first_is_read_once_its_study_is_answered(ledger: Ledger, spool: Spool) -> None:
    came(ledger, spool, spoken(("121071", "No pneumonia. Large effusion.")))
    assert look(ledger, spool) == 0
    assert ledger.reviews.unread() == [], "it is not looked at again and again"
    answered(ledger, spool)
    assert (look(ledger, spool), said(ledger)) == (0, []), "it is not answered yet"
    close(ledger)
    assert look(ledger, spool) == 2
    assert said(ledger) == [("opacity", "absent"), ("effusion", "present")]
    assert (look(ledger, spool), len(ledger.reviews.counted(by_text=True))) == (0, 2)


def test_a_study_that_is_answered_anew_is_compared_with_its_signed_report_anew(ledger: Ledger, spool: Spool) -> None:
    first = answered(ledger, spool)
    assert take_words(ledger, spool, spoken(("121071", "No pneumonia."))) == 1
    ledger.arrivals.record([arrival(2)])
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan()], ["because"])
    _, second = ledger.analyses.of_study("1.2")
    ledger.analyses.classified(second.id, "pneumonia 0.93")
    spool.write(f"work/{second.id}/{FILE}", spool.path(f"work/{first}/{FILE}").read_bytes())
    ledger.analyses.reported(second.id, [], {})
    close(ledger)
    assert look(ledger, spool) == 1
    (counted,) = ledger.reviews.counted(by_text=True)
    assert counted.truth == "absent"
    assert [one.replaced for one in ledger.reviews.of_study("1.2")] == [1, 0]


def succeeding(ds: Dataset, uid: str, predecessor: str) -> Dataset:
    """The report as a new instance, with a predecessor."""
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID = ds.SOPClassUID, predecessor
    series.SeriesInstanceUID, series.ReferencedSOPSequence = "1.2.50", [instance]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = "1.2", [series]
    ds.PredecessorDocumentsSequence = [study]
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid
    return ds


@pytest.mark.parametrize("is_late", [False, True], ids=["in order", "the corrected one first"])
def test_a_corrected_signed_report_replaces_the_one_before(ledger: Ledger, spool: Spool, is_late: bool) -> None:
    answered(ledger, spool)
    wrong = spoken(("121071", "No pneumonia. Large effusion."))
    right = succeeding(spoken(("121071", "Pneumonia.")), "1.2.9.51", "1.2.9.50")
    for ds, number in reversed([(wrong, 50), (right, 51)]) if is_late else [(wrong, 50), (right, 51)]:
        take_words(ledger, spool, ds, number)
    assert said(ledger) == [("opacity", "present")], "of what the new one does not speak nothing is left"
    assert [(one.read, one.replaced) for one in sorted(ledger.reviews.signed("1.2"), key=str)] == [(1, 1), (1, 0)]
    (counted,) = ledger.reviews.counted(by_text=True)
    assert (counted.finding, counted.truth) == ("opacity", "present")


def test_a_draft_replaces_no_signed_report(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    take_words(ledger, spool, spoken(("121071", "No pneumonia.")))
    draft = succeeding(spoken(("121071", "Pneumonia."), verified=False), "1.2.9.51", "1.2.9.50")
    assert (take_words(ledger, spool, draft, 51), said(ledger)) == (0, [("opacity", "absent")])


def version(text: str, number: int, at: str, **changes: str) -> tuple[Dataset, int]:
    """A signed report with a title, that names no predecessor. Args: changes: `title`, `organization`, `reader`,
    `request`, `procedure`, `flag`.
    """
    ds = spoken(("121071", text))
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.9.{number}"
    ds.ConceptNameCodeSequence = [named(changes.get("title", "18748-4"), "LN")]
    (observer,) = ds.VerifyingObserverSequence
    observer.VerifyingOrganization = changes.get("organization", "Hospital")
    observer.VerifyingObserverName = changes.get("reader", "Reader^One")
    observer.VerificationDateTime = at
    ds.PreliminaryFlag = changes.get("flag", "FINAL")
    if request := changes.get("request"):
        ds.ReferencedRequestSequence = [Dataset()]
        ds.ReferencedRequestSequence[0].AccessionNumber = request
    if procedure := changes.get("procedure"):
        item = Dataset()
        item.ValueType, item.ConceptNameCodeSequence = "CODE", [named("121058", "DCM")]
        item.ConceptCodeSequence = [named(procedure, "LN")]
        ds.ContentSequence.append(item)
    return ds, number


def named(value: str, scheme: str) -> Dataset:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = value, scheme, "name"
    return ds


FIRST, SECOND = "20260101100000.000000+0100", "20260101093000.000000+0000"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_of_the_versions_of_a_signed_report_the_one_verified_last_counts(
    ledger: Ledger, spool: Spool, order: tuple[int, ...]
) -> None:
    answered(ledger, spool)
    versions = [
        version("No pneumonia. Large effusion.", 50, FIRST),
        version("No pneumonia.", 51, SECOND, reader="Reader^Two"),
        version("Pneumonia.", 52, "20260101100000+0000"),
    ]
    for at in order:
        take_words(ledger, spool, *versions[at])
    assert said(ledger) == [("opacity", "present")]
    (counted,) = ledger.reviews.counted(by_text=True)
    assert (counted.finding, counted.truth) == ("opacity", "present")
    assert ledger.reviews.unread() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "55107-7"},
        {"organization": "Elsewhere"},
        {"organization": "", "reader": "Reader^Two"},
        {"request": "A2"},
        {"procedure": "36643-5"},
    ],
    ids=str,
)
def test_signed_reports_of_different_things_stand_beside_each_other(
    ledger: Ledger, spool: Spool, changes: dict[str, str]
) -> None:
    answered(ledger, spool)
    take_words(ledger, spool, *version("No effusion.", 50, FIRST))
    take_words(ledger, spool, *version("Pneumonia.", 51, SECOND, **changes))
    assert sorted(said(ledger)) == [("effusion", "absent"), ("opacity", "present")]


def test_the_same_report_twice_counts_once_the_one_that_came_last(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    for number in (50, 51):
        take_words(ledger, spool, *version("No pneumonia.", number, FIRST))
    assert said(ledger) == [("opacity", "absent")]
    assert [one.replaced for one in sorted(ledger.reviews.signed("1.2"), key=str)] == [1, 0]


def test_what_is_verified_as_preliminary_is_no_signed_report(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    take_words(ledger, spool, *version("No pneumonia.", 50, FIRST))
    assert take_words(ledger, spool, *version("Pneumonia.", 51, SECOND, flag="PRELIMINARY")) == 0
    assert said(ledger) == [("opacity", "absent")]


def test_versions_that_are_read_anew_are_judged_alike(ledger: Ledger, spool: Spool) -> None:
    """Such as those that an earlier program has read, which did not keep what they are about."""
    answered(ledger, spool)
    take_words(ledger, spool, *version("Large effusion.", 50, FIRST))
    take_words(ledger, spool, *version("No pneumonia.", 51, SECOND))
    with ledger._database.write() as connection:
        connection.execute("UPDATE documents SET subject = '', signed_at = '', replaced = 0, due = 1")
    look(ledger, spool)
    assert said(ledger) == [("opacity", "absent")]


def test_a_study_that_ends_while_its_report_is_looked_at_is_looked_at_again(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    came(ledger, spool, spoken(("121071", "No pneumonia.")))
    (before,) = ledger.reviews.unread()
    close(ledger)
    assert ledger.reviews.read(before, [], (), Signed((), waits=True)) == 0
    assert look(ledger, spool) == 1


def test_a_signed_report_is_read_by_its_words_and_counted_apart(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    report = spoken(("121060", "History of effusion and pneumonia"), ("121071", "No pneumonia. Large effusion."))
    assert take_words(ledger, spool, report) == 2
    opacity, effusion = ledger.reviews.of_study("1.2")
    assert (opacity.finding, opacity.judgement, opacity.truth) == ("opacity", "corrected", "absent")
    assert (effusion.finding, effusion.judgement, effusion.truth) == ("effusion", "corrected", "present")
    assert opacity.origin == "report text 1.2.9.50"
    assert last(ledger).action == "finding corrected by a signed report"
    assert ledger.reviews.counted() == []
    assert len(ledger.reviews.counted(by_text=True)) == 2


def test_a_report_does_not_take_the_place_of_a_readers_word(ledger: Ledger, spool: Spool) -> None:
    answered(ledger, spool)
    statement = Statement(judgement=Judgement.ACCEPTED, finding="opacity")
    take_statements(ledger, spool, "1.2", [statement], reader="one", origin="typed")
    assert take_words(ledger, spool, spoken(("121071", "No pneumonia."))) == 1
    (reader_s,), (rule_s,) = ledger.reviews.counted(), ledger.reviews.counted(by_text=True)
    assert (reader_s.truth, rule_s.truth) == ("present", "absent")


@pytest.mark.parametrize(
    "report",
    [
        spoken(("121071", "No pneumonia."), verified=False),
        spoken(("121060", "History of pneumonia")),
        spoken(("121071", "The lungs are clear.")),
    ],
    ids=["unsigned", "history alone", "of something else"],
)
def test_of_other_reports_nothing_is_taken(ledger: Ledger, spool: Spool, report: Dataset) -> None:
    answered(ledger, spool)
    assert take_words(ledger, spool, report) == 0


def test_no_reader_can_review_what_a_silent_plugin_says(ledger: Ledger, spool: Spool) -> None:
    ledger.stages.set([Staged("chest", "1.0", Stage.SILENT)])
    answered(ledger, spool)
    assert answers(ledger, spool, "1.2") == []
    with pytest.raises(PermanentError):
        take_statements(
            ledger, spool, "1.2", [Statement(Judgement.ACCEPTED, finding="opacity")], reader="anna", origin="typed"
        )
