"""A radiologist's workstation that writes a Structured Report on our findings, with highdicom alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pydicom
from highdicom.sr import (
    CodedConcept,
    Comprehensive3DSR,
    FindingSite,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

AGREES = CodedConcept("122775", "DCM", "Agreement with prior findings")
DISAGREES = CodedConcept("122776", "DCM", "Disagreement with prior findings")
PRESENT = CodedConcept("52101004", "SCT", "Present")
ABSENT = CodedConcept("272519000", "SCT", "Absent")
UNDETERMINED = CodedConcept("373068000", "SCT", "Undetermined")
_PRESENCE = CodedConcept("121052", "DCM", "Presence of property")
_ASSESSMENT = CodedConcept("111005", "DCM", "Assessment Category")
_PERSON = CodedConcept("121006", "DCM", "Person")
_PROCEDURE = CodedConcept("363679005", "SCT", "Imaging procedure")


@dataclass(frozen=True)
class Word:
    """What the reader says of one finding: a code of this module. `tracking_uid`: of the finding."""

    finding: tuple[str, str, str]
    says: CodedConcept
    tracking_uid: str
    site: FindingSite | None = None


def report(image: Dataset, words: Sequence[Word], evidence: Sequence[Dataset] = (), **tags: object) -> Dataset:
    """A report of its own on findings in an image.

    Args:
        image: the film that was read.
        words: one for each finding.
        evidence: further objects that it refers to, e.g. the node's own report.
        tags: set on the finished object.
    """
    observer = ObserverContext(_PERSON, PersonObserverIdentifyingAttributes(name="Canary^Rita^^Dr"))
    made = MeasurementReport(
        observation_context=ObservationContext(observer_person_context=observer),
        procedure_reported=_PROCEDURE,
        imaging_measurements=[_group(image, word) for word in words],
    )
    ds = Comprehensive3DSR(
        evidence=[image, *evidence],
        content=made,
        series_instance_uid=generate_uid(),
        series_number=900,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="A workstation",
        is_complete=True,
    )
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return ds


def verified(report: Dataset) -> Dataset:
    """The node's own report as an archive keeps it once a person has verified it: a new instance, else the same."""
    ds = pydicom.dcmread(_saved(report))
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.VerificationFlag = "VERIFIED"
    person = Dataset()
    person.VerifyingObserverName, person.VerifyingOrganization = "Canary^Rita", "Hospital"
    person.VerificationDateTime = "20260101120000"
    person.VerifyingObserverIdentificationCodeSequence = []
    ds.VerifyingObserverSequence = [person]
    return ds


def words_of(report: Dataset) -> Mapping[str, tuple[str, tuple[str, str, str]]]:
    """Meaning of each finding in a report of the node -> its Tracking Unique Identifier and code."""
    found: dict[str, tuple[str, tuple[str, str, str]]] = {}
    for group in _groups(report):
        values = {one.ConceptNameCodeSequence[0].CodeValue: one for one in group.get("ContentSequence", ())}
        if {"112040", "121071"} <= set(values):
            code = values["121071"].ConceptCodeSequence[0]
            triple = (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning)
            found[code.CodeMeaning] = (values["112040"].UID, triple)
    return found


def _groups(ds: Dataset) -> list[Dataset]:
    children = list(ds.get("ContentSequence", ()))
    return [*children, *(grandchild for child in children for grandchild in _groups(child))]


def _group(image: Dataset, word: Word) -> MeasurementsAndQualitativeEvaluations:
    name = _PRESENCE if word.says in (PRESENT, ABSENT, UNDETERMINED) else _ASSESSMENT
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(identifier="reader", uid=word.tracking_uid),
        finding_type=CodedConcept(*word.finding),
        qualitative_evaluations=[QualitativeEvaluation(name=name, value=word.says)],
        source_images=[SourceImageForMeasurementGroup.from_source_image(image)],
        finding_sites=[word.site] if word.site else None,
    )


def _saved(ds: Dataset) -> object:
    from io import BytesIO

    stream = BytesIO()
    pydicom.dcmwrite(stream, ds, enforce_file_format=True)
    stream.seek(0)
    return stream
