"""What a modality and an archive tell of a study, sent by pynetdicom: N-CREATE and N-SET."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association

from node.signals import AVAILABILITY, PERFORMED_STEP, WRONG_ENTRY
from tests.peers.hospital import CANARY

DX = "1.2.840.10008.5.1.4.1.1.1.1"
SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)


def begun(*studies: str, status: str = "IN PROGRESS") -> Dataset:
    """An N-CREATE of a performed procedure step (PS3.4 table F.7.2-1)."""
    ds = Dataset()
    ds.ScheduledStepAttributesSequence = [_scheduled(study) for study in studies]
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = f"{CANARY}^Patient", f"{CANARY}1", "", "F"
    ds.PerformedProcedureStepID, ds.PerformedStationAETitle, ds.PerformedStationName = "P1", "MODALITY", ""
    ds.PerformedProcedureStepStartDate, ds.PerformedProcedureStepStartTime = "20260102", "101112"
    ds.PerformedProcedureStepStatus, ds.PerformedProcedureStepDescription = status, f"{CANARY} chest"
    ds.Modality, ds.StudyID, ds.PerformedSeriesSequence = "DX", "1", []
    return ds


def _scheduled(study: str) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID, item.AccessionNumber, item.RequestedProcedureID = study, "A1", "R1"
    return item


def ended(
    *named: tuple[str, str], status: str = "COMPLETED", others: Sequence[tuple[str, str]] = (), code: str = ""
) -> Dataset:
    """An N-SET that ends one.

    Args:
        named: series and instance UIDs of the images.
        others: of what is no image.
        code: why it is discontinued.
    """
    ds = Dataset()
    ds.PerformedProcedureStepStatus = status
    ds.PerformedProcedureStepEndDate, ds.PerformedProcedureStepEndTime = "20260102", "101500"
    ds.PerformedSeriesSequence = []
    for uid in dict.fromkeys(series for series, _ in (*named, *others)):
        series = Dataset()
        series.SeriesInstanceUID, series.ProtocolName, series.OperatorsName = uid, "chest", f"{CANARY}^Operator"
        series.ReferencedImageSequence = [_reference(one) for of, one in named if of == uid]
        series.ReferencedNonImageCompositeSOPInstanceSequence = [_reference(one) for of, one in others if of == uid]
        ds.PerformedSeriesSequence.append(series)
    if code:
        reason = Dataset()
        reason.CodeValue, reason.CodingSchemeDesignator, reason.CodeMeaning = code, "DCM", f"{CANARY} said so"
        ds.PerformedProcedureStepDiscontinuationReasonCodeSequence = [reason]
    return ds


def available(study: str, *named: tuple[str, str], availability: str = "ONLINE") -> Dataset:
    """An Instance Availability Notification (PS3.4 table R.3.2-1)."""
    ds = Dataset()
    ds.ReferencedPerformedProcedureStepSequence, ds.StudyInstanceUID, ds.ReferencedSeriesSequence = [], study, []
    for uid in dict.fromkeys(series for series, _ in named):
        series = Dataset()
        series.SeriesInstanceUID, series.ReferencedSOPSequence = uid, []
        for one in (one for of, one in named if of == uid):
            item = _reference(one)
            item.InstanceAvailability, item.RetrieveAETitle = availability, "PACS"
            series.ReferencedSOPSequence.append(item)
        ds.ReferencedSeriesSequence.append(series)
    return ds


def _reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = DX, uid
    return item


@contextmanager
def telling(port: int, calling: str = "MODALITY", syntaxes: Sequence[str] = SYNTAXES) -> Iterator[Association]:
    """An association for both classes."""
    ae = AE(ae_title=calling)
    for sop_class in (PERFORMED_STEP, AVAILABILITY):
        ae.add_requested_context(sop_class, list(syntaxes))
    assoc = ae.associate("127.0.0.1", port, ae_title="RADNODE")
    assert assoc.is_established
    try:
        yield assoc
    finally:
        assoc.release()


def create(assoc: Association, uid: str | None, ds: Dataset, sop_class: str = PERFORMED_STEP) -> int:
    """N-CREATE; the status."""
    return int(assoc.send_n_create(ds, sop_class, uid)[0].Status)


def change(assoc: Association, uid: str, ds: Dataset) -> Dataset:
    """N-SET; what the answer says."""
    return assoc.send_n_set(ds, PERFORMED_STEP, uid)[0]


def notify(assoc: Association, uid: str, ds: Dataset) -> int:
    """N-CREATE of a notification; the status."""
    return create(assoc, uid, ds, AVAILABILITY)


__all__ = ["WRONG_ENTRY", "available", "begun", "change", "create", "ended", "notify", "telling"]
