"""The patient, and other persons, in HL7 v2.5.1 (chapter 3)."""

from __future__ import annotations

from node.export.exported import ExportedStudy, Identity
from node.export.hl7_text import Field, components, repeated, segment
from node.export.moment import hl7_date
from node.export.name import Name, names

_SEXES = ("M", "F", "O")  # table 0001 has more
_LEGAL = "L"  # table 0200, Name Type
#: Who may not be named has no legal name, and a pseudonym as a second one (3.4.2.5).
_NO_NAME = repeated(Field(""), components("", "", "", "", "", "", "S"))


def pid(study: ExportedStudy) -> str:
    """The segment PID; without an identity the subject is a pseudonym."""
    identity = study.identity
    if identity is None:
        return segment("PID", {1: "1", 3: _anonymous(study), 5: _NO_NAME})
    fields: dict[int, Field | str] = {
        1: "1",
        3: _identifier(identity) if identity.patient_id else _anonymous(study),
        5: xpn(identity.patient_name) or _NO_NAME,
        7: hl7_date(identity.patient_birth_date),
        8: identity.patient_sex if identity.patient_sex in _SEXES else "",
    }
    return segment("PID", fields)


def _identifier(identity: Identity) -> Field:
    return components(identity.patient_id, "", "", identity.issuer_of_patient_id, "PI")


def _anonymous(study: ExportedStudy) -> Field:
    return components(study.pseudonym, "", "", "radnode", "ANON")  # table 0203


def xpn(value: str) -> Field:
    """A PN as XPN, one repetition for each representation."""
    return repeated(*(components(*_parts(name), "", _LEGAL, name.representation) for name in names(value)))


def xcn(value: str) -> Field:
    """A PN as XCN, of a person of whom no id is known: type and representation stand elsewhere than in XPN."""
    return repeated(
        *(
            components("", *_parts(name), "", "", "", _LEGAL, "", "", "", "", name.representation)
            for name in names(value)
        )
    )


def _parts(name: Name) -> tuple[str, ...]:
    """Suffix and prefix stand in another order than in DICOM."""
    return name.family, name.given, name.middle, name.suffix, name.prefix
