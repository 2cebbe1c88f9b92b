"""The XML of a message: valid after the schema of PS3.15 A.5.1, whatever strangers have written into it."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.audit import codes
from node.audit.message import (
    Action,
    AuditSource,
    Described,
    Message,
    Outcome,
    Participant,
    Thing,
    patient,
    study,
    xml,
)
from tests.audit.schema import misfits

SOURCE = AuditSource("RADNODE", "Hospital")


def message(*things: Thing, user: str = "CT1") -> Message:
    parts = (Participant(user, codes.SOURCE, user, True, "10.0.0.1"), Participant("RADNODE", codes.DESTINATION))
    return Message(codes.INSTANCES_TRANSFERRED, 1_700_000_000.25, Action.CREATE, parts, things)


def parsed(told: Message) -> ElementTree.Element:
    element = ElementTree.fromstring(xml(told, SOURCE))  # noqa: S314  our own
    assert list(misfits(element)) == []
    return element


def test_a_transfer_says_who_what_and_of_whom() -> None:
    described = Described({"1.2.3": ("1.1", "1.2"), "": ("1.3",)}, "A17")
    element = parsed(message(study("1.9", described), patient("P1", "Doe^Jane")))
    event = element.find("EventIdentification")
    assert event is not None
    assert event.attrib == {
        "EventActionCode": "C",
        "EventDateTime": "2023-11-14T22:13:20.250+00:00",
        "EventOutcomeIndicator": "0",
    }
    source, destination = element.findall("ActiveParticipant")
    assert (source.get("UserID"), source.get("AlternativeUserID")) == ("CT1", "AETITLES=CT1")
    assert (source.get("UserIsRequestor"), destination.get("UserIsRequestor")) == ("true", "false")
    found, who = element.findall("ParticipantObjectIdentification")
    assert found.get("ParticipantObjectID") == "1.9"
    assert [(one.get("UID"), one.get("NumberOfInstances")) for one in found.iter("SOPClass")] == [
        ("1.2.3", "2"),
        (None, "1"),
    ]
    assert [one.get("UID") for one in found.iter("Instance")] == ["1.1", "1.2", "1.3"]
    assert (who.get("ParticipantObjectID"), who.findtext("ParticipantObjectName")) == ("P1", "Doe^Jane")


def test_details_are_base64_so_that_nothing_in_them_can_be_taken_for_xml() -> None:
    element = parsed(message(Thing("x", codes.NODE_ID, details={"Alert Description": "<b>no\0</b>"})))
    (detail,) = element.iter("ParticipantObjectDetail")
    assert base64.b64decode(detail.get("value", "")) == b"<b>no\0</b>"


def test_a_failure_says_why_and_an_export_what_was_written() -> None:
    parts = (Participant("ann", is_requestor=True), Participant("file", codes.DESTINATION_MEDIA, media=codes.MEDIA_URI))
    told = Message(
        codes.EXPORT,
        0,
        Action.READ,
        parts,
        type=codes.NODE_AUTHENTICATION,
        outcome=Outcome.SERIOUS_FAILURE,
        description="full",
    )
    element = parsed(told)
    assert element.findtext("EventIdentification/EventOutcomeDescription") == "full"
    assert element.find("ActiveParticipant/MediaIdentifier/MediaType").get("csd-code") == "110037"  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["", " ", "\x00\x1b[31m", "\ud800", "\uffff", "a\nb", "<&\">'"])
def test_texts_of_strangers_make_no_xml_that_is_none(text: str) -> None:
    parsed(message(patient(text, text), study(text or "1"), user=text))


@given(st.text(), st.text(), st.text())
def test_any_text_makes_a_valid_message(user: str, name: str, uid: str) -> None:
    parsed(message(patient(uid, name), user=user))
