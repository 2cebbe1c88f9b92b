"""From a report in the spool to rows of the ledger."""

from __future__ import annotations

from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset

from node.errors import PermanentError
from node.ledger import Event, Ledger
from node.review import answers, take_document, take_statements
from node.reviews import Judgement, Statement
from node.spool import Spool
from node.stages import Stage, Staged
from node.study import Attributes
from tests.ledger.material import SR, arrival
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


def take_words(ledger: Ledger, spool: Spool, ds: Dataset) -> int:
    path = spool.write("instances/50.dcm", _encoded(ds))
    attributes = Attributes(modality="SR", calling_ae="WORKSTATION")
    ledger.arrivals.record([arrival(50, path=path, sop_class_uid=SR, attributes=attributes)])
    (document,) = ledger.reviews.unread()
    return take_document(ledger, spool, document, WORDS)


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
