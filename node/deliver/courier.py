"""Works through what is due for one destination. Each destination has its own courier, in its own thread."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from node.config import Destination, Settings
from node.deliver.backoff import backoff_seconds
from node.deliver.circuit import Circuit, CircuitState
from node.deliver.outcome import Outcome, Outgoing, Sender, Verdict
from node.deliver.senders import sender_for
from node.deliver.suspects import Suspects
from node.errors import DeliveryError, DeliveryRefused, RadnodeError, where
from node.kinds import INSTEAD
from node.ledger import DeliveryRow, Ledger
from node.spool import Spool

#: A destination that came back is tried again after so many seconds at the latest.
_LONGEST_PAUSE_SECONDS = 60.0
_BATCH = 50
#: So often a destination may fail to understand an object before a simpler one goes instead: minutes, by default.
_PATIENCE = 8


@dataclass(frozen=True)
class Health:
    """How a destination does.

    Attributes:
        destination: its name.
        state: see :class:`CircuitState`.
        failures: in a row, of the destination as a whole.
        pause_seconds: until it is tried again.
        reason: of the last failure.
    """

    destination: str
    state: CircuitState
    failures: int
    pause_seconds: float
    reason: str


class Courier:
    """Delivers to one destination.

    What the destination says of one object settles that object alone; what it refuses for good, or until the attempts
    are spent, is replaced by an object of a simpler kind. When the destination as a whole does not answer, no object
    spends an attempt: the courier pauses, longer each time, and everything waits as it is; but a destination that
    answers to other studies again and again, and not to this one, is not gone. A crash between the peer's success and
    our commit sends the object once more under the same SOP Instance UID.

    Args:
        destination: where to.
        ledger: knows what is due, and is told what became of it.
        spool: holds the objects.
        settings: `retry` and the node's AE title.
        sender: instead of the one that fits the destination's kind.
    """

    def __init__(
        self, destination: Destination, ledger: Ledger, spool: Spool, settings: Settings, sender: Sender | None = None
    ) -> None:
        self.name, self._asks = destination.name, destination.storage_commitment
        self._deliveries, self._ledger, self._spool = ledger.deliveries, ledger, spool
        self._retry = settings.retry
        self._sender = sender or sender_for(destination, settings.node.ae_title, destination.keep_seconds)
        longest = min(settings.retry.longest_seconds, _LONGEST_PAUSE_SECONDS)
        self._circuit = Circuit(settings.retry.first_seconds, longest)
        self._suspects = Suspects()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Begin no further study; callable from another thread. A step under way ends after the study it is at."""
        self._stopping.set()

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping.is_set()

    def rest(self) -> None:
        """Close what is kept open to the destination; for the thread that steps, after its last step."""
        self._sender.rest(at_once=True)

    def health(self) -> Health:
        """How the destination does now."""
        circuit, now = self._circuit, time.monotonic()
        pause = max(0.0, circuit.until - now)
        return Health(self.name, circuit.state(now), circuit.failures, pause, circuit.reason)

    def step(self) -> int:
        """Send what is due; the number of objects that got an answer. 0: nothing is due, or a pause.

        Raises :class:`~node.errors.LedgerBusy`; what was sent by then is sent again.
        """
        if self._circuit.state(time.monotonic()) is CircuitState.OPEN:
            return 0
        settled = 0
        due = self._deliveries.due(self.name, self._retry.longest_seconds, _BATCH)
        if not due:
            self._sender.rest()
        for rows in self._suspects.last(_by_study(due)):
            if self._stopping.is_set():
                break
            waiting = {row.sop_instance_uid: row for row in rows}
            answers = self._send(waiting)
            settled += len(rows) - len(waiting)
            if not answers or self._is_overtaken(rows, due):
                break
        return settled

    def _is_overtaken(self, sent: list[DeliveryRow], due: list[DeliveryRow]) -> bool:
        """Whether STAT results came in while others were sent: the next step begins with them."""
        if sent[0].is_stat:
            return False
        stat = self._deliveries.stat_due(self.name, self._retry.longest_seconds, _BATCH)
        return bool({row.id for row in stat} - {row.id for row in due})

    def _send(self, waiting: dict[str, DeliveryRow]) -> bool:
        """Send the objects of one study and take from `waiting` what is settled. False: the destination is gone."""
        study, asked = next(iter(waiting.values())).study_instance_uid, False
        try:
            for outcome in self._sender.send(self._present(waiting)):
                self._settle(waiting.pop(outcome.outgoing.sop_instance_uid), outcome)
                asked = asked or outcome.verdict is not Verdict.UNSENDABLE
        except DeliveryRefused as error:
            asked = True
            for uid in list(waiting):
                self._deliveries.refuse(waiting.pop(uid), str(error))
        except DeliveryError as error:
            if self._suspects.silent(study):
                for uid in list(waiting):
                    self._later(waiting.pop(uid), str(error), self._retry.delivery_attempts)
                return True
            if self._circuit.failed(time.monotonic(), str(error)):
                self._tell("destination does not answer", str(error))
            return False
        except RadnodeError:
            raise
        except Exception as error:  # a bug of ours or of a library: it must not hold up what comes after these objects
            for uid in list(waiting):
                self._later(waiting.pop(uid), f"unexpected {where(error)}", self._retry.delivery_attempts)
            raise
        if not asked:  # nothing of it could be sent, which says nothing of the destination
            return True
        self._suspects.answered(study)
        if self._circuit.answered():
            self._tell("destination answers again", "")
        return True

    def _tell(self, action: str, reason: str) -> None:
        """News of the destination as a whole: into the trail, and to those who watch the node."""
        self._ledger.events.add(action, destination=self.name, reason=reason)
        self._ledger.facts.set_trouble(f"destination {self.name}", reason)

    def _present(self, waiting: dict[str, DeliveryRow]) -> list[Outgoing]:
        """What can be sent; an object whose file is gone, or is not the one that was made, is refused here."""
        objects = []
        for uid, row in list(waiting.items()):
            if not (trouble := self._trouble(row)):
                objects.append(Outgoing(uid, row.sop_class_uid, row.study_instance_uid, self._spool.path(row.path)))
            else:
                reason = f"{trouble}: {row.path} - retry the analysis, which makes it again"
                self._deliveries.refuse(waiting.pop(uid), reason)
        return objects

    def _trouble(self, row: DeliveryRow) -> str:
        """What is wrong with the file of an object; empty: nothing."""
        if row.sha256:
            found = self._spool.sha256(row.path)
            if found and found != row.sha256:  # by a plugin that ran later, or a disk that is ending
                return "its file was changed after it was made"
        return "" if self._spool.path(row.path).is_file() else "its file is not in the spool"

    def _settle(self, row: DeliveryRow, outcome: Outcome) -> None:
        if outcome.delivered:
            self._deliveries.done(row, outcome.reason, ask=self._asks)
        elif outcome.verdict is Verdict.PERMANENT:
            self._deliveries.replace(row, outcome.reason)
        elif outcome.verdict is Verdict.UNSENDABLE:
            self._deliveries.refuse(row, outcome.reason)
        else:
            self._later(row, outcome.reason, self._limit(row.kind, outcome.verdict))

    def _limit(self, kind: str, verdict: Verdict) -> int:
        """Attempts at an object; fewer where the object itself may be the trouble, and a simpler one can be had."""
        limit = self._retry.delivery_attempts
        return min(limit, _PATIENCE) if verdict is Verdict.NOT_UNDERSTOOD and kind in INSTEAD else limit

    def _later(self, row: DeliveryRow, reason: str, limit: int) -> None:
        attempts = row.attempts + 1
        if attempts >= limit:
            self._deliveries.replace(row, f"{reason}; given up after {attempts} attempts")
        else:
            seconds = backoff_seconds(attempts, self._retry, random.random())  # noqa: S311  jitter, no secret
            self._deliveries.postpone(row, reason, seconds)


def _by_study(rows: Iterable[DeliveryRow]) -> list[list[DeliveryRow]]:
    """Rows of one study together, in the order of their first ones."""
    studies: dict[str, list[DeliveryRow]] = {}
    for row in rows:
        studies.setdefault(row.study_instance_uid, []).append(row)
    return list(studies.values())
