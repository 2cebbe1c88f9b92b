"""What every part of the bench shares: figures by round, goals, and how both are written down."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

#: Who or what -> its figure in each round.
Figures = dict[str, list[float]]
#: What was done -> the figures of those who did it.
Rows = dict[str, Figures]


@dataclass(frozen=True)
class Goal:
    """What a figure is to be.

    Attributes:
        what: it is about.
        figure: that was measured; None when it was not.
        limit: that it is to reach.
        unit: of both; `x` for a ratio.
        least: whether it is to be the limit or more; else less.
        floor: below which a goal of `least` is missed by far; None: there is none.
    """

    what: str
    figure: float | None
    limit: float
    unit: str
    least: bool = False
    floor: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the figure is what it is to be."""
        if self.figure is None:
            return "not measured"
        if self.figure >= self.limit if self.least else self.figure < self.limit:
            return "met"
        return "**not met**" if self.floor is None or self.figure < self.floor else "**not met**, above the floor"


def mid(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def told(values: Sequence[float]) -> str:
    """The median of the rounds, and their range: `306 (273-308)`."""
    if len(values) == 1:
        return digits(values[0])
    return f"{digits(mid(values))} ({digits(min(values))}-{digits(max(values))})"


def digits(value: float) -> str:
    """Three digits that count, and never less than a whole number has."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio(figures: Mapping[str, Sequence[float]] | None, own: str, other: str) -> float | None:
    """Median over median; None where one of them was not measured, or the other was nothing."""
    if not figures or not figures.get(own) or not figures.get(other):
        return None
    whole = mid(figures[other])
    return mid(figures[own]) / whole if whole else None


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines)) + "\n"


def compared(rows: Rows, first: str, own: str = "radnode", *, less: bool = False) -> str:
    """A table with a column for each of those that were measured, and how `own` stands to each of the others.

    Args:
        rows: not every one of them needs to have been measured everywhere.
        first: head of the first column.
        own: of which the ratios are.
        less: whether figures are the better the smaller; ratios then say how many times as long the others take.
    """
    names = list(dict.fromkeys(name for figures in rows.values() for name in figures))
    others = [name for name in names if name != own]
    lines = []
    for what, figures in rows.items():
        ratios = [ratio(figures, name, own) if less else ratio(figures, own, name) for name in others]
        cells = [told(figures[name]) if name in figures else "-" for name in names]
        lines.append([what, *cells, *("-" if one is None else f"{one:.1f}" for one in ratios)])
    mark = "{} / {}" if less else "x {}"
    return table([first, *names, *(mark.format(name, own) for name in others)], lines)


def rate(act: Callable[[], object], seconds: float) -> float:
    """How often a second something can be done: again and again for so long, once at least."""
    count, began = 0, time.perf_counter()
    while not count or time.perf_counter() - began < seconds:
        act()
        count += 1
    return count / (time.perf_counter() - began)


def in_turn(acts: Mapping[str, Callable[[], float]], rounds: int) -> Figures:
    """The figures of each act; every round does them all, one after the other."""
    found: Figures = {name: [] for name in acts}
    for _ in range(rounds):
        for name, act in acts.items():
            found[name].append(act())
    return found
