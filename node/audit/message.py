"""An audit message as a value, and as XML after the schema of PS3.15 A.5.1 (2026c)."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from xml.etree import ElementTree as ET

from node.audit.codes import PATIENT_NUMBER, STUDY_UID, Code


class Action(StrEnum):
    """Event Action Code."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class Outcome(StrEnum):
    """Event Outcome Indicator."""

    SUCCESS = "0"
    MINOR_FAILURE = "4"
    SERIOUS_FAILURE = "8"


class Access(StrEnum):
    """Network Access Point Type Code."""

    NAME = "1"
    IP = "2"
    URI = "5"


@dataclass(frozen=True)
class Participant:
    """Somebody, or a process, that took part.

    Attributes:
        user_id: account, AE title, or name of a process.
        role: what it was in the event, if that is said.
        ae_title: of a process that has one.
        is_requestor: whether it began; of one message at most one.
        address: host name, IP address or url, if known.
        access: what `address` is.
        media: of an export: what was written to.
    """

    user_id: str
    role: Code | None = None
    ae_title: str = ""
    is_requestor: bool = False
    address: str = ""
    access: Access = Access.IP
    media: Code | None = None


@dataclass(frozen=True)
class Described:
    """What a study holds, as far as the event goes.

    Attributes:
        classes: SOP Class UID -> SOP Instance UIDs; the class may be empty.
        accession_number: if it may be said.
        anonymized: True: no patient is in it; None: nothing is said of that.
        step: SOP Instance UID of a performed procedure step.
    """

    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    accession_number: str = ""
    anonymized: bool | None = None
    step: str = ""


@dataclass(frozen=True)
class Thing:
    """A participant object.

    Attributes:
        id: identifies it; what kind of identifier that is says `id_type`.
        id_type: see there.
        type: 1 a person, 2 a system object.
        role: Participant Object Type Code Role (PS3.15 A.5.1.2.2); empty: none.
        name: for people; the schema wants one, unless there is a query.
        details: type -> value.
        described: of a study.
        query: a dataset; empty: it is none.
    """

    id: str
    id_type: Code
    type: str = "2"
    role: str = ""
    name: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    described: Described | None = None
    query: bytes = b""


def study(uid: str, described: Described | None = None) -> Thing:
    """A study as participant object (role 3: report)."""
    return Thing(uid, STUDY_UID, role="3", name="Study", described=described)


def patient(patient_id: str, name: str) -> Thing:
    """A patient as participant object (role 1)."""
    return Thing(patient_id, PATIENT_NUMBER, type="1", role="1", name=name)


@dataclass(frozen=True)
class Message:
    """What happened. Attributes: at: seconds since the epoch; the others as in the standard."""

    event: Code
    at: float
    action: Action
    participants: tuple[Participant, ...]
    things: tuple[Thing, ...] = ()
    type: Code | None = None
    outcome: Outcome = Outcome.SUCCESS
    description: str = ""


@dataclass(frozen=True)
class AuditSource:
    """Who reports. Attributes: id; site: of the enterprise, if any."""

    id: str
    site: str = ""


def xml(message: Message, source: AuditSource) -> str:
    """The message without a declaration: it is UTF-8, as ITI-20 wants it."""
    root = ET.Element("AuditMessage")
    _add_event(root, message)
    for participant in message.participants:
        _add_participant(root, participant)
    attributes = {"AuditEnterpriseSiteID": source.site, "AuditSourceID": source.id}
    found = ET.SubElement(root, "AuditSourceIdentification", _given(attributes))
    ET.SubElement(found, "AuditSourceTypeCode", {"csd-code": "4"})  # application server process
    for thing in message.things:
        _add_thing(root, thing)
    return ET.tostring(root, encoding="unicode")


def _add_event(root: ET.Element, message: Message) -> None:
    moment = dt.datetime.fromtimestamp(message.at, dt.UTC).isoformat(timespec="milliseconds")
    event = ET.SubElement(
        root,
        "EventIdentification",
        {"EventActionCode": message.action, "EventDateTime": moment, "EventOutcomeIndicator": message.outcome},
    )
    _add_code(event, "EventID", message.event)
    if message.type is not None:
        _add_code(event, "EventTypeCode", message.type)
    if said := clean(message.description):
        ET.SubElement(event, "EventOutcomeDescription").text = said


def _add_participant(root: ET.Element, one: Participant) -> None:
    attributes = {
        "UserID": clean(one.user_id) or "unknown",
        "AlternativeUserID": f"AETITLES={one.ae_title}" if one.ae_title else "",  # A.5.2.2
        "UserIsRequestor": "true" if one.is_requestor else "false",
        "NetworkAccessPointID": one.address,
        "NetworkAccessPointTypeCode": str(one.access) if clean(one.address) else "",
    }
    found = ET.SubElement(root, "ActiveParticipant", _given(attributes))
    if one.role is not None:
        _add_code(found, "RoleIDCode", one.role)
    if one.media is not None:
        _add_code(ET.SubElement(found, "MediaIdentifier"), "MediaType", one.media)


def _add_thing(root: ET.Element, thing: Thing) -> None:
    attributes = {
        "ParticipantObjectID": clean(thing.id) or "unknown",
        "ParticipantObjectTypeCode": thing.type,
        "ParticipantObjectTypeCodeRole": thing.role,
    }
    found = ET.SubElement(root, "ParticipantObjectIdentification", _given(attributes))
    _add_code(found, "ParticipantObjectIDTypeCode", thing.id_type)
    if thing.query:
        ET.SubElement(found, "ParticipantObjectQuery").text = base64.b64encode(thing.query).decode()
    else:
        ET.SubElement(found, "ParticipantObjectName").text = clean(thing.name) or clean(thing.id) or "unknown"
    for kind, value in thing.details.items():
        encoded = base64.b64encode(value.encode()).decode()
        ET.SubElement(found, "ParticipantObjectDetail", {"type": kind, "value": encoded})
    if thing.described is not None:
        _add_description(found, thing.described)


def _add_description(found: ET.Element, described: Described) -> None:
    place = ET.SubElement(found, "ParticipantObjectDescription")
    if step := clean(described.step):
        ET.SubElement(place, "MPPS", {"UID": step})
    if number := clean(described.accession_number):
        ET.SubElement(place, "Accession", {"Number": number})
    for sop_class_uid, uids in described.classes.items():
        attributes = _given({"UID": sop_class_uid, "NumberOfInstances": str(len(uids))})
        group = ET.SubElement(place, "SOPClass", attributes)
        for uid in uids:
            ET.SubElement(group, "Instance", {"UID": clean(uid)})
    if described.anonymized is not None:
        ET.SubElement(place, "Anonymized").text = "true" if described.anonymized else "false"


def _add_code(parent: ET.Element, name: str, code: Code) -> None:
    attributes = {"csd-code": code.value, "codeSystemName": code.scheme, "originalText": code.meaning}
    ET.SubElement(parent, name, attributes)


def _given(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: said for name, value in attributes.items() if (said := clean(value))}


def clean(text: str) -> str:
    """A token of the schema: single spaces, and nothing that XML 1.0 (2.2) cannot say. Texts come from strangers."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
