"""What a ledger says that an earlier copy of it does not: what the copy would bring back, and what it would lose."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from node.errors import PermanentError
from node.ledger.database import Database
from node.states import AnalysisMove, StudyMove

#: Lines that the node writes about itself.
_OWN = frozenset({"node started", "node stopped", "configuration read again", "rows forgotten", "trail shortened"})
#: Moves that nobody has asked for.
_STUDY = set(StudyMove) - {StudyMove.RELEASED, StudyMove.REOPENED}
_ANALYSIS = (AnalysisMove.CLASSIFIED, AnalysisMove.REPORTED, AnalysisMove.DELIVERED, AnalysisMove.FAILED)
#: What happens again by itself, from the files in the spool; results get the same UIDs.
_AGAIN = frozenset(
    {
        "received",
        "received again",
        "set aside",
        "own result came back",
        "routed",
        "images not assessed",
        "analysis tried again later",
        "delivered",
        "delivery refused",
        "report received",
        "report received again",
        "report matched",
        "report read",
        "report replaced",
        *(f"study {move}" for move in _STUDY),
        *(f"analysis {move}" for move in _ANALYSIS),
    }
)


@dataclass(frozen=True)
class Since:
    """How often what happened since: `again`: it would happen again; `lost`: nobody would know of it any more."""

    again: dict[str, int]
    lost: dict[str, int]

    @property
    def is_nothing(self) -> bool:
        """Whether the copy could take the ledger's place and nobody would notice."""
        return not (self.again or self.lost)


def since(database: Database, copy: Path) -> Since:
    """Compare the trail with that of a copy; raises :class:`~node.errors.PermanentError` for what is no copy of it."""
    try:
        with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as connection:
            last = connection.execute("SELECT id, at, action FROM events ORDER BY id DESC LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise PermanentError(f"it is no ledger: {error}", about=str(copy)) from error
    number, *line = last or (0,)
    here = database.read("SELECT at, action FROM events WHERE id = ?", number)
    if number and (not here or [*here[0]] != line):
        raise PermanentError("it is no copy of this ledger", about=str(copy))
    rows = database.read("SELECT action, COUNT(*) FROM events WHERE id > ? GROUP BY action ORDER BY action", number)
    counts = {str(action): int(count) for action, count in rows if action not in _OWN}
    again = {action: count for action, count in counts.items() if action in _AGAIN}
    return Since(again, {action: count for action, count in counts.items() if action not in _AGAIN})
