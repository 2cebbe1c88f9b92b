"""Sends what happened to the collector, in order, and remembers how far it has come."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import structlog

from node.audit import codes
from node.audit.collector import Collector
from node.audit.lookup import Lookup
from node.audit.message import AuditSource, Message, xml
from node.audit.syslog import NOTICE, WARNING, record
from node.audit.teller import key_of, message_of
from node.config import Settings
from node.errors import DeliveryError
from node.ledger import Event, Ledger, NumberedEvent
from node.spool import Spool

log = structlog.get_logger()

#: Events looked at in one step. No message gets more objects than that, and so none is longer than a datagram.
_BATCH = 400
#: So old an event must be before it is sent: what comes with it in one go shall be one message with it.
_SETTLED_SECONDS = 1.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 2.0, 60.0
_TROUBLE = "audit collector"


class Forwarder:
    """One for a node, in a thread of its own.

    Args:
        settings: `audit`, and who we are.
        ledger: holds the trail.
        spool: where a patient is looked up, if `audit.phi` allows.
        collector: instead of that of the settings.
    """

    def __init__(self, settings: Settings, ledger: Ledger, spool: Spool, collector: Collector | None = None) -> None:
        self._enabled, self._trail, self._facts = settings.audit.enabled, ledger.audited, ledger.facts
        self._collector = collector or Collector(settings.audit)
        self._lookup = Lookup(settings, ledger, spool)
        self._source = AuditSource(settings.audit.source_id or settings.node.ae_title, settings.audit.site_id)
        self._failures, self._pause_until, self._seen = 0, 0.0, 0

    def use(self, settings: Settings) -> None:
        """Destinations are where these say from now on; the collector stays the same."""
        self._lookup.use(settings)

    def begin(self) -> None:
        """The first time ever, what happened before is left out: nobody asked for it then."""
        if self._enabled and self._trail.sent() is None:
            self._trail.set_sent(self._trail.newest())

    def step(self) -> int:
        """Send what is due; how many events that were. 0: there is nothing, or the collector is away.

        Raises :class:`~node.errors.LedgerBusy`; what was sent by then is sent again.
        """
        return 0 if time.monotonic() < self._pause_until else self._send(time.time() - _SETTLED_SECONDS)

    def finish(self) -> None:
        """At the end of the node: what is left, however young; what cannot be sent now waits for the next start."""
        while self._enabled and not self._failures and self._send(time.time() + 1):
            pass

    def _send(self, before: float) -> int:
        sent = self._trail.sent() or 0
        found = self._trail.after(max(sent, self._seen), _BATCH)
        due = _until(found, before)
        if not due:
            return 0
        messages = [message for group in _grouped(due) if (message := message_of(self._lookup, group)) is not None]
        if messages:
            if not self._delivered(messages):
                return 0
            self._trail.set_sent(due[-1].number)
        self._seen = due[-1].number  # steps of our own work alone: not worth a commit
        return len(due)

    def _delivered(self, messages: Sequence[Message]) -> bool:
        try:
            self._collector.send([self._record(one) for one in messages])
        except DeliveryError as error:
            self._failures += 1
            pause = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures - 1, 8), _LONGEST_PAUSE_SECONDS)
            self._pause_until = time.monotonic() + pause
            if self._failures == 1:
                log.warning("audit collector does not answer", error=str(error))
            self._facts.set_trouble(_TROUBLE, str(error))
            return False
        if self._failures:
            log.info("audit collector answers again")
        self._failures = 0
        self._facts.set_trouble(_TROUBLE, "")
        return True

    def _record(self, message: Message) -> bytes:
        severity = WARNING if message.event is codes.SECURITY_ALERT else NOTICE
        return record(xml(message, self._source), message.at, severity)


def _until(found: Sequence[NumberedEvent], before: float) -> list[NumberedEvent]:
    """The events up to the first that is too young. A clock that was set back must not hold them for ever."""
    due = []
    for one in found:
        if before < one.event.at < before + 3600:
            break
        due.append(one)
    return due


def _grouped(due: Sequence[NumberedEvent]) -> Iterator[list[Event]]:
    """Events that share a message together, in the order of their first ones."""
    groups: dict[tuple[str, ...], list[Event]] = {}
    for one in due:
        key = key_of(one.event) or (str(one.number),)
        groups.setdefault(key, []).append(one.event)
    yield from groups.values()
