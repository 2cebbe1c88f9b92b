"""What an event of the trail is as an audit message (PS3.15 A.5.3), as a table.

Events that are not in the table are steps of the node's own work, and no concern of a collector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from node.audit import codes
from node.audit.codes import Code
from node.audit.event import Group, operator_of, reason_of, uid_of, words_of
from node.audit.lookup import Lookup
from node.audit.message import Action, Message, Outcome, Participant, Thing
from node.audit.procedure import procedure, workitem
from node.audit.query import query
from node.kinds import MESSAGES
from node.ledger import Event

Tell = Callable[[Lookup, Group], Message | None]


def key_of(event: Event) -> tuple[str, ...]:
    """Events with the same key may share a message; of most kinds each stands alone, which an empty key says."""
    if event.action not in ("received", "set aside", "delivered", "delivery refused"):
        return ()
    peer = event.detail.get("calling_ae") or event.detail.get("destination")
    is_message = event.detail.get("kind") in MESSAGES
    return event.action, event.study_instance_uid, str(peer), str(is_message), str(event.detail.get("reason", ""))


def message_of(lookup: Lookup, group: Group) -> Message | None:
    """The message for these events; None: there is none."""
    tell = TABLE.get(group[0].action)
    return tell(lookup, group) if tell is not None else None


def _application(kind: Code, lookup: Lookup, group: Group) -> Message:
    """A.5.3.1."""
    who = (lookup.node(codes.APPLICATION),)
    return Message(codes.APPLICATION_ACTIVITY, group[0].at, Action.EXECUTE, who, type=kind)


def _received(lookup: Lookup, group: Group) -> Message:
    """A.5.3.7, with us as the destination."""
    first, classes = group[0], _classes(lookup, group)
    calling = str(first.detail.get("calling_ae", ""))
    there = Participant(calling, codes.SOURCE, calling, True, lookup.peer(uid_of(first)))
    failed = first.action == "set aside"
    return Message(
        codes.INSTANCES_TRANSFERRED,
        first.at,
        Action.CREATE,
        (there, lookup.node(codes.DESTINATION)),
        lookup.things(first.study_instance_uid, classes),
        outcome=Outcome.MINOR_FAILURE if failed else Outcome.SUCCESS,
        description=reason_of(first) if failed else "",
    )


def _report_imported(lookup: Lookup, group: Group) -> Message | None:
    """A.5.3.6 (IHE RAD: RAD-28, Structured Report Export, at its receiver): of a study that is here alone."""
    first = group[0]
    if not first.study_instance_uid:
        return None
    source, address = str(first.detail.get("source", "")), str(first.detail.get("peer", ""))
    there = Participant(source, codes.SOURCE_MEDIA, address=address, media=codes.MEDIA_URI)
    who = (there, lookup.node(codes.DESTINATION, is_requestor=True))
    return Message(codes.IMPORT, first.at, Action.CREATE, who, lookup.things(first.study_instance_uid, {}))


def _delivered(lookup: Lookup, group: Group) -> Message:
    """A.5.3.7, with us as the source; a result that leaves as a message to those without DICOM is an Export."""
    first, classes = group[0], _classes(lookup, group)
    is_message = first.detail.get("kind") in MESSAGES
    failed = first.action == "delivery refused"
    role = codes.DESTINATION_MEDIA if is_message else codes.DESTINATION
    there = lookup.destination(str(first.detail.get("destination", "")), role)
    return Message(
        codes.EXPORT if is_message else codes.INSTANCES_TRANSFERRED,
        first.at,
        Action.READ,
        (lookup.node(codes.SOURCE, is_requestor=True), there),
        lookup.things(first.study_instance_uid, {} if is_message else classes),
        outcome=Outcome.SERIOUS_FAILURE if failed else Outcome.SUCCESS,
        description=reason_of(first) if failed else "",
    )


def _alert(kind: Code, lookup: Lookup, group: Group) -> Message:
    """A.5.3.11; also of a performed procedure step by somebody who may not tell of one: there is no record of it."""
    detail = group[0].detail
    who = str(detail.get("calling_ae") or detail.get("token") or detail.get("operator") or "unknown")
    address = str(detail.get("peer", ""))
    ae_title = str(detail.get("calling_ae", ""))
    told = ("step", "subject", "fingerprint", "not_written_before")
    known = {name: str(detail[name]) for name in told if detail.get(name)}
    what = words_of(group[0]) if "command" in detail else reason_of(group[0]) or group[0].action
    alert = {"Alert Description": what, **known}
    return Message(
        codes.SECURITY_ALERT,
        group[0].at,
        Action.EXECUTE,
        (lookup.node(None), Participant(who, None, ae_title, address=address)),
        (Thing(address or who, codes.NODE_ID, details=alert),),
        type=kind,
        outcome=Outcome.SUCCESS if "command" in detail else Outcome.MINOR_FAILURE,
        description=alert["Alert Description"],
    )


def _command(lookup: Lookup, group: Group) -> Message | None:
    """Somebody gave a command: the first word of it decides."""
    command = str(group[0].detail.get("command", ""))
    tell = next((made for word, made in _COMMANDS.items() if command.startswith(word)), None)
    return tell(lookup, group) if tell is not None else None


def _log_used(lookup: Lookup, group: Group) -> Message:
    """A.5.3.2."""
    log = Thing("radnode audit", codes.URI, role="13", name="Security Audit Log")
    return Message(codes.AUDIT_LOG_USED, group[0].at, Action.READ, (operator_of(group[0]),), (log,))


def _export(lookup: Lookup, group: Group) -> Message:
    """A.5.3.4: a file on this machine, which goes we know not where."""
    first = group[0]
    anonymized = not first.detail.get("identified", False)
    media = Participant("file", codes.DESTINATION_MEDIA, media=codes.MEDIA_URI)
    things = lookup.things(first.study_instance_uid, {}, anonymized=anonymized)
    who = (operator_of(first), lookup.node(codes.SOURCE), media)
    return Message(codes.EXPORT, first.at, Action.READ, who, things, description=words_of(first))


def _accessed(action: Action, lookup: Lookup, group: Group) -> Message:
    """A.5.3.6."""
    first = group[0]
    things = lookup.things(first.study_instance_uid, {})
    who = (operator_of(first), lookup.node(codes.APPLICATION))
    return Message(codes.INSTANCES_ACCESSED, first.at, action, who, things, description=words_of(first))


def _deleted(lookup: Lookup, group: Group) -> Message:
    """A.5.3.8: what the spool held of it; the archive is not ours."""
    things = lookup.things(group[0].study_instance_uid, {})
    who = (lookup.node(codes.APPLICATION, is_requestor=True),)
    return Message(codes.STUDY_DELETED, group[0].at, Action.DELETE, who, things)


def _queried(lookup: Lookup, group: Group) -> Message:
    """A.5.3.10: which studies an archive has."""
    first = group[0]
    archive = lookup.destination(str(first.detail.get("archive", "")), codes.DESTINATION)
    return Message(
        codes.QUERY,
        first.at,
        Action.EXECUTE,
        (lookup.node(codes.SOURCE), archive, operator_of(first)),
        (query(first.detail.get("keys", {}), first.detail.get("withheld", ())),),
    )


def _fetch_asked(lookup: Lookup, group: Group) -> Message:
    """A.5.3.3, of the whole study."""
    first = group[0]
    archive = lookup.destination(str(first.detail.get("archive", "")), codes.SOURCE)
    return Message(
        codes.BEGIN_TRANSFERRING,
        first.at,
        Action.EXECUTE,
        (archive, lookup.node(codes.DESTINATION), operator_of(first)),
        lookup.things(first.study_instance_uid, {}),
    )


def _fetched(lookup: Lookup, group: Group) -> Message:
    """A.5.3.7, of the whole study; the instances were told of as they came."""
    first = group[0]
    archive = lookup.destination(str(first.detail.get("archive", "")), codes.SOURCE)
    return Message(
        codes.INSTANCES_TRANSFERRED,
        first.at,
        Action.CREATE,
        (archive, lookup.node(codes.DESTINATION), operator_of(first)),
        lookup.things(first.study_instance_uid, {}),
        outcome=Outcome.MINOR_FAILURE if reason_of(first) else Outcome.SUCCESS,
        description=reason_of(first),
    )


def _authenticated(kind: Code, outcome: Outcome, lookup: Lookup, group: Group) -> Message:
    """A.5.3.12: a person at a browser; who shows a token that is none remains unknown."""
    first = group[0]
    person = Participant(
        str(first.detail.get("token") or "unknown"), is_requestor=True, address=str(first.detail.get("peer", ""))
    )
    who = (person, lookup.node(codes.APPLICATION))
    return Message(
        codes.USER_AUTHENTICATION,
        first.at,
        Action.EXECUTE,
        who,
        type=kind,
        outcome=outcome,
        description=reason_of(first),
    )


def _classes(lookup: Lookup, group: Group) -> Mapping[str, tuple[str, ...]]:
    classes: dict[str, tuple[str, ...]] = {}
    for uid in dict.fromkeys(uid_of(event) for event in group):
        known = lookup.sop_class(uid)
        classes[known] = (*classes.get(known, ()), uid)
    return classes


def _all(actions: Iterable[str], tell: Tell) -> dict[str, Tell]:
    return dict.fromkeys(actions, tell)


#: Beginning of a command -> what makes its message.
_COMMANDS: Mapping[str, Tell] = {
    "audit": _log_used,
    "deidentify": _export,
    "export-result": _export,
    "patient shown": partial(_accessed, Action.READ),
    "studies": partial(_accessed, Action.UPDATE),
    "queue": partial(_accessed, Action.UPDATE),
    "plugins": partial(_alert, codes.SOFTWARE_CONFIGURATION),
}

#: Action of an event -> what makes its message.
TABLE: Mapping[str, Tell] = {
    "node started": partial(_application, codes.APPLICATION_START),
    "node stopped": partial(_application, codes.APPLICATION_STOP),
    **_all(("received", "received again", "set aside"), _received),
    **_all(("delivered", "delivery refused"), _delivered),
    **_all(("report received", "report matched"), _report_imported),
    "association refused": partial(_alert, codes.NODE_AUTHENTICATION),
    **_all(("operation refused", "request refused", "trail is broken"), partial(_alert, codes.RESTRICTED_FUNCTION)),
    "results withdrawn": partial(_accessed, Action.DELETE),
    **_all(
        ("finding accepted by a reader", "finding rejected by a reader", "finding corrected by a reader"),
        partial(_accessed, Action.UPDATE),
    ),
    "files purged": _deleted,
    "archive queried": _queried,
    "fetch asked": _fetch_asked,
    "fetched": _fetched,
    "procedure step told": partial(procedure, Outcome.SUCCESS),
    "procedure step refused": partial(procedure, Outcome.MINOR_FAILURE),
    **_all(("workitem claimed", "workitem completed", "workitem canceled"), partial(workitem, Outcome.SUCCESS)),
    "workitem lost": partial(workitem, Outcome.MINOR_FAILURE),
    "workitem to be canceled": partial(workitem, Outcome.SUCCESS, by_server=True),
    "signed in to the dashboard": partial(_authenticated, codes.LOGIN, Outcome.SUCCESS),
    "sign-in to the dashboard refused": partial(_authenticated, codes.LOGIN, Outcome.MINOR_FAILURE),
    "signed out of the dashboard": partial(_authenticated, codes.LOGOUT, Outcome.SUCCESS),
    "operator's command": _command,
}
