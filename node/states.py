"""The two state machines of the node, as tables; `advance()` is the only place that decides the next state.

A study is what was received under one Study Instance UID; an analysis is one plugin's work on one revision of it.
A temporary error keeps the state (the step is tried again later, with backoff), so it is no row of the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from node.errors import PermanentError


class StudyState(StrEnum):
    """The life of a study."""

    RECEIVING = "RECEIVING"  # images are arriving
    COMPLETE = "COMPLETE"  # all of it is here, or time is up
    ROUTED = "ROUTED"  # analyses stand in the ledger
    CLOSED = "CLOSED"  # every analysis has ended
    IGNORED = "IGNORED"  # no rule matched
    QUARANTINED = "QUARANTINED"  # contradicts itself: a person has to look


class StudyMove(StrEnum):
    """What can happen to a study."""

    IMAGE_ARRIVED = "image arrived"
    COMPLETED = "completed"
    ROUTES_FOUND = "routes found"
    NO_ROUTE = "no route"
    ANALYSES_ENDED = "analyses ended"
    CONTRADICTION = "contradiction"
    RELEASED = "released by the operator"
    REOPENED = "operator retried an analysis"


class AnalysisState(StrEnum):
    """The life of an analysis (study revision x plugin)."""

    QUEUED = "QUEUED"  # waits for a worker
    CLASSIFIED = "CLASSIFIED"  # the prediction is in the spool
    REPORTED = "REPORTED"  # the result objects are in the spool
    DELIVERED = "DELIVERED"  # every destination took every object
    SILENT = "SILENT"  # its plugin is silent: the results stay in the spool, and nobody is sent them
    FAILED = "FAILED"  # permanent error, or attempts spent
    HELD = "HELD"  # the operator stopped it
    DROPPED = "DROPPED"  # the operator gave it up, or a newer revision took its place
    WITHDRAWN = "WITHDRAWN"  # the operator took its results back


class AnalysisMove(StrEnum):
    """What can happen to an analysis."""

    CLASSIFIED = "classified"
    REPORTED = "reported"
    DELIVERED = "delivered"
    FAILED = "failed"
    HELD = "held"
    RETRIED = "retried"
    DROPPED = "dropped"
    WITHDRAWN = "withdrawn"
    LOST = "lost"
    SILENCED = "kept in silence"
    RELEASED = "released"


class Keeping(StrEnum):
    """What an archive has promised of an object that it took (Storage Commitment)."""

    NOBODY_ASKS = ""
    WANTED = "WANTED"  # it is to be asked
    ASKED = "ASKED"  # its report is awaited
    KEPT = "KEPT"
    AGAIN = "AGAIN"  # it does not keep it: to be delivered again


class Reason(StrEnum):
    """Why an operator withdraws results."""

    QUALITY = "quality"  # not good enough to be looked at
    INCORRECT = "incorrect"  # wrong: must not be used


_S, _SM, _A, _AM = StudyState, StudyMove, AnalysisState, AnalysisMove

STUDY_MOVES: dict[tuple[StudyState, StudyMove], StudyState] = {
    (_S.RECEIVING, _SM.IMAGE_ARRIVED): _S.RECEIVING,
    (_S.RECEIVING, _SM.COMPLETED): _S.COMPLETE,
    (_S.COMPLETE, _SM.ROUTES_FOUND): _S.ROUTED,
    (_S.COMPLETE, _SM.NO_ROUTE): _S.IGNORED,
    (_S.ROUTED, _SM.ANALYSES_ENDED): _S.CLOSED,
    (_S.CLOSED, _SM.REOPENED): _S.ROUTED,
    (_S.ROUTED, _SM.REOPENED): _S.ROUTED,
    # A late image makes a new revision.
    (_S.COMPLETE, _SM.IMAGE_ARRIVED): _S.RECEIVING,
    (_S.ROUTED, _SM.IMAGE_ARRIVED): _S.RECEIVING,
    (_S.CLOSED, _SM.IMAGE_ARRIVED): _S.RECEIVING,
    (_S.IGNORED, _SM.IMAGE_ARRIVED): _S.RECEIVING,
    # Contradictions stop a study until a person has looked; images still arrive and are kept.
    (_S.RECEIVING, _SM.CONTRADICTION): _S.QUARANTINED,
    (_S.COMPLETE, _SM.CONTRADICTION): _S.QUARANTINED,
    (_S.QUARANTINED, _SM.IMAGE_ARRIVED): _S.QUARANTINED,
    (_S.QUARANTINED, _SM.RELEASED): _S.COMPLETE,
    (_S.IGNORED, _SM.RELEASED): _S.COMPLETE,
}

ANALYSIS_MOVES: dict[tuple[AnalysisState, AnalysisMove], AnalysisState] = {
    (_A.QUEUED, _AM.CLASSIFIED): _A.CLASSIFIED,
    (_A.CLASSIFIED, _AM.REPORTED): _A.REPORTED,
    (_A.REPORTED, _AM.DELIVERED): _A.DELIVERED,
    (_A.REPORTED, _AM.SILENCED): _A.SILENT,
    (_A.SILENT, _AM.RELEASED): _A.REPORTED,
    (_A.QUEUED, _AM.FAILED): _A.FAILED,
    (_A.CLASSIFIED, _AM.FAILED): _A.FAILED,
    (_A.REPORTED, _AM.FAILED): _A.FAILED,
    (_A.QUEUED, _AM.HELD): _A.HELD,
    (_A.CLASSIFIED, _AM.HELD): _A.HELD,
    (_A.REPORTED, _AM.HELD): _A.HELD,
    (_A.QUEUED, _AM.DROPPED): _A.DROPPED,
    (_A.CLASSIFIED, _AM.DROPPED): _A.DROPPED,
    (_A.REPORTED, _AM.DROPPED): _A.DROPPED,
    (_A.FAILED, _AM.DROPPED): _A.DROPPED,
    (_A.HELD, _AM.DROPPED): _A.DROPPED,
    # An archive that took a result says that it does not keep it, however often it is sent.
    (_A.DELIVERED, _AM.LOST): _A.FAILED,
    # The operator's retry starts over; derived UIDs make what was already delivered the same objects.
    (_A.FAILED, _AM.RETRIED): _A.QUEUED,
    (_A.HELD, _AM.RETRIED): _A.QUEUED,
    # In any state a destination may have results: one of two was refused, a late image cut in, a retry is under way.
    **{(state, _AM.WITHDRAWN): _A.WITHDRAWN for state in _A if state is not _A.WITHDRAWN},
}

#: An analysis in one of these states needs nothing more from the node.
ENDED = frozenset({_A.DELIVERED, _A.SILENT, _A.FAILED, _A.DROPPED, _A.WITHDRAWN})
#: Nothing of a study in one of these states is done any more.
SETTLED = frozenset({_S.CLOSED, _S.IGNORED})


class IllegalMove(PermanentError):
    """The move is not possible in this state."""


def advance_study(state: StudyState, move: StudyMove) -> StudyState:
    """The next state of a study; raises :class:`IllegalMove`."""
    try:
        return STUDY_MOVES[state, move]
    except KeyError:
        raise IllegalMove(f"a study that is {state} cannot be '{move}'") from None


def advance_analysis(state: AnalysisState, move: AnalysisMove) -> AnalysisState:
    """The next state of an analysis; raises :class:`IllegalMove`."""
    try:
        return ANALYSIS_MOVES[state, move]
    except KeyError:
        raise IllegalMove(f"an analysis that is {state} cannot be '{move}'") from None


def diagram() -> str:
    """Both machines as Mermaid diagrams, for the README."""
    studies = _mermaid("The life of a study", {(str(s), str(m)): str(n) for (s, m), n in STUDY_MOVES.items()})
    moves = {(str(s), str(m)): str(n) for (s, m), n in ANALYSIS_MOVES.items()}
    analyses = _mermaid("The life of an analysis", moves, [str(state) for state in AnalysisState if state in ENDED])
    return f"{studies}\n\n{analyses}"


def _mermaid(title: str, moves: dict[tuple[str, str], str], ends: Sequence[str] = ()) -> str:
    """Moves between the same two states share an arrow; the first state of the table is the beginning."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, move), following in moves.items():
        arrows.setdefault((state, following), []).append(move)
    first = next(state for state, _ in moves)
    lines = [f"    {begin} --> {end}: {', '.join(names)}" for (begin, end), names in arrows.items()]
    lines += [f"    {state} --> [*]" for state in ends]
    return "\n".join(
        ["```mermaid", "---", f"title: {title}", "---", "stateDiagram-v2", f"    [*] --> {first}", *lines, "```"]
    )
