"""FHIR's data types, each in one call, as the dictionaries that JSON is written from (HL7 FHIR R4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from node.claims import Code
from node.export.text import plain

#: A resource or one of its elements; Any: JSON's edge.
Element = dict[str, Any]

_NAMESPACE = UUID("0f6f7b0e-52a6-5a0c-8f5e-6d1f3c1b9a44")
#: Coding Scheme Designator (PS3.16 8) -> the system's URI in FHIR.
_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "UCUM": "http://unitsofmeasure.org",
    "RADLEX": "http://radlex.org",
}
#: Concepts that no public system has.
OWN = "radnode"
_EMPTY: tuple[object, ...] = ("", None, [], {})


def urn(*facts: str) -> str:
    """A name that follows from these facts, their order included: the same in any process."""
    name = "".join(f"{len(fact)}:{fact}" for fact in facts)
    return f"urn:uuid:{uuid5(_NAMESPACE, name)}"


def oid(uid: str) -> str:
    """A DICOM UID as a URI."""
    return f"urn:oid:{uid}"


def system(designator: str) -> str:
    """The URI of a coding scheme; of a private one a URN that follows from its designator."""
    return _SYSTEMS.get(designator) or urn("coding scheme", designator)


def _pruned(value: Any) -> Any:
    """What holds something: FHIR has no empty strings, lists or objects, and no string of blanks alone."""
    if isinstance(value, dict):
        return {name: kept for name, one in value.items() if (kept := _pruned(one)) not in _EMPTY}
    if isinstance(value, list):
        return [kept for one in value if (kept := _pruned(one)) not in _EMPTY]
    if isinstance(value, str):
        return plain(value) if plain(value).strip() else ""
    return value


def coding(uri: str, code: str, display: str = "") -> Element:
    """A Coding."""
    return {"system": uri, "code": " ".join(plain(code).split()), "display": display}


def concept(code: Code | None, text: str = "") -> Element:
    """A CodeableConcept; of a finding without a code its words."""
    codings = [] if code is None else [coding(system(code.scheme), code.value, code.meaning)]
    return {"coding": codings, "text": text}


def dcm(value: str, meaning: str) -> Element:
    """A CodeableConcept of the DICOM Controlled Terminology (PS3.16 D)."""
    return concept(Code(value, "DCM", meaning), meaning)


def terminology(name: str, code: str, display: str) -> Element:
    """A CodeableConcept of one of HL7's own code systems."""
    return {"coding": [coding(f"http://terminology.hl7.org/CodeSystem/{name}", code, display)]}


def uid_identifier(uid: str) -> Element:
    """A DICOM UID as an Identifier."""
    return {"system": "urn:dicom:uid", "value": oid(uid)}


def per_cent(share: float) -> Element:
    """A Quantity; rounded to four decimals as in the Structured Report."""
    return {"value": round(100.0 * share, 4), "unit": "%", "system": _SYSTEMS["UCUM"], "code": "%"}


def resource(kind: str, name: str, fields: Mapping[str, Any]) -> Element:
    """A resource whose id is that of its URN, without the fields that hold nothing."""
    kept: Element = _pruned(dict(fields))
    return {"resourceType": kind, "id": name.removeprefix("urn:uuid:"), **kept}
