"""How many changed films it takes until who watches a plugin notices: its held-back images, and the same changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from node.config import WatchSettings
from node.watch.answers import Answers, answers_of
from node.watch.simulate import Change, detected
from radnode_kit.reference import Alter, classifier_of, observations

#: What a hospital changes without telling anybody.
CHANGES: Mapping[str, Alter] = {
    "gamma 1.2": lambda pixels: pixels**1.2,
    "gamma 1.5": lambda pixels: pixels**1.5,
    "a window of two thirds of the width": lambda pixels: np.clip(0.5 + 1.5 * (pixels - 0.5), 0.0, 1.0),
    "inverted": lambda pixels: 1.0 - pixels,
}
#: Of the newest 300 answers so many are of changed films.
COUNTS = (15, 30, 60, 100, 150, 300)
_SENDER, _OTHER = "CHANGED", "SAME"
_HEAD = "| of the newest 300 films, changed | " + " | ".join(map(str, COUNTS)) + " |"


def measured(folder: Path, data: Path, images: int) -> str:
    """A table: how often a look raises an alarm, by what was changed and on how many of the newest films."""
    classifier = classifier_of(folder)
    before = answers_of(observations(classifier, data, images))
    rows = [_HEAD, "|" + "---|" * (len(COUNTS) + 1)]
    for name, alter in CHANGES.items():
        after = answers_of(observations(classifier, data, images, alter))
        rows.append(_row(name, (detected(Change(before, after, before), WatchSettings(), count) for count in COUNTS)))
        if name == "gamma 1.5":
            rows.append(_row(f"{name}, one of three senders", _of_one_sender(before, after)))
    return "\n".join(rows)


def _row(name: str, shares: Iterator[float]) -> str:
    return f"| {name} | " + " | ".join("" if np.isnan(share) else f"{share:.0%}" for share in shares) + " |"


def _of_one_sender(before: Answers, after: Answers) -> Iterator[float]:
    """Only the films of that sender change: a third of all that come, so 100 of 300 are all of its films."""
    third = np.arange(len(before)) % 3 == 0
    mixed = before.named(np.where(third, _SENDER, _OTHER))
    changed = after.named(np.full(len(after), _SENDER))
    others = before.named(np.full(len(before), _OTHER))
    for count in COUNTS:
        yield detected(Change(mixed, changed, others), WatchSettings(), count) if count <= 100 else np.nan
