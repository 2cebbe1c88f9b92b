"""Objects that were set aside, of studies of which nothing else came: no study takes their files with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from node.ledger.database import Database
from node.ledger.events import add_event

#: In the words of the index of just the rows that have a file.
_EXPIRED = (
    "quarantine q INDEXED BY quarantine_with_files WHERE q.purged = 0 AND q.received_at < :before"
    " AND NOT EXISTS (SELECT 1 FROM studies s WHERE s.study_instance_uid = q.study_instance_uid)"
)
#: Whether the file of such a row is that of another one too: whole objects take the place of torn ones.
_IS_SHARED = (
    "(EXISTS (SELECT 1 FROM instances i WHERE i.sop_instance_uid = q.sop_instance_uid AND i.path = q.path)"
    " OR EXISTS (SELECT 1 FROM quarantine o WHERE o.sop_instance_uid = q.sop_instance_uid AND o.path = q.path"
    " AND o.purged = 0 AND (o.received_at, o.id) > (q.received_at, q.id)))"
)


@dataclass(frozen=True)
class Stray:
    """One of them. Attributes: id: of its row; path: empty where its file is that of another object, too."""

    id: int
    study_instance_uid: str
    path: str


class Strays:
    """Reads and writes what is set aside and of no study; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def expired(self, before: float, count: int = 500) -> list[Stray]:
        """Those that came before that time and whose files are still here, the oldest first."""
        sql = (
            "SELECT q.id, q.study_instance_uid,"  # noqa: S608  our words
            f" CASE WHEN {_IS_SHARED} THEN '' ELSE q.path END AS path FROM {_EXPIRED}"
            " ORDER BY q.received_at LIMIT :count"
        )
        with self._database.reading() as connection:
            return [Stray(**dict(row)) for row in connection.execute(sql, {"before": before, "count": count})]

    def mark_purged(self, strays: Sequence[Stray], before: float) -> None:
        """Their files are gone; their rows stay. What came again since that time goes with a later purge."""
        gone: Counter[str] = Counter()
        with self._database.write() as connection:
            for one in strays:
                sql = "UPDATE quarantine SET purged = 1 WHERE id = ? AND purged = 0 AND received_at < ?"
                gone[one.study_instance_uid] += connection.execute(sql, (one.id, before)).rowcount
            for uid, count in (+gone).items():
                add_event(connection, "files purged", uid, set_aside=count)
