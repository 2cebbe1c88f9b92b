"""What the findings are about, and who made them: Patient, ImagingStudy and Device of FHIR R4."""

from __future__ import annotations

from node.export import sentences
from node.export.exported import Algorithm, ExportedInstance, ExportedSeries, ExportedStudy, Identity
from node.export.fhir_types import Element, coding, oid, resource, system, terminology, uid_identifier, urn
from node.export.moment import fhir_date, fhir_study_time
from node.export.name import Name, names

_GENDERS = {"M": "male", "F": "female", "O": "other"}
_REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
_REPRESENTATIONS = {"A": "ABC", "I": "IDE", "P": "SYL"}


def subject(study: ExportedStudy) -> Element:
    """A Reference: to the Patient in the bundle, or to nobody but a pseudonym."""
    if study.identity is not None:
        return {"reference": patient_urn(study), "type": "Patient"}
    identifier = {"system": urn("pseudonym"), "value": study.pseudonym}
    return {"type": "Patient", "identifier": identifier, "display": "Not named"}


def patient_urn(study: ExportedStudy) -> str:
    """Of the Patient: the same in all studies of a patient."""
    return urn("patient", study.pseudonym)


def study_urn(study: ExportedStudy) -> str:
    """Of the ImagingStudy."""
    return urn("study", study.study_instance_uid)


def device_urn(algorithm: Algorithm) -> str:
    """Of the Device: other weights are another one."""
    return urn("device", algorithm.name, algorithm.version, algorithm.device_uid)


def patient(study: ExportedStudy, identity: Identity) -> Element:
    """The Patient, as far as the images name one."""
    identifier = {
        "use": "usual",
        "type": terminology("v2-0203", "PI", "Patient internal identifier"),
        "value": identity.patient_id,
        "assigner": {"display": identity.issuer_of_patient_id},
    }
    fields = {
        "identifier": [identifier] if identity.patient_id else [],
        "name": [_human_name(name) for name in names(identity.patient_name)],
        "gender": _GENDERS.get(identity.patient_sex, ""),
        "birthDate": fhir_date(identity.patient_birth_date),
    }
    return resource("Patient", patient_urn(study), fields)


def _human_name(name: Name) -> Element:
    return {
        "extension": [{"url": _REPRESENTATION, "valueCode": _REPRESENTATIONS[name.representation]}],
        "text": name.text,
        "family": name.family,
        "given": [name.given, name.middle],
        "prefix": [name.prefix],
        "suffix": [name.suffix],
    }


def accession(identity: Identity | None) -> list[Element]:
    """The accession number as an Identifier, if it may leave and there is one."""
    if identity is None or not identity.accession_number:
        return []
    return [{"type": terminology("v2-0203", "ACSN", "Accession ID"), "value": identity.accession_number}]


def imaging_study(study: ExportedStudy) -> Element:
    """The ImagingStudy: the analysed series and those that the results lie in."""
    identity = study.identity
    modalities = dict.fromkeys(series.modality for series in study.series)
    fields = {
        "identifier": [uid_identifier(study.study_instance_uid), *accession(identity)],
        "status": "available",
        "modality": [_modality(modality) for modality in modalities],
        "subject": subject(study),
        "started": fhir_study_time(identity) if identity else "",
        "numberOfSeries": len(study.series),
        "numberOfInstances": sum(len(series.instances) for series in study.series),
        "description": identity.study_description if identity else "",
        "series": [_series(series) for series in study.series],
    }
    return resource("ImagingStudy", study_urn(study), fields)


def _series(series: ExportedSeries) -> Element:
    return {
        "uid": series.series_instance_uid,
        "modality": _modality(series.modality),
        "description": f"Results of {series.plugin}" if series.plugin else "",
        "numberOfInstances": len(series.instances),
        "instance": [_instance(one) for one in series.instances],
    }


def _instance(instance: ExportedInstance) -> Element:
    return {
        "uid": instance.sop_instance_uid,
        "sopClass": {"system": "urn:ietf:rfc:3986", "code": oid(instance.sop_class_uid)},
        "number": max(instance.instance_number, 0) or None,
    }


def _modality(modality: str) -> Element:
    """Of what names none: other (PS3.3 C.7.3.1.1.1)."""
    return coding(system("DCM"), modality or "OT")


def device(algorithm: Algorithm) -> Element:
    """The Device: the algorithm with its weights."""
    fields = {
        "identifier": [uid_identifier(algorithm.device_uid)] if algorithm.device_uid else [],
        "status": "active",
        "manufacturer": algorithm.manufacturer,
        "serialNumber": algorithm.serial_number,
        "deviceName": [{"name": algorithm.name, "type": "model-name"}],
        "modelNumber": algorithm.name,
        "type": {"text": algorithm.title or algorithm.name},
        "version": [{"value": algorithm.version}],
        "note": [{"text": sentences.RESEARCH}] if algorithm.research_only else [],
    }
    return resource("Device", device_urn(algorithm), fields)
