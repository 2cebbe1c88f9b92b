"""Procedure Record (PS3.15 A.5.3.15): what a modality, or a worklist, says of a procedure step has changed."""

from __future__ import annotations

from node.audit import codes
from node.audit.event import Group, reason_of
from node.audit.lookup import Lookup
from node.audit.message import Action, Message, Outcome, Participant


def procedure(outcome: Outcome, lookup: Lookup, group: Group) -> Message:
    """A.5.3.15: a modality tells of a performed procedure step, of which the first word makes the record; if that is
    refused, its study may not be known."""
    first = group[0]
    calling, step = str(first.detail.get("calling_ae", "")), str(first.detail.get("step", ""))
    is_new, failed = first.detail.get("word", 1) == 1, outcome is not Outcome.SUCCESS
    address = str(first.detail.get("peer", ""))
    return Message(
        codes.PROCEDURE_RECORD,
        first.at,
        Action.CREATE if is_new else Action.UPDATE,
        (Participant(calling, ae_title=calling, is_requestor=True, address=address), lookup.node(None)),
        lookup.things(first.study_instance_uid, {}, step=step),
        outcome=outcome,
        description=f"{reason_of(first)} ({step or 'no SOP Instance UID'})" if failed else "",
    )


def workitem(outcome: Outcome, lookup: Lookup, group: Group, *, by_server: bool = False) -> Message | None:
    """A.5.3.15: a workitem of a worklist server changes, by our doing or by its."""
    first = group[0]
    if not first.study_instance_uid:
        return None
    server = lookup.worklist(str(first.detail.get("worklist", "")), is_requestor=by_server)
    return Message(
        codes.PROCEDURE_RECORD,
        first.at,
        Action.UPDATE,
        (server, lookup.node(None, is_requestor=not by_server)),
        lookup.things(first.study_instance_uid, {}),
        outcome=outcome,
        description=reason_of(first),
    )
