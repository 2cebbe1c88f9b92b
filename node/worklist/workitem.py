"""A workitem as its server tells it (Unified Procedure Step, PS3.3 B.26), and what the server is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydicom.dataset import Dataset

from node.fetch.wanted import is_uid, text_of
from node.ledger import Input

SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = "SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"
READY = "READY"
PRIORITIES = ("HIGH", "MEDIUM", "LOW")
#: Why a procedure step is discontinued (CID 9300): nothing more is known of every one of our reasons.
_UNSPECIFIED = ("110513", "DCM", "Discontinued for unspecified reason")
#: Of an ST; an LT is kept as short.
_LONGEST_TEXT = 1024

Code = tuple[str, str, str]


@dataclass(frozen=True)
class Workitem:
    """What is needed of it.

    Attributes:
        codes: Scheduled Workitem Code Sequence: value, scheme and meaning.
        inputs: its studies, each once.
    """

    uid: str
    state: str
    is_ready: bool
    priority: str
    label: str
    codes: tuple[Code, ...]
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class Output:
    """Objects of one series, and where they can be retrieved: AE titles, and addresses of WADO-RS services."""

    study_instance_uid: str
    series_instance_uid: str
    objects: tuple[tuple[str, str], ...]  # SOP Class UID, SOP Instance UID
    ae_titles: tuple[str, ...]
    urls: tuple[str, ...]


def workitem_of(ds: Dataset) -> Workitem | None:
    """As far as it is one; None: it has no UID, or cannot be read."""
    try:
        uid, priority = text_of(ds, "SOPInstanceUID"), text_of(ds, "ScheduledProcedureStepPriority")
        found = Workitem(
            uid=uid,
            state=text_of(ds, "ProcedureStepState"),
            is_ready=text_of(ds, "InputReadinessState") == READY,
            priority=priority if priority in PRIORITIES else "MEDIUM",
            label=text_of(ds, "WorklistLabel"),
            codes=tuple(_code(one) for one in ds.get("ScheduledWorkitemCodeSequence") or ()),
            inputs=_inputs(ds.get("InputInformationSequence") or ()),
        )
    except Exception:  # the library raises anything on a value that is none
        return None
    named = [uid, *(name for one in found.inputs for name in (one.study_instance_uid, *one.instances))]
    return found if all(map(is_uid, named)) else None


def _inputs(items: Sequence[Dataset]) -> tuple[Input, ...]:
    """Items are by series, or smaller (PS3.3 table 10-3b); those of one study belong together."""
    by_study: dict[str, list[Dataset]] = {}
    for one in items:
        if uid := text_of(one, "StudyInstanceUID"):
            by_study.setdefault(uid, []).append(one)
    return tuple(Input(uid, _sources(mine), _instances(mine)) for uid, mine in by_study.items())


def _sources(items: Sequence[Dataset]) -> tuple[str, ...]:
    titles = [place for one in items for place in one.get("DICOMRetrievalSequence") or ()]
    urls = [place for one in items for place in one.get("WADORSRetrievalSequence") or ()]
    return _each_once(
        [*(text_of(one, "RetrieveAETitle") for one in titles), *(text_of(one, "RetrieveURL") for one in urls)]
    )


def _instances(items: Sequence[Dataset]) -> tuple[str, ...]:
    named = (reference for one in items for reference in one.get("ReferencedSOPSequence") or ())
    return _each_once(text_of(one, "ReferencedSOPInstanceUID") for one in named)


def state_change(transaction_uid: str, state: str) -> Dataset:
    """Change UPS State (PS3.4 table CC.2.1-1)."""
    ds = Dataset()
    ds.TransactionUID, ds.ProcedureStepState = transaction_uid, state
    return ds


def progress(transaction_uid: str, percent: int, text: str) -> Dataset:
    """How far the work is (PS3.3 C.30.1)."""
    ds = Dataset()
    ds.TransactionUID, ds.ProcedureStepProgressInformationSequence = transaction_uid, [_progress(percent, text)]
    return ds


def _progress(percent: int, text: str) -> Dataset:
    item = Dataset()
    item.ProcedureStepProgress, item.ProcedureStepProgressDescription = str(percent), text[:_LONGEST_TEXT]
    return item


def discontinued(transaction_uid: str, reason: str, at: float) -> Dataset:
    """Why it is canceled; what PS3.4 CC.2.5.1.1 wants before that. Args: at: epoch seconds."""
    ds, item = Dataset(), Dataset()
    item.ProcedureStepCancellationDateTime = _datetime(at)
    item.ReasonForCancellation = reason[:_LONGEST_TEXT]
    item.ProcedureStepDiscontinuationReasonCodeSequence = [_coded(_UNSPECIFIED)]
    ds.TransactionUID, ds.ProcedureStepProgressInformationSequence = transaction_uid, [item]
    return ds


def performed(
    transaction_uid: str, station: str, code: Code, times: tuple[float, float], outputs: Sequence[Output], left_out: str
) -> Dataset:
    """What was done (PS3.3 C.30.3). Args: station: our AE title; times: begin and end, epoch seconds; left_out: of its
    input, a comment."""
    ds, item = Dataset(), Dataset()
    item.PerformedStationNameCodeSequence = [_coded((station, "L", station))]
    item.PerformedWorkitemCodeSequence = [_coded(code)]
    item.PerformedProcedureStepStartDateTime, item.PerformedProcedureStepEndDateTime = map(_datetime, times)
    if left_out:
        item.CommentsOnThePerformedProcedureStep = left_out[:_LONGEST_TEXT]
    item.OutputInformationSequence = [_output(one) for one in outputs]
    ds.TransactionUID, ds.UnifiedProcedureStepPerformedProcedureSequence = transaction_uid, [item]
    ds.ProcedureStepProgressInformationSequence = [_progress(100, "results are delivered")]
    return ds


def _output(output: Output) -> Dataset:
    """Referenced Instances and Access (PS3.3 table 10-3b)."""
    ds = Dataset()
    ds.TypeOfInstances = "DICOM"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = output.study_instance_uid, output.series_instance_uid
    ds.ReferencedSOPSequence = [_reference(*one) for one in output.objects]
    if output.ae_titles:
        ds.DICOMRetrievalSequence = [_with("RetrieveAETitle", one) for one in output.ae_titles]
    if output.urls:
        path = f"/studies/{output.study_instance_uid}/series/{output.series_instance_uid}"
        ds.WADORSRetrievalSequence = [_with("RetrieveURL", f"{one}{path}") for one in output.urls]
    return ds


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID, ds.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    return ds


def _with(keyword: str, value: str) -> Dataset:
    ds = Dataset()
    setattr(ds, keyword, value)
    return ds


def _coded(code: Code) -> Dataset:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = code
    return ds


def _code(ds: Dataset) -> Code:
    return text_of(ds, "CodeValue"), text_of(ds, "CodingSchemeDesignator"), text_of(ds, "CodeMeaning")


def _datetime(at: float) -> str:
    """A DT (PS3.5 6.2), in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H%M%S+0000")


def _each_once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
