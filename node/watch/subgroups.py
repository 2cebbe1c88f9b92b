"""How often each finding is present, and how often the model abstains, in each subgroup: told, and held against before.

Told of all. Where hospitals and patients differ, so do rates, and no data set says by how much: so a subgroup is
compared with nobody but itself in the site's baseline, by Fisher's exact test, both ways for a finding. Patients are in
several subgroups at once, which makes the questions of one look alike: dividing the level by their number, as if they
were not (Bonferroni), errs on the safe side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from node.ledger import Measure, Observation, Verdict
from node.watch import statistics
from node.watch.answers import WORDS, Answers
from node.watch.looking import MOST_SUBJECTS, Comparison, figure

_PRESENT, _ABSTAINED = "present", "abstained"


def rates(observed: Sequence[Observation], least: int) -> list[Measure]:
    """As they are, without a limit, of all answers and of each subgroup that has enough."""
    found = [*_rates(observed, "")]
    for word in (*WORDS, "maker", "sender"):
        values = Counter(getattr(one, word) for one in observed)
        for value, count in values.most_common(MOST_SUBJECTS):
            if value and count >= least:
                found += _rates([one for one in observed if getattr(one, word) == value], _subject(word, value))
    return found


def _rates(observed: Sequence[Observation], subject: str) -> Iterator[Measure]:
    names = sorted({name for one in observed for name in one.findings})
    for name in names:
        outcomes = [one.findings[name][1] for one in observed if name in one.findings]
        yield figure("rates", f"{_PRESENT} {name}", subject, len(outcomes), outcomes.count(_PRESENT) / len(outcomes))
    if observed:
        share = sum(one.abstained for one in observed) / len(observed)
        yield figure("rates", _ABSTAINED, subject, len(observed), share)


def _subject(word: str, value: str) -> str:
    return f"{word.replace('_band', '')} {value}"


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class _Question:
    """Whether a rate of a subgroup has changed. Attributes: old, new: bool, one for each answer."""

    metric: str
    subject: str
    old: npt.NDArray[np.bool_]
    new: npt.NDArray[np.bool_]


def changed(comparison: Comparison) -> list[Measure]:
    """The rates of each subgroup against its own in the reference, which has to know of subgroups."""
    if not comparison.settings.subgroup_level:
        return []
    questions = [*_questions(comparison)]
    level = comparison.settings.subgroup_level / max(1, len(questions))
    return [_answer(comparison, one, level) for one in questions]


def _questions(comparison: Comparison) -> Iterator[_Question]:
    least, old, new = comparison.settings.least_of_sender, comparison.old, comparison.new
    for word in (*WORDS, "maker", "sender"):
        before, now = old.group(word), new.group(word)
        for value, count in Counter(now.tolist()).most_common(MOST_SUBJECTS) if len(before) else ():
            if value and min(count, int((before == value).sum())) >= least:
                yield from _of_subject(_subject(word, value), old.of(before == value), new.of(now == value), least)


def _of_subject(subject: str, old: Answers, new: Answers, least: int) -> Iterator[_Question]:
    for name in sorted(set(old.present) & set(new.present)):
        before, now = old.present[name], new.present[name]
        known = [values[~np.isnan(values)] > 0 for values in (before, now)]
        if min(map(len, known)) >= least:
            yield _Question(f"{_PRESENT} {name}", subject, *known)
    yield _Question(_ABSTAINED, subject, old.abstained, new.abstained)


def _answer(comparison: Comparison, one: _Question, level: float) -> Measure:
    hits, before, now = int(one.old.sum()), len(one.old), len(one.new)
    share = float(one.new.mean())
    if one.metric == _ABSTAINED or share >= hits / before:
        word, part = "rise", level if one.metric == _ABSTAINED else level / 2
        limit = statistics.rise_limit(hits, before, now, part)
        is_beyond = share > limit
    else:  # a fall is a rise of the others
        others = statistics.rise_limit(before - hits, before, now, level / 2)
        word, limit, is_beyond = "fall", 1 - others, float((~one.new).mean()) > others
    verdict = comparison.verdict if is_beyond else Verdict.AS_BEFORE
    metric, reference = f"{word} of {one.metric}", comparison.reference
    return Measure("subgroups", metric, one.subject, reference, before, now, share, limit, verdict)
