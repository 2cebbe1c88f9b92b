"""How far two models agree on the same studies: a pure comparison of what they answered to each finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.account import Account

#: (finding, laterality).
Asked = tuple[str, str]


@dataclass(frozen=True)
class Answered:
    """An answer to a finding. Attributes: outcome: present, absent, undetermined; probability: calibrated, 0..1."""

    outcome: str
    probability: float


@dataclass(frozen=True)
class Agreement:
    """How two models agree on a finding.

    Attributes:
        finding, laterality: that both were asked.
        studies: that both answered.
        same: of them, with the same outcome.
        kappa: Cohen's, of the outcomes; None where both always say the same one thing, or nothing.
        mean_difference: of the probabilities, the second's less the first's.
        largest_difference: of their absolute values.
        disagreeing: studies with another outcome, the largest difference first.
    """

    finding: str
    laterality: str
    studies: int
    same: int
    kappa: float | None
    mean_difference: float
    largest_difference: float
    disagreeing: tuple[str, ...]


def answers_of(account: Account) -> dict[Asked, Answered]:
    """What an analysis answered; where several series show a finding, the one that speaks for it most."""
    found: dict[Asked, Answered] = {}
    for one in (one for series in account.series for one in series.findings):
        key = (one.finding, one.laterality)
        if key not in found or one.probability > found[key].probability:
            found[key] = Answered(str(one.outcome), float(one.probability))
    return found


def agreements(
    first: Mapping[str, Mapping[Asked, Answered]], second: Mapping[str, Mapping[Asked, Answered]]
) -> list[Agreement]:
    """One for each finding that both answered. Args: Study Instance UID -> answers, of each model."""
    pairs: dict[Asked, list[tuple[str, Answered, Answered]]] = {}
    for uid in sorted(first.keys() & second.keys()):
        for asked in sorted(first[uid].keys() & second[uid].keys()):
            pairs.setdefault(asked, []).append((uid, first[uid][asked], second[uid][asked]))
    return [_agreement(asked, members) for asked, members in sorted(pairs.items())]


def _agreement(asked: Asked, members: Sequence[tuple[str, Answered, Answered]]) -> Agreement:
    differences = {uid: two.probability - one.probability for uid, one, two in members}
    others = [uid for uid, one, two in members if one.outcome != two.outcome]
    return Agreement(
        *asked,
        studies=len(members),
        same=len(members) - len(others),
        kappa=kappa([(one.outcome, two.outcome) for _, one, two in members]),
        mean_difference=sum(differences.values()) / len(members),
        largest_difference=max(abs(one) for one in differences.values()),
        disagreeing=tuple(sorted(others, key=lambda uid: -abs(differences[uid]))),
    )


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa of two raters (Educational and Psychological Measurement 20:37, 1960).

    None where chance alone explains all, or there is nothing. Worked example: 20 times both say yes, 15 both no, 5 and
    10 times they differ: (0.7 - 0.5) / (1 - 0.5) = 0.4.
    """
    if not pairs:
        return None
    count = len(pairs)
    observed = sum(first == second for first, second in pairs) / count
    before, after = Counter(first for first, _ in pairs), Counter(second for _, second in pairs)
    by_chance = sum(before[name] * after[name] for name in before) / count**2
    return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)
