"""Readers' Structured Reports, as highdicom writes them, and as nobody should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from node.claims import Outcome
from node.errors import DecodeError
from node.report import account_of
from node.review import document, read_document
from node.reviews import Judgement, Statement
from tests.peers import reader
from tests.peers.reader import ABSENT, AGREES, DISAGREES, PRESENT, UNDETERMINED, Word
from tests.report.material import analysis, built, by_uid, header, picture, region

PNEUMONIA = ("233604007", "SCT", "Pneumonia")
Saved = Callable[[Dataset], Path]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    def save(ds: Dataset) -> Path:
        path = tmp_path / "report.dcm"
        pydicom.dcmwrite(path, ds, enforce_file_format=True)
        return path

    return save


def image() -> Dataset:
    ds = header()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    ds.StudyTime = "101112"
    return ds


@pytest.mark.parametrize(
    ("says", "judgement", "outcome"),
    [
        (AGREES, Judgement.ACCEPTED, None),
        (DISAGREES, Judgement.REJECTED, None),
        (PRESENT, None, Outcome.PRESENT),
        (ABSENT, None, Outcome.ABSENT),
        (UNDETERMINED, None, Outcome.UNDETERMINED),
    ],
)
def test_a_reader_agrees_disagrees_or_says_what_is_right(
    saved: Saved, says: reader.CodedConcept, judgement: Judgement | None, outcome: Outcome | None
) -> None:
    found = read_document(saved(reader.report(image(), [Word(PNEUMONIA, says, "2.25.9")])))
    assert len(found.person) == 8
    assert found.statements == (
        Statement(
            judgement=judgement,
            outcome=outcome,
            tracking_uid="2.25.9",
            code=PNEUMONIA[:2],
            references=frozenset({image().SOPInstanceUID}),
        ),
    )


def test_each_finding_is_a_statement_of_its_own(saved: Saved) -> None:
    words = [Word(PNEUMONIA, AGREES, "2.25.9"), Word(("60046008", "SCT", "Pleural effusion"), ABSENT, "2.25.8")]
    first, second = read_document(saved(reader.report(image(), words))).statements
    assert (first.tracking_uid, first.judgement) == ("2.25.9", Judgement.ACCEPTED)
    assert (second.tracking_uid, second.outcome) == ("2.25.8", Outcome.ABSENT)


def test_our_own_report_counts_once_a_person_has_verified_it(saved: Saved) -> None:
    film = header()
    ((_, ours),) = built(analysis(film), by_uid(film), [region(film)], [picture(film)], ["sr"])
    assert read_document(saved(ours)).person == ""
    found = read_document(saved(reader.verified(ours)))
    assert found.person
    (series,) = account_of(analysis(header()), []).series
    assert {one.tracking_uid for one in found.statements} == {one.tracking_uid for one in series.findings}
    assert {one.outcome for one in found.statements} == {Outcome(one.outcome) for one in series.findings}


def test_the_name_of_a_reader_does_not_leave_the_document(saved: Saved) -> None:
    found = read_document(saved(reader.report(image(), [Word(PNEUMONIA, AGREES, "2.25.9")])))
    assert "Canary" not in repr(found)


def test_two_readers_are_told_apart(saved: Saved) -> None:
    ds = reader.report(image(), [Word(PNEUMONIA, AGREES, "2.25.9")])
    first = read_document(saved(ds)).person
    author = Dataset()
    author.ObserverType, author.PersonName = "PSN", "Somebody^Else"
    ds.AuthorObserverSequence = [author]
    assert read_document(saved(ds)).person not in (first, "")


def test_what_says_nothing_of_a_finding_is_no_statement(saved: Saved) -> None:
    ds = reader.report(image(), [Word(PNEUMONIA, PRESENT, "2.25.9")])
    for group in ds.ContentSequence[-1].ContentSequence:
        group.ContentSequence = [one for one in group.ContentSequence if one.ValueType != "CODE"]
    assert read_document(saved(ds)).statements == ()


def test_a_report_without_content_says_nothing(saved: Saved) -> None:
    ds = reader.report(image(), [Word(PNEUMONIA, PRESENT, "2.25.9")])
    del ds.ContentSequence
    assert read_document(saved(ds)).statements == ()


# What strangers send


def test_bytes_that_are_no_report_are_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "report.dcm"
    path.write_bytes(b"\x08\x00\x05\x00CS\xff\xff" * 100)
    with pytest.raises(DecodeError, match="cannot be read"):
        read_document(path)


def test_a_report_of_many_megabytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "LONGEST_BYTES", 1 << 20)
    path = tmp_path / "report.dcm"
    path.write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(DecodeError, match="longer than 1 MiB"):
        read_document(path)


def test_a_tree_without_end_is_not_walked(saved: Saved) -> None:
    ds = innermost = reader.report(image(), [Word(PNEUMONIA, PRESENT, "2.25.9")])
    for _ in range(60):
        child = Dataset()
        child.ValueType = "CONTAINER"
        innermost.ContentSequence = [child]
        innermost = child
    with pytest.raises(DecodeError, match="nested too deeply"):
        read_document(saved(ds))


def test_a_tree_of_thousands_of_levels_is_an_error_and_no_crash(tmp_path: Path) -> None:
    begin = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    path = tmp_path / "report.dcm"
    path.write_bytes(bytes(128) + b"DICM" + begin * 5000)
    with pytest.raises(DecodeError):
        read_document(path)
