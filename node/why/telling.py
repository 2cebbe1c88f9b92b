"""What is told: sentences under their topics, and steps to take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from node.config import Settings
from node.ledger import Ledger, Subject
from node.plugin import Manifest


@dataclass(frozen=True)
class Told:
    """One sentence. Args: topic: the step of the work it speaks of."""

    topic: str
    sentence: str


@dataclass(frozen=True)
class Step:
    """What to do next. Args: command: to be typed as it is; empty where it is not ours; what: it is good for."""

    command: str
    what: str


@dataclass(frozen=True)
class Explanation:
    """The whole answer.

    Attributes:
        study_instance_uid: of the study.
        what, asked: what was asked for, and its UID or number.
        state: of the study; empty when nothing of it was taken.
        answer: why it has a result, or none, in one sentence.
        told: what happened, in order.
        steps: what to do next; empty: nothing.
    """

    study_instance_uid: str
    what: str
    asked: str
    state: str
    answer: str
    told: tuple[Told, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Scene:
    """What there is to look at, all of it at one time.

    Attributes:
        troubles: part of the node -> what keeps it from its work; see :class:`~node.ledger.facts.Facts`.
        is_served: whether a process serves this node.
    """

    ledger: Ledger
    settings: Settings
    manifests: Mapping[str, Manifest]
    subject: Subject
    now: float
    troubles: Mapping[str, str]
    is_served: bool

    @property
    def uid(self) -> str:
        """Of the study."""
        return self.subject.study_instance_uid


@dataclass
class Telling:
    """Collects sentences and steps, each once."""

    told: list[Told] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def say(self, topic: str, sentence: str) -> None:
        """Tell one thing."""
        if (one := Told(topic, sentence)) not in self.told:
            self.told.append(one)

    def advise(self, command: str, what: str) -> None:
        """Name one step; the first that names a command stays."""
        if not command or command not in [step.command for step in self.steps]:
            self.steps.append(Step(command, what))


def at(seconds: float) -> str:
    """A time as local date and time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def some(count: int, noun: str) -> str:
    """`1 image`, `2 images`, `1 series`, `2 analyses`."""
    if count == 1 or noun == "series":
        return f"{count} {noun}"
    return f"{count} {noun[:-2]}es" if noun.endswith("sis") else f"{count} {noun}s"
