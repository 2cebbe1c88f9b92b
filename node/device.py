"""Where a plugin computes: the string that ``Classifier.load`` gets, and what else the node wants of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wishes:
    """How the node wants a device to be used; a plugin that cannot follow them may leave them aside.

    Attributes:
        engine: ``auto`` (the fastest whose answers agree), ``onnxruntime``, ``openvino`` or ``torch``; empty: the
            plugin's own default.
        threads: CPU threads of one prediction; 0: as many as the library takes.
        memory: a file that remembers which engine was the fastest, so that it need not be measured again; None: there
            is none.
    """

    engine: str = ""
    threads: int = 0
    memory: Path | None = None


class Device(str):
    """``cpu`` or ``cuda:N``, a string for whoever needs no more, with the node's :class:`Wishes` for who can use them.

    Worked example::

        classifier.load("cpu")
        classifier.load(Device("cpu", Wishes(engine="openvino", threads=2)))
    """

    __slots__ = ("wishes",)
    wishes: Wishes

    def __new__(cls, name: str, wishes: Wishes | None = None) -> Device:
        """A device of that name; a :class:`Device` given as name keeps its wishes unless others are given."""
        made = super().__new__(cls, name)
        made.wishes = wishes or (name.wishes if isinstance(name, Device) else Wishes())
        return made
