"""What each event of the trail is to a collector."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from node.audit.lookup import Lookup
from node.audit.message import AuditSource, xml
from node.audit.syslog import record
from node.audit.teller import TABLE, key_of, message_of
from node.config import AuditSettings, Destination, NodeSettings, Settings, Worklist
from node.fetch import Wanted
from node.ledger import Event, Ledger
from node.signals import Step, StepStatus
from node.spool import Spool
from tests.audit.listener import Received, parsed
from tests.ledger.material import SR, classified, results

NODE = Path(__file__).parents[2] / "node"
#: Steps of the node's own work, and news of its neighbours: beginnings of the actions that no collector hears of.
OUR_OWN = (
    "study ", "analysis ", "routed", "not taken as a review", "own result came back", "images not assessed",
    "delivery tried again later", "destination ", "completion asked for", "storage commitment ", "archive ",
    "availability told",
    "rejection notes sent again", "plugin ", "file missing", "critical finding", "received while",
    "drift", "results come ", "baseline set", "prior ", "assessed anew",
    "report received again", "report read", "report replaced",
    "rows forgotten", "trail shortened",  # a study was told to be deleted when its files were
    "queue ", "object refused", "configuration read again",  # whoever gave the command is told of, as of every command
)  # fmt: skip


@pytest.fixture
def lookup(ledger: Ledger, spool: Spool, tmp_path: Path) -> Lookup:
    destinations = (
        Destination(name="pacs", kind="dicom", ae_title="PACS", host="10.0.0.9", port=104),
        Destination(name="archive", kind="dicom", ae_title="ARC", host="arc.example", port=104),
        Destination(name="disk", kind="folder", path=Path("/results")),
        Destination(name="hook", kind="webhook", url="https://user:secret@hook.example/in?token=secret"),
    )
    node = NodeSettings(data_dir=tmp_path)
    return Lookup(Settings(node=node, audit=AuditSettings(), destinations=destinations), ledger, spool)


def told(lookup: Lookup, action: str, study: str = "1.2", **detail: object) -> Received:
    """The message for an event, valid and as a collector reads it."""
    message = message_of(lookup, [Event(0.0, study, None, action, dict(detail))])
    assert message is not None
    return parsed(record(xml(message, AuditSource("RADNODE")), message.at))


def who(message: Received) -> list[tuple[str, str]]:
    """(user, role) of each participant."""
    roles = [(one, one.find("RoleIDCode")) for one in message.xml.findall("ActiveParticipant")]
    return [(one.get("UserID", ""), role.get("csd-code", "") if role is not None else "") for one, role in roles]


@pytest.mark.parametrize("action", ["report received", "report matched"])
def test_a_report_of_a_ris_is_an_import(lookup: Lookup, action: str) -> None:
    message = told(lookup, action, source="RIS HOSPITAL", peer="10.0.0.1", status="FINAL")
    assert message.event == "110107"
    assert who(message) == [("RIS HOSPITAL", "110155"), ("RADNODE", "110152")]


def test_a_report_of_no_study_is_told_of_once_its_study_is_here(lookup: Lookup) -> None:
    assert message_of(lookup, [Event(0.0, "", None, "report received", {"source": "RIS"})]) is None


@pytest.mark.parametrize(("action", "code"), [("node started", "110120"), ("node stopped", "110121")])
def test_start_and_stop_are_activities_of_the_application(lookup: Lookup, action: str, code: str) -> None:
    message = told(lookup, action, "", version="1")
    assert message.event == f"110100 {code}"
    assert who(message) == [("RADNODE", "110150")]
    assert message.xml.findall("ParticipantObjectIdentification") == []


def test_a_query_says_who_asked_whom_for_what_and_names_no_patient(lookup: Lookup, ledger: Ledger) -> None:
    wanted = Wanted(patient="P1", modality="CT", date="20261126-")
    ledger.fetches.query("pacs", "ann", wanted.study, wanted.told, wanted.withheld)
    (event,) = ledger.events.latest(1)
    message = told(lookup, event.action, event.study_instance_uid, **event.detail)
    assert (message.event, who(message)) == ("110112", [("RADNODE", "110153"), ("PACS", "110152"), ("ann", "")])
    asked = message.thing("110181")
    assert asked.get("ParticipantObjectID") == "1.2.840.10008.5.1.4.1.2.2.1"
    data = base64.b64decode(asked.findtext("ParticipantObjectQuery", ""))
    ds = pydicom.dcmread(BytesIO(data), force=True)
    assert {one.keyword: one.value for one in ds} == {
        "QueryRetrieveLevel": "STUDY",
        "StudyDate": "20261126-",
        "ModalitiesInStudy": "CT",
    }
    said = {one.get("type"): base64.b64decode(one.get("value", "")) for one in asked.iter("ParticipantObjectDetail")}
    assert said == {"TransferSyntax": b"1.2.840.10008.1.2.1", "WithheldKeys": b"PatientID"}
    assert "P1" not in repr(event)


@pytest.mark.parametrize(("reason", "outcome"), [("", "0"), ("status B000: some could not be sent", "4")])
def test_what_was_fetched_came_from_the_archive_for_who_wanted_it(
    lookup: Lookup, ledger: Ledger, reason: str, outcome: str
) -> None:
    ledger.fetches.ask("1.2", "pacs", 3, "ann")
    ledger.fetches.end("1.2", reason, archive="pacs", operator="ann")
    event = ledger.events.of_study("1.2")[-1]
    message = told(lookup, event.action, **event.detail)
    assert (message.event, who(message)) == ("110104", [("PACS", "110153"), ("RADNODE", "110152"), ("ann", "")])
    found = message.xml.find("EventIdentification")
    assert found is not None
    assert (found.get("EventActionCode"), found.get("EventOutcomeIndicator")) == ("C", outcome)
    assert (found.findtext("EventOutcomeDescription") or "") == reason
    assert message.thing("110180").get("ParticipantObjectID") == "1.2"


@pytest.mark.parametrize(("word", "action"), [(1, "C"), (2, "U")])
def test_a_performed_procedure_step_is_a_record_that_is_made_and_changed(
    lookup: Lookup, ledger: Ledger, word: int, action: str
) -> None:
    step = Step(StepStatus.IN_PROGRESS, ("1.2", "1.3"), None)
    ledger.signals.begin("1.9.1", "CT1", step)
    ledger.signals.change("1.9.1", "CT1", Step(StepStatus.COMPLETED, (), ()))
    event = [one for one in ledger.events.of_study("1.3") if one.action == "procedure step told"][word - 1]
    message = told(lookup, event.action, event.study_instance_uid, **event.detail)
    found = message.xml.find("EventIdentification")
    assert found is not None
    assert (message.event, found.get("EventActionCode"), found.get("EventOutcomeIndicator")) == ("110111", action, "0")
    assert who(message) == [("CT1", ""), ("RADNODE", "")]
    assert message.xml.find("ActiveParticipant").get("UserIsRequestor") == "true"  # type: ignore[union-attr]
    record_of = message.thing("110180")
    assert record_of.get("ParticipantObjectID") == "1.3"
    assert [one.get("UID") for one in record_of.iter("MPPS")] == ["1.9.1"]
    assert message.thing("2").findtext("ParticipantObjectName") == "withheld"


@pytest.mark.parametrize(("study", "word", "action"), [("", 1, "C"), ("1.2", 2, "U")])
def test_a_refused_procedure_step_is_a_record_that_failed(lookup: Lookup, study: str, word: int, action: str) -> None:
    about = {"step": "1.9.1", "calling_ae": "CT1", "peer": "10.0.0.9", "word": word, "why": "missing: Modality"}
    message = told(lookup, "procedure step refused", study, **about)
    found = message.xml.find("EventIdentification")
    assert found is not None
    assert (message.event, found.get("EventActionCode"), found.get("EventOutcomeIndicator")) == ("110111", action, "4")
    assert found.findtext("EventOutcomeDescription") == "missing: Modality (1.9.1)"
    assert who(message) == [("CT1", ""), ("RADNODE", "")]
    assert message.xml.find("ActiveParticipant").get("NetworkAccessPointID") == "10.0.0.9"  # type: ignore[union-attr]
    named = message.xml.findall("ParticipantObjectIdentification")
    assert [one.get("ParticipantObjectID") for one in named][:1] == ([study] if study else [])


@pytest.mark.parametrize(
    ("action", "outcome"),
    [("workitem claimed", "0"), ("workitem completed", "0"), ("workitem canceled", "0"), ("workitem lost", "4")],
)
def test_what_becomes_of_a_workitem_changes_a_record(lookup: Lookup, action: str, outcome: str) -> None:
    worklist = Worklist(name="ris", url="https://user:secret@ris.example/dicom-web", codes={"AI^99SITE": "chest"})
    lookup.use(Settings().model_copy(update={"worklists": (worklist,)}))
    message = told(lookup, action, workitem="1.9", worklist="ris", plugin="chest", reason="so it is")
    found = message.xml.find("EventIdentification")
    assert found is not None
    assert (message.event, found.get("EventActionCode"), found.get("EventOutcomeIndicator")) == ("110111", "U", outcome)
    server, node = message.xml.findall("ActiveParticipant")
    assert (server.get("UserIsRequestor"), node.get("UserIsRequestor")) == ("false", "true")
    assert (server.get("UserID"), server.get("NetworkAccessPointID")) == ("ris", "https://ris.example/dicom-web")
    assert message.thing("110180").get("ParticipantObjectID") == "1.2"


def test_a_fetch_begins_a_transfer(lookup: Lookup) -> None:
    message = told(lookup, "fetch asked", archive="archive", instances=4, operator="worklist ris")
    assert message.event == "110102"
    assert who(message) == [("ARC", "110153"), ("RADNODE", "110152"), ("worklist ris", "")]
    assert message.xml.findall("ActiveParticipant")[0].get("NetworkAccessPointID") == "arc.example"


def test_that_a_workitem_is_to_be_canceled_changes_a_record(lookup: Lookup) -> None:
    why = "canceled at the request of RIS"
    message = told(lookup, "workitem to be canceled", workitem="1.9", worklist="ris", reason=why)
    found = message.xml.find("EventIdentification")
    assert found is not None
    assert (message.event, found.get("EventActionCode")) == ("110111", "U")
    assert found.findtext("EventOutcomeDescription") == why
    assert who(message) == [("ris", ""), ("RADNODE", "")]
    assert message.thing("110180").get("ParticipantObjectID") == "1.2"
    of_none = Event(0.0, "", None, "workitem to be canceled", {"workitem": "1.9", "worklist": "ris"})
    assert message_of(lookup, [of_none]) is None


@pytest.mark.parametrize(
    ("action", "kind", "outcome"),
    [
        ("signed in to the dashboard", "110122", "0"),
        ("sign-in to the dashboard refused", "110122", "4"),
        ("signed out of the dashboard", "110123", "0"),
    ],
)
def test_who_signs_in_and_out_is_told_with_their_address(lookup: Lookup, action: str, kind: str, outcome: str) -> None:
    message = told(lookup, action, "", **{"token": "ann", "peer": "10.0.0.7"})
    found = message.xml.find("EventIdentification")
    assert found is not None
    assert (message.event, found.get("EventActionCode")) == (f"110114 {kind}", "E")
    assert found.get("EventOutcomeIndicator") == outcome
    assert who(message) == [("ann", ""), ("RADNODE", "110150")]
    person = message.xml.findall("ActiveParticipant")[0]
    assert (person.get("NetworkAccessPointID"), person.get("NetworkAccessPointTypeCode")) == ("10.0.0.7", "2")
    assert message.xml.findall("ParticipantObjectIdentification") == []
    assert who(told(lookup, action, "", peer="10.0.0.7"))[0] == ("unknown", "")


def test_what_is_set_aside_came_all_the_same(lookup: Lookup) -> None:
    message = told(lookup, "set aside", sop_instance_uid="1.2.3", calling_ae="CT1", reason="two patients")
    event = message.xml.find("EventIdentification")
    assert event is not None
    assert (message.event, event.get("EventOutcomeIndicator")) == ("110104", "4")
    assert event.findtext("EventOutcomeDescription") == "two patients"


def test_a_delivered_result_goes_from_us_to_its_destination(ledger: Ledger, lookup: Lookup) -> None:
    analysis = classified(ledger)
    made = results("1.2", "sr")
    ledger.analyses.reported(analysis.id, made, {"pacs": ("sr",)})
    (row,) = ledger.deliveries.due("pacs", 60)
    ledger.deliveries.done(row)
    event = next(one for one in ledger.events.of_study("1.2") if one.action == "delivered")
    message = told(lookup, event.action, **event.detail)
    assert who(message) == [("RADNODE", "110153"), ("PACS", "110152")]
    destination = message.xml.findall("ActiveParticipant")[1]
    assert (destination.get("NetworkAccessPointID"), destination.get("NetworkAccessPointTypeCode")) == ("10.0.0.9", "2")
    (group,) = message.xml.iter("SOPClass")
    assert (group.get("UID"), message.instances) == (SR, [made[0].sop_instance_uid])


@pytest.mark.parametrize(
    ("name", "address", "kind"),
    [("archive", "arc.example", "1"), ("disk", "/results", "5"), ("hook", "https://hook.example/in", "5")],
)
def test_an_address_says_what_it_is_and_no_secret(lookup: Lookup, name: str, address: str, kind: str) -> None:
    message = told(lookup, "delivered", sop_instance_uid="1.2.3", destination=name, kind="sr")
    destination = message.xml.findall("ActiveParticipant")[1]
    assert destination.get("NetworkAccessPointID") == address
    assert destination.get("NetworkAccessPointTypeCode") == kind
    assert "secret" not in message.text


def test_a_destination_that_is_no_longer_configured_has_its_name(lookup: Lookup) -> None:
    message = told(lookup, "delivered", sop_instance_uid="1.2.3", destination="old", kind="sr")
    assert who(message)[1] == ("old", "110152")


def test_a_message_without_dicom_is_an_export(lookup: Lookup) -> None:
    message = told(lookup, "delivered", sop_instance_uid="2.25.1", destination="hook", kind="event")
    assert (message.event, who(message)[1]) == ("110106", ("hook", "110154"))


def test_a_refused_association_is_an_alert_that_names_who_asked(lookup: Lookup) -> None:
    detail = {"peer": "10.0.0.7", "calling_ae": "EVIL", "why": "certificate expired", "subject": "CN=old"}
    message = told(lookup, "association refused", "", **detail)
    assert (message.event, who(message)) == ("110113 110126", [("RADNODE", ""), ("EVIL", "")])
    said = {
        one.get("type"): base64.b64decode(one.get("value", "")) for one in message.xml.iter("ParticipantObjectDetail")
    }
    assert said == {"Alert Description": b"certificate expired", "subject": b"CN=old"}


@pytest.mark.parametrize(
    ("action", "detail"),
    [
        ("operation refused", {"peer": "10.0.0.7", "calling_ae": "CT1", "why": "may not store"}),
        ("request refused", {"token": "pacs", "role": "read", "wanted": "operate"}),
        ("trail is broken", {"event": 17, "reason": "a line does not fit"}),
    ],
)
def test_what_nobody_may_do_is_an_alert(lookup: Lookup, action: str, detail: dict[str, object]) -> None:
    assert told(lookup, action, "", **detail).event == "110113 110132"


def test_a_procedure_step_of_somebody_who_may_not_tell_is_an_alert_that_names_it(lookup: Lookup) -> None:
    detail = {"peer": "10.0.0.7", "calling_ae": "PING", "why": "may not store", "step": "1.9.1"}
    message = told(lookup, "operation refused", "", **detail)
    assert message.event == "110113 110132"
    said = {one.get("type"): one.get("value", "") for one in message.xml.iter("ParticipantObjectDetail")}
    assert base64.b64decode(said["step"]) == b"1.9.1"


@pytest.mark.parametrize(
    ("command", "event", "action"),
    [
        ("audit list", "110101", "R"),
        ("patient shown", "110103", "R"),
        ("studies complete", "110103", "U"),
        ("queue retry", "110103", "U"),
        ("export-result --format fhir", "110106", "R"),
        ("deidentify --dates remove", "110106", "R"),
        ("plugins pause", "110113 110131", "E"),
    ],
)
def test_commands_are_told_with_the_account_that_gave_them(
    lookup: Lookup, command: str, event: str, action: str
) -> None:
    message = told(lookup, "operator's command", command=command, operator="ann")
    found = message.xml.find("EventIdentification")
    assert found is not None
    assert (message.event, found.get("EventActionCode"), found.get("EventOutcomeIndicator")) == (event, action, "0")
    assert "ann" in [user for user, _ in who(message)]


@pytest.mark.parametrize(("identified", "anonymized"), [(True, "false"), (False, "true")])
def test_an_export_says_whether_a_patient_is_in_it(lookup: Lookup, identified: bool, anonymized: str) -> None:
    message = told(
        lookup, "operator's command", command="export-result --format hl7", operator="ann", identified=identified
    )
    assert message.thing("110180").findtext("ParticipantObjectDescription/Anonymized") == anonymized


def test_an_unknown_command_is_nobodys_concern(lookup: Lookup) -> None:
    assert message_of(lookup, [Event(0.0, "", None, "operator's command", {"command": "sing"})]) is None


def test_withdrawing_and_purging_are_deletions(lookup: Lookup) -> None:
    withdrawn = told(lookup, "results withdrawn", operator="ann", reason="incorrect")
    assert (withdrawn.event, who(withdrawn)[0]) == ("110103", ("ann", ""))
    assert told(lookup, "files purged").event == "110105"


def test_a_reader_is_the_one_who_acts(lookup: Lookup) -> None:
    assert who(told(lookup, "finding rejected by a reader", reader="Dr. A"))[0] == ("Dr. A", "")


def test_only_like_things_share_a_message() -> None:
    def event(**detail: object) -> Event:
        return Event(0.0, "1.2", None, "delivered", {"destination": "pacs", "kind": "sr", **detail})

    assert key_of(event()) == key_of(event(kind="sc"))
    assert key_of(event()) != key_of(event(destination="other"))
    assert key_of(event()) != key_of(event(kind="oru"))
    assert key_of(Event(0.0, "1.2", None, "files purged", {})) == ()


def test_every_event_of_the_node_is_told_or_named_as_our_own() -> None:
    pattern = re.compile(
        r"(?:add_event\(\s*connection,|events\.add\(|_event\(connection,|\.note\()\s*(?:\w+, )?f?\"([^\"]+)\""
    )
    found = {one for path in NODE.rglob("*.py") for one in pattern.findall(path.read_text(encoding="utf-8"))}
    assert {"received", "routed", "association refused", "node started"} <= found
    assert [one for one in found if not _is_told(one) and not one.startswith(OUR_OWN)] == []


def _is_told(action: str) -> bool:
    """Parts of a name in braces are filled in later."""
    pattern = re.sub(r"\\{[^}]*\\}", ".+", re.escape(action))
    return any(re.fullmatch(pattern, known) for known in TABLE)
