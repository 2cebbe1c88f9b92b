"""Follows the trail, and tells a collector of every analysis that was delivered, or failed."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from node.config import Settings
from node.deidentify.pseudonyms import Pseudonyms
from node.errors import DeliveryError, DeliveryRefused
from node.ledger import Ledger
from node.ledger.pace import Passage
from node.telemetry import otlp
from node.telemetry.spans import Span, spans_of

log = structlog.get_logger()

#: So many traces go in one request.
_MANY = 64
_NOTED = "telemetry"
_TROUBLE = "telemetry collector"


class Teller:
    """Args: settings: `telemetry`, and who we are; ledger: whose trail is told; is_stopping: the node is."""

    def __init__(self, settings: Settings, ledger: Ledger, is_stopping: Callable[[], bool]) -> None:
        self._settings, self._ledger, self._is_stopping = settings, ledger, is_stopping
        self._pseudonyms: Pseudonyms | None = None

    def step(self) -> int:
        """Tell what ended since; how many analyses. The first time ever, what was before is left out."""
        seen, told = self._ledger.facts.position(_NOTED), 0
        if seen is None:
            self._ledger.facts.set_position(_NOTED, self._ledger.audited.newest())
            return 0
        while not self._is_stopping() and (found := self._ledger.pace.ended_after(seen, _MANY)):
            if not self._tell(found):
                break
            seen, told = found[-1].number, told + len(found)
            self._ledger.facts.set_position(_NOTED, seen)
        return told

    def _tell(self, found: list[Passage]) -> bool:
        """Whether these are done with: taken, or refused for good."""
        try:
            otlp.post(self._settings.telemetry, otlp.body(map(self._trace, found), self._settings.node.ae_title))
        except DeliveryError as error:
            self._ledger.facts.set_trouble(_TROUBLE, str(error))
            return False
        except DeliveryRefused as error:  # the same request would be refused again: it is left out
            log.warning("traces refused", count=len(found), why=str(error))
            self._ledger.facts.set_trouble(_TROUBLE, str(error))
            return True
        self._ledger.facts.set_trouble(_TROUBLE, "")
        return True

    def _trace(self, one: Passage) -> tuple[list[Span], otlp.Attributes]:
        study = self._pseudonym(one.study_instance_uid)
        said: otlp.Attributes = {
            "radnode.study": study,
            "radnode.plugin": one.plugin,
            "radnode.retried": one.retried,
        }
        return list(spans_of(one, self._pseudonym(f"{one.study_instance_uid} {one.number}"))), said

    def _pseudonym(self, text: str) -> str:
        """32 hex digits: the 128 bits of a UID that is derived from a UUID (PS3.5 B.2)."""
        self._pseudonyms = self._pseudonyms or Pseudonyms.of(self._settings.node.data_dir)
        return f"{int(self._pseudonyms.uid(f'telemetry {text}').rpartition('.')[2]):032x}"
