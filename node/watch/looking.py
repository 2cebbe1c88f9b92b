"""One look at a plugin: its newest answers against a reference, each figure with its limit and what it says.

How false alarms are kept rare: a look asks many questions at once, so the level of an alarm is divided by their number
(Bonferroni), half of it among those about the whole plugin, half among those about single senders and makers. Looks
share answers with each other, so that their false alarms come together, and fewer in a year than looks times level.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from node.config import WatchSettings
from node.ledger import Measure, Verdict
from node.watch import statistics
from node.watch.answers import Answers, Floats

#: Senders and makers that are looked at, the busiest of each.
MOST_SUBJECTS = 8
#: Embeddings that are compared: the permutations' cost grows with their square.
MOST_EMBEDDINGS = 256
#: Of a film's statistics, those that a training set, whose films were made smaller, cannot tell of.
_OF_SITE = frozenset({"size"})


@dataclass(frozen=True)
class Comparison:
    """Newest answers and what they are compared with.

    Attributes:
        reference: ``site`` or ``training``.
        old: what they are compared with.
        new: the newest.
        settings: how many are needed, and how rare a false alarm is to be.
        discrepancy: of embeddings, with its limit.
    """

    reference: str
    old: Answers
    new: Answers
    settings: WatchSettings
    discrepancy: Callable[[Floats, Floats, float], tuple[float, float]] = statistics.mmd

    @property
    def verdict(self) -> Verdict:
        """Of a figure beyond its limit."""
        return Verdict.ALARM if self.reference == self.settings.alarm_against else Verdict.DIFFERS

    @property
    def inputs(self) -> tuple[str, ...]:
        """Statistics of the images that can be compared."""
        return tuple(name for name in self.new.inputs if self.reference == "site" or name not in _OF_SITE)


def compare(comparison: Comparison) -> list[Measure]:
    """Every measure of the newest answers against one reference."""
    settings = comparison.settings
    if len(comparison.new) < settings.least or len(comparison.old) < settings.least:
        return [_measure(comparison, "scores", "answers", "", None, None)]
    scores = sorted(comparison.old.scores)
    level = settings.alarm_level / 2 / (2 * len(scores) + len(comparison.inputs) + 2)
    return [
        *(one for name in scores for one in _scores(comparison, name, level)),
        *_inputs(comparison, "", level),
        _embeddings(comparison, level),
        _abstentions(comparison, level),
        *_subjects(comparison),
    ]


def _measure(
    comparison: Comparison, kind: str, metric: str, subject: str, value: float | None, threshold: float | None
) -> Measure:
    verdict = Verdict.TOO_FEW
    if value is not None and threshold is not None:
        verdict = comparison.verdict if value > threshold else Verdict.AS_BEFORE
    counts = len(comparison.old), len(comparison.new)
    return Measure(kind, metric, subject, comparison.reference, *counts, value, threshold, verdict)


def _known(values: Floats | None) -> Floats:
    return np.zeros(0) if values is None else values[~np.isnan(values)]


def _scores(comparison: Comparison, name: str, level: float) -> Iterator[Measure]:
    old, new = _known(comparison.old.scores[name]), _known(comparison.new.scores.get(name))
    if min(len(old), len(new)) < comparison.settings.least:
        yield _measure(comparison, "scores", f"ks {name}", "", None, None)
        return
    edges = statistics.edges_of(old)
    before, now = statistics.counts_in(edges, old), statistics.counts_in(edges, new)
    limit = statistics.psi_limit(before, len(new), level)
    yield _measure(comparison, "scores", f"psi {name}", "", float(statistics.psi(before, now)), limit)
    limit = statistics.ks_limit(len(old), len(new), level)
    yield _measure(comparison, "scores", f"ks {name}", "", statistics.ks(old, new), limit)


def _inputs(comparison: Comparison, subject: str, level: float, least: int = 0) -> Iterator[Measure]:
    for name in comparison.inputs:
        old, new = _known(comparison.old.inputs.get(name)), _known(comparison.new.inputs[name])
        value = limit = None
        if min(len(old), len(new)) >= (least or comparison.settings.least):
            value, limit = statistics.ks(old, new), statistics.ks_limit(len(old), len(new), level)
        yield _measure(comparison, "inputs", f"ks {name}", subject, value, limit)


def _embeddings(comparison: Comparison, level: float) -> Measure:
    old, new = (one.embeddings[-MOST_EMBEDDINGS:] for one in (comparison.old, comparison.new))
    if min(len(old), len(new)) < comparison.settings.least:
        return _measure(comparison, "embeddings", "mmd", "", None, None)
    return _measure(comparison, "embeddings", "mmd", "", *comparison.discrepancy(old, new, level))


def _abstentions(comparison: Comparison, level: float) -> Measure:
    old, new = comparison.old.abstained, comparison.new.abstained
    limit = statistics.rise_limit(int(old.sum()), len(old), len(new), level)
    return _measure(comparison, "abstentions", "abstained", "", float(new.mean()), limit)


def _subjects(comparison: Comparison) -> Iterator[Measure]:
    """The images of each sender and maker against their own before; of who is new there is nothing to compare with."""
    least, found = comparison.settings.least_of_sender, []
    for word in ("sender", "maker") if comparison.reference == "site" else ():
        old, new = (getattr(one, f"{word}s") for one in (comparison.old, comparison.new))
        for name, count in Counter(new.tolist()).most_common(MOST_SUBJECTS):
            if name and min(count, (old == name).sum()) >= least:
                found.append((f"{word} {name}", comparison.old.of(old == name), comparison.new.of(new == name)))
    for subject, before, now in found:
        part = Comparison(comparison.reference, before, now, comparison.settings)
        yield from _inputs(part, subject, comparison.settings.alarm_level / 2 / (len(found) * len(part.inputs)), least)


def figure(kind: str, metric: str, subject: str, answers: int, value: float) -> Measure:
    """One without a limit."""
    return Measure(kind, metric, subject, "", 0, answers, value, None, Verdict.TOLD)
