"""A study as a Bundle of HL7 FHIR R4 (4.0.1): DiagnosticReports with their Observations, and what they are about.

The bundle is a collection: a Patient (only where the identity may leave), the ImagingStudy, and for each plugin a
Device, a DiagnosticReport and one Observation for each claimed finding on each series. Every resource has an id that
follows from what it speaks of, so that a later export of the same study replaces it, and a ``fullUrl`` with that id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from node.claims import Code
from node.export import sentences
from node.export.answers import Answer, answers
from node.export.exported import ExportedAnalysis, ExportedStudy, Standing
from node.export.fhir_observation import observation, observation_urn
from node.export.fhir_study import accession, device, imaging_study, patient, study_urn, subject
from node.export.fhir_types import Element, concept, resource, terminology, uid_identifier, urn
from node.export.moment import fhir_instant, fhir_study_time

#: Standing -> DiagnosticReport.status.
_STATUS = {
    Standing.GIVEN: "preliminary",
    Standing.WITHDRAWN: "entered-in-error",
    Standing.AWAITED: "registered",
    Standing.MISSING: "cancelled",
}
_IMAGING_STUDY = Code("18748-4", "LN", "Diagnostic imaging study")


def bundle_text(study: ExportedStudy) -> str:
    """The Bundle as JSON."""
    return json.dumps(bundle(study), indent=2, ensure_ascii=False) + "\n"


def bundle(study: ExportedStudy) -> Element:
    """The Bundle as JSON's dictionaries."""
    fields = {
        "type": "collection",
        "timestamp": fhir_instant(study.made),
        "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in _resources(study)],
    }
    return resource("Bundle", urn("bundle", study.study_instance_uid), fields)


def _resources(study: ExportedStudy) -> Iterator[Element]:
    if study.identity is not None:
        yield patient(study, study.identity)
    yield imaging_study(study)
    for analysis in study.analyses:
        told = answers(analysis.account) if analysis.account else ()
        yield device(analysis.algorithm)
        yield _report(study, analysis, told)
        yield from (observation(study, analysis, answer) for answer in told)


def _report(study: ExportedStudy, analysis: ExportedAnalysis, told: tuple[Answer, ...]) -> Element:
    algorithm = analysis.algorithm
    fields = {
        "identifier": [uid_identifier(uid)] if (uid := analysis.report_sop_instance_uid) else [],
        "basedOn": [{"type": "ServiceRequest", "identifier": one} for one in accession(study.identity)],
        "status": _STATUS[analysis.standing],
        "category": [terminology("v2-0074", "IMG", "Diagnostic Imaging")],
        "code": concept(_IMAGING_STUDY, algorithm.title or algorithm.name),
        "subject": subject(study),
        "effectiveDateTime": fhir_study_time(study.identity) if study.identity else "",
        "issued": fhir_instant(analysis.started),
        "result": [{"reference": observation_urn(study, analysis, one), "type": "Observation"} for one in told],
        "imagingStudy": [{"reference": study_urn(study), "type": "ImagingStudy"}],
        "conclusion": " ".join((*map(_told, told), *sentences.of_analysis(analysis))),
    }
    return resource("DiagnosticReport", urn("report", study.study_instance_uid, algorithm.name), fields)


def _told(answer: Answer) -> str:
    return f"{answer.claim.label}: {answer.finding.outcome if answer.finding else 'not assessed'}."
