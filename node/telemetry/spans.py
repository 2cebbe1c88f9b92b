"""The trace of one analysis: a span for the whole way, and one for each stage of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from node.ledger.pace import Passage


@dataclass(frozen=True)
class Span:
    """One span. Attributes: trace_id: 32 hex digits; span_id, parent_id: 16; begin, end: epoch seconds."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    begin: float
    end: float


def spans_of(one: Passage, trace_id: str) -> Iterator[Span]:
    """The whole way first, then its stages, as far as the trail tells them; a clock that was set back counts as 0.

    Each stage begins where the one before ends: `classify` has the wait for a worker in it, `complete` is the wait for
    further images.
    """
    moments = (
        ("receive", one.first, one.last),
        ("complete", one.last, one.complete),
        ("route", one.complete, one.routed),
        ("classify", one.routed if one.routed is not None else one.complete, one.classified),
        ("report", one.classified, one.reported),
        ("deliver", one.reported, one.delivered),
    )
    stages = [(name, begin, end) for name, begin, end in moments if begin is not None and end is not None]
    whole = _span_id(trace_id, "study")
    begin = min((begin for _, begin, _ in stages), default=one.delivered)
    yield Span(trace_id, whole, "", "study", begin, max(begin, one.delivered))
    for name, first, last in stages:
        yield Span(trace_id, _span_id(trace_id, name), whole, name, first, max(first, last))


def _span_id(trace_id: str, name: str) -> str:
    """The same each time, so that what is sent twice can be told."""
    return sha256(f"{trace_id} {name}".encode()).hexdigest()[:16]
