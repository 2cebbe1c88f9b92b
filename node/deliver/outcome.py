"""What goes out, what became of it, and the protocol of those who send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Outgoing:
    """What is to be sent: a DICOM file (PS3.10) that lies at `path`, or a message, which has no SOP class."""

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    path: Path


class Verdict(StrEnum):
    """What the destination said of one object; the last is ours: the destination was not even asked."""

    DELIVERED = "delivered"
    WARNING = "delivered with a warning"
    TEMPORARY = "refused for now"
    NOT_UNDERSTOOD = "not understood"  # for now, or for good: nobody can tell
    PERMANENT = "refused for good"
    UNSENDABLE = "cannot be sent"


@dataclass(frozen=True)
class Outcome:
    """What became of one object; `reason` is empty when it was simply delivered."""

    outgoing: Outgoing
    verdict: Verdict
    reason: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the destination has it."""
        return self.verdict in (Verdict.DELIVERED, Verdict.WARNING)


class Sender(Protocol):
    """Sends objects to one destination."""

    def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
        """One outcome for each object, in any order, each as soon as it is known.

        Raises:
            DeliveryError: the destination as a whole does not answer; what was not answered yet may be tried again.
            DeliveryRefused: the destination as a whole refuses us; so it will with what was not answered yet.
        """

    def echo(self) -> None:
        """Ask whether the destination is there and would take something; raises as :meth:`send` does."""

    def time(self) -> float | None:
        """What time it is there, epoch seconds; None: it does not tell. Raises as :meth:`send` does."""
        return None

    def rest(self, *, at_once: bool = False) -> None:
        """There is nothing to send: let go of what was kept open for it. Args: at_once: there never will be again."""
        return
