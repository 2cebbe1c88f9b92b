"""Storage Commitment as datasets: what is asked, and what is answered."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from node.commitment import (
    CLASS_CONFLICT,
    NO_SUCH_OBJECT,
    Answer,
    Reference,
    Told,
    question,
    report,
    request_of,
    told_by,
)
from node.errors import PermanentError

CLASS = "1.2.840.10008.5.1.4.1.1.2"


def request(*uids: str, transaction: str = "1.2.3") -> Dataset:
    ds = Dataset()
    ds.TransactionUID = transaction
    ds.ReferencedSOPSequence = [_item(uid) for uid in uids]
    return ds


def _item(uid: str, sop_class: str = CLASS) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


def test_a_request_is_read_each_object_once() -> None:
    transaction, asked = request_of(request("1.1", "1.2", "1.1"))
    assert (transaction, asked) == ("1.2.3", (Reference(CLASS, "1.1"), Reference(CLASS, "1.2")))


@pytest.mark.parametrize(
    ("ds", "what"),
    [
        (Dataset(), "no Transaction UID"),
        (request("1.1", transaction=""), "no Transaction UID"),
        (request("1.1", transaction="1" * 65), "no Transaction UID"),
        (request(), "it refers to 0 objects"),
        (request(""), "lacks its SOP Class UID or SOP Instance UID"),
        (request("1" * 65), "lacks"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_no_request_is_named(ds: Dataset, what: str) -> None:
    with pytest.raises(PermanentError, match=what):
        request_of(ds)


def test_a_report_says_of_each_object_whether_it_is_kept() -> None:
    kept, lost, other = (
        Answer(Reference(CLASS, f"1.{n}"), f) for n, f in ((1, 0), (2, NO_SUCH_OBJECT), (3, CLASS_CONFLICT))
    )
    event_type, ds = report("1.2.3", [kept, lost, other])
    assert (event_type, ds.TransactionUID) == (2, "1.2.3")
    assert [one.ReferencedSOPInstanceUID for one in ds.ReferencedSOPSequence] == ["1.1"]
    assert [(one.ReferencedSOPInstanceUID, one.FailureReason) for one in ds.FailedSOPSequence] == [
        ("1.2", 0x0112),
        ("1.3", 0x0119),
    ]
    event_type, ds = report("1.2.3", [kept])
    assert event_type == 1
    assert "FailedSOPSequence" not in ds


def test_a_report_is_read_back_as_it_was_written() -> None:
    _, ds = report("1.2.3", [Answer(Reference(CLASS, "1.1")), Answer(Reference(CLASS, "1.2"), NO_SUCH_OBJECT)])
    assert told_by(ds) == Told("1.2.3", ("1.1",), {"1.2": "no such object instance (0112)"})


def test_an_object_that_a_report_calls_both_kept_and_lost_is_lost() -> None:
    _, ds = report("1.2.3", [Answer(Reference(CLASS, "1.1")), Answer(Reference(CLASS, "1.1"), 0x0999)])
    assert told_by(ds) == Told("1.2.3", (), {"1.1": "reason 0999"})
    del ds.FailedSOPSequence[0].FailureReason
    assert told_by(ds).failed == {"1.1": "no reason given"}


def test_a_report_without_transaction_is_none() -> None:
    with pytest.raises(PermanentError, match="no Transaction UID"):
        told_by(Dataset())


def test_a_question_is_read_back_as_a_request() -> None:
    asked = (Reference(CLASS, "1.1"), Reference(CLASS, "1.2"))
    assert request_of(question("1.2.3", asked)) == ("1.2.3", asked)
