"""One study: what came, why it has its result or none, what was found, where it went, and what may be done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from pydicom import dcmread

from node.account import Account, read_account
from node.config import Settings
from node.ledger import AnalysisRow, Ledger, StudyRow
from node.spool import Spool
from node.states import ANALYSIS_MOVES, ENDED, AnalysisMove, StudyState
from node.web.pages.pictures import Heatmap, heatmaps
from node.web.pages.plugins import catalogue
from node.why import explain

#: Action on an analysis -> the move that it makes, and its name on a button.
ACTIONS = {
    "retry": (AnalysisMove.RETRIED, "Retry"),
    "hold": (AnalysisMove.HELD, "Hold"),
    "drop": (AnalysisMove.DROPPED, "Drop"),
}
#: A study in one of these states can be completed, or released, by the operator.
_COMPLETED = {
    StudyState.RECEIVING: "Complete it now",
    StudyState.QUARANTINED: "Release it as it is",
    StudyState.IGNORED: "Route it again",
}


#: Lines of the trail on the page, the newest: each image is one.
_MOST_EVENTS = 500


@dataclass(frozen=True)
class Shown:
    """An analysis. `account`: what it answered; None when that is not here any more; `actions`: that can be done."""

    row: AnalysisRow
    account: Account | None
    pictures: tuple[Heatmap, ...]
    actions: tuple[tuple[str, str], ...]


class StudyPage:
    """Makes the values of the page. Args: ledger, spool: of the node."""

    def __init__(self, ledger: Ledger, spool: Spool) -> None:
        self._ledger, self._spool = ledger, spool

    def values(self, uid: str, settings: Settings) -> dict[str, Any]:
        """Of a study; raises :class:`~node.errors.PermanentError` when there is none."""
        ledger, standing = self._ledger, self.standing(uid)
        subject, manifests = ledger.inquiries.subject(uid), catalogue(settings).manifests
        events = ledger.events.of_study(uid)
        return standing | {
            "why": explain(ledger, settings, manifests, subject, time.time()) if subject else None,
            "series": ledger.studies.series(uid),
            "analyses": [self._shown(row) for row in reversed(standing["rows"])],
            "complete": _COMPLETED.get(standing["study"].state, ""),
            "deliveries": ledger.deliveries.of_study(uid),
            "reviews": ledger.reviews.of_study(uid),
            "set_aside": ledger.studies.set_aside(uid),
            "trail": events[-_MOST_EVENTS:],
            "events": len(events),
        }

    def standing(self, uid: str) -> dict[str, Any]:
        """Only where it stands, which is soon told of the largest study; raises as :meth:`values`."""
        study, rows = self._ledger.studies.get(uid), self._ledger.analyses.of_study(uid)
        return {"study": study, "rows": rows, "is_open": _is_open(study, rows)}

    def patient(self, uid: str, holder: str) -> tuple[str, str] | None:
        """Name and id, from a file of the study: the ledger holds neither. The trail says who looked."""
        self._ledger.events.command(f"token {holder}", "patient shown", uid)
        for path in self._ledger.studies.paths(uid)[:1]:
            try:
                tags = ["PatientName", "PatientID"]
                ds = dcmread(self._spool.path(path), specific_tags=tags, stop_before_pixels=True, force=True)
                return str(ds.get("PatientName", "")), str(ds.get("PatientID", ""))
            except Exception:  # an edge: whatever a broken header makes pydicom raise
                break
        return None

    def _shown(self, row: AnalysisRow) -> Shown:
        account = read_account(self._spool.path(f"work/{row.id}"), row.sealed)
        possible = ((name, label) for name, (move, label) in ACTIONS.items() if (row.state, move) in ANALYSIS_MOVES)
        return Shown(row, account, tuple(heatmaps(self._ledger, self._spool, row.id)), tuple(possible))


def _is_open(study: StudyRow, rows: list[AnalysisRow]) -> bool:
    """Whether something may still happen by itself."""
    open_states = (StudyState.RECEIVING, StudyState.COMPLETE, StudyState.ROUTED)
    return study.state in open_states or any(row.state not in ENDED for row in rows)
