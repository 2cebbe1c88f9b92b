"""Many studies, answered twice: how far probabilities moved, which outcomes changed, and how well both agree. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.agreement import kappa
from node.replay.comparison import Comparison, FindingPair


@dataclass(frozen=True)
class Shift:
    """One finding over all series that were answered twice.

    Attributes:
        finding: its name.
        series: how many series both have it of, abstentions included.
        mean: of the probabilities after less those before; None where no series has both.
        largest: of these by its size, with its sign; None likewise.
        crossed: series whose probability crossed the operating point, either way.
        changed: series with another outcome, abstentions included.
        kappa: Cohen's, of the outcomes; None where all of both are the same one, so that chance alone agrees as well.
    """

    finding: str
    series: int
    mean: float | None
    largest: float | None
    crossed: int
    changed: int
    kappa: float | None


@dataclass(frozen=True)
class Tally:
    """`studies`: compared; `identical`: to the byte; `failed`: without a second answer; `findings`: each of them."""

    studies: int
    identical: int
    failed: int
    findings: tuple[Shift, ...]


def tally(comparisons: Sequence[Comparison]) -> Tally:
    """All of it."""
    answered = [one for one in comparisons if not one.error]
    pairs: dict[str, list[FindingPair]] = {}
    for pair in (pair for one in answered for pair in one.pairs):
        pairs.setdefault(pair.finding, []).append(pair)
    identical = sum(one.is_identical for one in answered)
    shifts = tuple(_shift(name, found) for name, found in pairs.items())
    return Tally(len(answered), identical, len(comparisons) - len(answered), shifts)


def _shift(finding: str, pairs: Sequence[FindingPair]) -> Shift:
    both = [pair for pair in pairs if pair.before is not None and pair.after is not None]
    moved = [(pair.after or 0.0) - (pair.before or 0.0) for pair in both]
    return Shift(
        finding=finding,
        series=len(pairs),
        mean=sum(moved) / len(moved) if moved else None,
        largest=max(moved, key=abs) if moved else None,
        crossed=sum(pair.above_before != pair.above_after for pair in both),
        changed=sum(pair.outcome_before != pair.outcome_after for pair in pairs),
        kappa=kappa([(pair.outcome_before, pair.outcome_after) for pair in pairs]),
    )
