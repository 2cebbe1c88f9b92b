"""The schema of audit messages (PS3.15 A.5.1) as a table, and what does not fit to it."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element


def _any(value: str) -> bool:
    return value == " ".join(value.split()) and bool(value)  # a token


def _moment(value: str) -> bool:
    return dt.datetime.fromisoformat(value).utcoffset() == dt.timedelta(0)


def _base64(value: str) -> bool:
    return base64.b64encode(base64.b64decode(value, validate=True)).decode() == value


def _one_of(*values: str) -> Callable[[str], bool]:
    return lambda value: value in values


_BOOLEAN = _one_of("true", "false")
_NUMBER = str.isdecimal
_UID: Callable[[str], bool] = lambda value: all(part.isdecimal() for part in value.split("."))  # noqa: E731


@dataclass(frozen=True)
class Shape:
    """An element. `children`: name -> (least, most), in their order; `optional`, `required`: attributes."""

    required: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)
    optional: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)
    children: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    text: Callable[[str], bool] | None = None


_MANY = float("inf")
_NAME_OR_QUERY = {"ParticipantObjectName", "ParticipantObjectQuery"}
_CODED = Shape({"csd-code": _any, "codeSystemName": _any, "originalText": _any}, {"displayName": _any})
SHAPES: Mapping[str, Shape] = {
    "AuditMessage": Shape(
        children={
            "EventIdentification": (1, 1),
            "ActiveParticipant": (1, _MANY),
            "AuditSourceIdentification": (1, 1),
            "ParticipantObjectIdentification": (0, _MANY),
        }
    ),
    "EventIdentification": Shape(
        {"EventDateTime": _moment, "EventOutcomeIndicator": _one_of("0", "4", "8", "12")},
        {"EventActionCode": _one_of(*"CRUDE")},
        {"EventID": (1, 1), "EventTypeCode": (0, _MANY), "EventOutcomeDescription": (0, 1)},
    ),
    "EventID": _CODED,
    "EventTypeCode": _CODED,
    "EventOutcomeDescription": Shape(text=_any),
    "ActiveParticipant": Shape(
        {"UserID": _any, "UserIsRequestor": _BOOLEAN},
        {
            "AlternativeUserID": _any,
            "UserName": _any,
            "NetworkAccessPointID": _any,
            "NetworkAccessPointTypeCode": _one_of(*"12345"),
        },
        {"RoleIDCode": (0, _MANY), "MediaIdentifier": (0, 1)},
    ),
    "RoleIDCode": _CODED,
    "MediaIdentifier": Shape(children={"MediaType": (1, 1)}),
    "MediaType": _CODED,
    "AuditSourceIdentification": Shape(
        {"AuditSourceID": _any}, {"AuditEnterpriseSiteID": _any}, {"AuditSourceTypeCode": (0, _MANY)}
    ),
    "AuditSourceTypeCode": Shape({"csd-code": _one_of(*"123456789")}),
    "ParticipantObjectIdentification": Shape(
        {"ParticipantObjectID": _any},
        {
            "ParticipantObjectTypeCode": _one_of(*"1234"),
            "ParticipantObjectTypeCodeRole": _one_of(*(str(number) for number in range(1, 27))),
        },
        {
            "ParticipantObjectIDTypeCode": (1, 1),
            "ParticipantObjectName": (0, 1),
            "ParticipantObjectQuery": (0, 1),
            "ParticipantObjectDetail": (0, _MANY),
            "ParticipantObjectDescription": (0, _MANY),
        },
    ),
    "ParticipantObjectIDTypeCode": _CODED,
    "ParticipantObjectName": Shape(text=_any),
    "ParticipantObjectQuery": Shape(text=_base64),
    "ParticipantObjectDetail": Shape({"type": _any, "value": _base64}),
    "ParticipantObjectDescription": Shape(
        children={"MPPS": (0, _MANY), "Accession": (0, _MANY), "SOPClass": (0, _MANY), "Anonymized": (0, 1)}
    ),
    "MPPS": Shape({"UID": _UID}),
    "Accession": Shape({"Number": _any}),
    "SOPClass": Shape({"NumberOfInstances": _NUMBER}, {"UID": _UID}, {"Instance": (0, _MANY)}),
    "Instance": Shape({"UID": _UID}),
    "Anonymized": Shape(text=_BOOLEAN),
}


def misfits(element: Element) -> Iterator[str]:
    """What is wrong with an element and those below it; nothing when it is valid."""
    shape = SHAPES[element.tag]
    allowed = {**shape.required, **shape.optional}
    for name, check in allowed.items():
        if (value := element.get(name)) is None:
            if name in shape.required:
                yield f"{element.tag}: {name} is missing"
        elif not check(value):
            yield f"{element.tag}: {name}={value!r}"
    yield from (f"{element.tag}: {name} is unknown" for name in element.keys() - allowed.keys())
    if shape.text is not None and not shape.text(element.text or ""):
        yield f"{element.tag}: {element.text!r}"
    yield from _wrong_children(element, shape)
    for child in element:
        yield from misfits(child) if child.tag in SHAPES else [f"{child.tag} is unknown"]


def _wrong_children(element: Element, shape: Shape) -> Iterator[str]:
    names = [child.tag for child in element]
    if names != sorted(names, key=lambda name: list(shape.children).index(name) if name in shape.children else 99):
        yield f"{element.tag}: {names} is not their order"
    if element.tag == "ParticipantObjectIdentification" and len(_NAME_OR_QUERY & set(names)) != 1:
        yield f"{element.tag}: a name, or a query"
    for name, (least, most) in shape.children.items():
        if not least <= names.count(name) <= most:
            yield f"{element.tag}: {names.count(name)} times {name}"
