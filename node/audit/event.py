"""What an event of the trail says of itself."""

from __future__ import annotations

from collections.abc import Sequence

from node.audit.message import Participant
from node.ledger import Event

#: Events with one `key_of`: what happened to several objects of one study is one message.
Group = Sequence[Event]


def operator_of(event: Event) -> Participant:
    """Who gave the command, or the answer."""
    name = str(event.detail.get("operator") or event.detail.get("reader") or "unknown")
    return Participant(name, is_requestor=True)


def uid_of(event: Event) -> str:
    """SOP Instance UID of the object that it is about."""
    return str(event.detail.get("sop_instance_uid", ""))


def reason_of(event: Event) -> str:
    """Why, or empty."""
    return str(event.detail.get("why") or event.detail.get("reason") or "")


def words_of(event: Event) -> str:
    """A command with its figures."""
    said = (f"{name}={value}" for name, value in event.detail.items() if name not in ("operator", "reader", "command"))
    return ", ".join([str(event.detail.get("command", event.action)), *said])
