"""Writes down who was refused: in the log and in the ledger's events, once for each address, reason and minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from node.receive.admission import Visitor
from node.receive.commit import Committer

log = structlog.get_logger()

#: Of one address no more than one line with one reason in so long, seconds: a flood of refusals must not fill disk and
#: trail. The calling AE title makes no difference, since a stranger can make up as many as it likes; reasons are few.
_PAUSE_SECONDS = 60.0
#: Addresses with their reasons remembered at one time; beyond that they count as one: IPv6 has addresses enough.
_MOST = 1024


@dataclass
class _Silence:
    """Since when nothing is written of it, and how many refusals that were."""

    since: float
    hidden: int = 0


class Refusals:
    """Args: committer: writes the event; clock: monotonic seconds."""

    def __init__(self, committer: Committer, clock: Callable[[], float] = time.monotonic) -> None:
        self._committer, self._clock = committer, clock
        self._silences: dict[tuple[str, str], _Silence] = {}
        self._lock = threading.Lock()

    def note(self, action: str, visitor: Visitor, why: str, **about: object) -> None:
        """Write it down, unless the same was written of this address less than a minute ago.

        Args:
            action: of the event, `association refused` or another.
            visitor: who was refused.
            why: words of ours or of a library, never of the peer, and so one of a few.
            about: more of the first one.
        """
        hidden = self._hidden((visitor.address, why))
        if hidden is None:
            return
        shown = visitor.certificate
        facts = {
            **about,
            "peer": visitor.address,
            "calling_ae": visitor.calling_ae,
            "why": why,
            "subject": shown.subject if shown else "",
            "fingerprint": shown.fingerprint if shown else "",
            "not_written_before": hidden,
        }
        facts = {name: value for name, value in facts.items() if value}
        log.warning(action, **facts)
        self._committer.note(action, **facts)

    def _hidden(self, what: tuple[str, str]) -> int | None:
        """How many refusals like that were not written; None: this one is not written either."""
        now = self._clock()
        with self._lock:
            if what not in self._silences and len(self._silences) >= _MOST:
                self._forget(now)
                what = what if len(self._silences) < _MOST else ("", "")
            silence = self._silences.get(what)
            if silence is not None and now - silence.since < _PAUSE_SECONDS:
                silence.hidden += 1
                return None
            self._silences[what] = _Silence(now)
            return silence.hidden if silence else 0

    def _forget(self, now: float) -> None:
        """Those whose silence is over, with what was not written of them."""
        self._silences = {key: one for key, one in self._silences.items() if now - one.since < _PAUSE_SECONDS}
