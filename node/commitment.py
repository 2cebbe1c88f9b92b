"""Storage Commitment, Push Model (PS3.4 annex J): what is asked, what is answered, and how both look as datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.errors import PermanentError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PUSH_MODEL = "1.2.840.10008.1.20.1"
#: The one instance of it there is (PS3.4 J.3.5).
PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
REQUEST_ACTION, ALL_SUCCEEDED, SOME_FAILED = 1, 1, 2

#: Failure Reason (0008,1197), PS3.3 C.14.1.1.
NO_SUCH_OBJECT, CLASS_CONFLICT, PROCESSING_FAILURE = 0x0112, 0x0119, 0x0110
#: Failure Reason in words.
_FAILURES: Mapping[int | None, str] = {
    PROCESSING_FAILURE: "processing failure (0110)",
    NO_SUCH_OBJECT: "no such object instance (0112)",
    0x0213: "resource limitation (0213)",
    0x0122: "SOP class not supported (0122)",
    CLASS_CONFLICT: "class and instance conflict (0119)",
    0x0131: "duplicate transaction UID (0131)",
}
#: Most objects in one request: no study has so many.
MOST = 100_000


@dataclass(frozen=True)
class Reference:
    """An object whose safekeeping is asked for."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class Answer:
    """Of one object. `failure`: Failure Reason; 0: it is kept."""

    reference: Reference
    failure: int = 0


def request_of(ds: Dataset) -> tuple[str, tuple[Reference, ...]]:
    """Transaction UID and objects of a request (PS3.4 table J.3-1); raises PermanentError, which says what is wrong."""
    transaction = _text(ds, "TransactionUID")
    items = ds.get("ReferencedSOPSequence") or ()
    asked = tuple(
        Reference(_text(one, "ReferencedSOPClassUID"), _text(one, "ReferencedSOPInstanceUID")) for one in items
    )
    if not transaction or len(transaction) > 64:
        raise PermanentError("it has no Transaction UID")
    if not 1 <= len(asked) <= MOST:
        raise PermanentError(f"it refers to {len(asked)} objects; 1 to {MOST} can be asked for at once")
    if not all(one.sop_class_uid and one.sop_instance_uid and len(one.sop_instance_uid) <= 64 for one in asked):
        raise PermanentError("a reference lacks its SOP Class UID or SOP Instance UID")
    return transaction, tuple(dict.fromkeys(asked))


def question(transaction: str, asked: Sequence[Reference]) -> Dataset:
    """The request that :func:`request_of` reads (PS3.4 table J.3-1)."""
    from pydicom.dataset import Dataset

    ds = Dataset()
    ds.TransactionUID = transaction
    ds.ReferencedSOPSequence = [_item(Answer(one)) for one in asked]
    return ds


@dataclass(frozen=True)
class Told:
    """A report. `kept`: SOP Instance UIDs; `failed`: SOP Instance UID -> why the archive does not keep it."""

    transaction_uid: str
    kept: tuple[str, ...]
    failed: Mapping[str, str]


def told_by(ds: Dataset) -> Told:
    """What a report says (PS3.4 table J.3-2); raises PermanentError when it is none."""
    transaction = _text(ds, "TransactionUID")
    if not transaction:
        raise PermanentError("it has no Transaction UID")
    kept = tuple(_text(one, "ReferencedSOPInstanceUID") for one in ds.get("ReferencedSOPSequence") or ())
    failed = {_text(one, "ReferencedSOPInstanceUID"): _why(one) for one in ds.get("FailedSOPSequence") or ()}
    return Told(transaction, tuple(uid for uid in kept if uid not in failed), failed)


def _why(item: Dataset) -> str:
    code = item.get("FailureReason")
    return _FAILURES.get(code, "no reason given") if code is None or code in _FAILURES else f"reason {code:04X}"


def report(transaction: str, answers: Sequence[Answer]) -> tuple[int, Dataset]:
    """Event Type ID and dataset of the N-EVENT-REPORT (PS3.4 table J.3-2)."""
    from pydicom.dataset import Dataset  # the ledger needs the values of this file alone

    ds = Dataset()
    ds.TransactionUID = transaction
    kept = [_item(one) for one in answers if not one.failure]
    failed = [_item(one) for one in answers if one.failure]
    if kept:
        ds.ReferencedSOPSequence = kept
    if failed:
        ds.FailedSOPSequence = failed
    return SOME_FAILED if failed else ALL_SUCCEEDED, ds


def _item(answer: Answer) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = answer.reference.sop_class_uid
    item.ReferencedSOPInstanceUID = answer.reference.sop_instance_uid
    if answer.failure:
        item.FailureReason = answer.failure
    return item


def _text(ds: Dataset, keyword: str) -> str:
    value = ds.get(keyword)
    return "" if value is None else str(value).strip("\0 ")
