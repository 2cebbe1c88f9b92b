"""The trace of one analysis: a span for the whole way, and one for each stage of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from node.ledger.pace import Passage

#: Stages in which an analysis can fail.
_WORK = ("classify", "report")
_UID = re.compile(r"\d+(?:\.\d+){2,}")
_LONGEST = 300


@dataclass(frozen=True)
class Span:
    """One span.

    Attributes:
        trace_id: 32 hex digits.
        span_id, parent_id: 16.
        begin, end: epoch seconds.
        error: why it failed; empty: it did not.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    begin: float
    end: float
    error: str = ""


def spans_of(one: Passage, trace_id: str) -> Iterator[Span]:
    """The whole way first, then its stages, as far as the trail tells them; a clock that was set back counts as 0.

    Each stage begins where the one before ends: `classify` has the wait for a worker in it, `complete` is the wait for
    further images. What failed did so in the last stage.
    """
    stages = list(_stages(one))
    whole, error = _span_id(trace_id, "study"), _without_uids(one.failed)
    begin = min((begin for _, begin, _ in stages), default=one.ended)
    yield Span(trace_id, whole, "", "study", begin, max(begin, one.ended), error)
    for number, (name, first, last) in enumerate(stages, 1):
        failed = error if number == len(stages) else ""
        yield Span(trace_id, _span_id(trace_id, name), whole, name, first, max(first, last), failed)


def _stages(one: Passage) -> Iterator[tuple[str, float, float]]:
    """Name, begin and end; the one in which it failed ends with that."""
    moments = (
        ("receive", one.first, one.last),
        ("complete", one.last, one.complete),
        ("route", one.complete, one.routed),
        ("classify", one.routed if one.routed is not None else one.complete, one.classified),
        ("report", one.classified, one.reported),
        ("deliver", one.reported, one.ended),
    )
    for name, begin, end in moments:
        if begin is not None and end is not None:
            yield name, begin, end
        elif begin is not None and one.failed and name in _WORK:
            yield name, begin, one.ended


def _without_uids(text: str) -> str:
    return _UID.sub("(UID)", text)[:_LONGEST]


def _span_id(trace_id: str, name: str) -> str:
    """The same each time, so that what is sent twice can be told."""
    return sha256(f"{trace_id} {name}".encode()).hexdigest()[:16]
