"""What a fault is, what it is given, and what is seen."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.peers import Hospital, RunningNode

T = TypeVar("T")


@dataclass(frozen=True)
class Seen:
    """What became of it.

    Attributes:
        passed: whether the node did as expected.
        figure: what was counted or measured, in a few words: `lost 0 of 1,204, doubled 0`.
        peers: name of a peer -> what the same fault did to it; empty where none was asked.
    """

    passed: bool
    figure: str
    peers: Mapping[str, str] = field(default_factory=dict)


class Scene:
    """What a fault is given: a folder of its own, things that end with it, and how much there is time for.

    Args:
        folder: empty.
        short: the short form: the same fault, fewer times, no peers.
    """

    def __init__(self, folder: Path, *, short: bool) -> None:
        self.folder, self.short = folder, short
        self.hospital = Hospital(folder / "hospital")
        self._stack, self._nodes = ExitStack(), 0

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def times(self, whole: int, short: int) -> int:
        """How often: `whole` in `make faults`, `short` in the short form."""
        return short if self.short else whole

    def enter(self, thing: AbstractContextManager[T]) -> T:
        """Start something that ends with the fault."""
        return self._stack.enter_context(thing)

    def node(self, **arguments: Any) -> RunningNode:
        """A running node, see :class:`~tests.peers.RunningNode`."""
        self._nodes += 1
        return self.enter(RunningNode(self.folder / f"node-{self._nodes}", **arguments))


@dataclass(frozen=True)
class Fault:
    """One row of the campaign.

    Attributes:
        number: of the row.
        name: what goes wrong.
        injected: how it is made to.
        expected: what the node is to do, with the figure that decides.
        inject: does it.
        quick: it is part of the short form.
    """

    number: int
    name: str
    injected: str
    expected: str
    inject: Callable[[Scene], Seen]
    quick: bool = False


@dataclass(frozen=True)
class Row:
    """A fault and what was seen. `trouble`: why nothing was, when the fault itself could not be carried out."""

    fault: Fault
    seen: Seen
    seconds: float
    trouble: str = ""


def carry_out(fault: Fault, folder: Path, *, short: bool) -> Row:
    """Inject it. An assertion that fails, or an error, is a fault that was not withstood."""
    folder.mkdir(parents=True)
    began = time.monotonic()
    try:
        with Scene(folder, short=short) as scene:
            seen, trouble = fault.inject(scene), ""
    except Exception as error:  # whatever it is, the other faults are still to be seen
        lines = str(error).splitlines() or [""]
        seen, trouble = Seen(False, f"{type(error).__name__}: {lines[0][:200]}"), traceback.format_exc()
    return Row(fault, seen, time.monotonic() - began, trouble)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Variables of processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
