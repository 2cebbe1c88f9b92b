"""What an archive that is followed announced, and then did not have: it is asked for again, for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass

from node.ledger.database import Database
from node.ledger.events import add_event

#: It is asked for so often in all: first after so long, which is doubled each time, seconds; over an hour at the end.
MOST_TRIES, FIRST_AGAIN_SECONDS = 8, 30.0


@dataclass(frozen=True)
class Absence:
    """A series, or an instance.

    Attributes:
        input: name of the archive.
        resource: path of it there.
        study_instance_uid: empty: the archive does not say.
        tries: how often it was asked for.
        first_at: when it was announced, epoch seconds.
        again_at: when it is asked for again; None: no more.
    """

    input: str
    resource: str
    study_instance_uid: str
    tries: int
    first_at: float
    again_at: float | None


class Absences:
    """Reads and writes them; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, name: str, resource: str, study_instance_uid: str = "") -> Absence:
        """It was asked for and is not there, once more or for the first time; how that stands now."""
        rows = self._database.read("SELECT * FROM absences WHERE input = ? AND resource = ?", name, resource)
        now, before = time.time(), Absence(**dict(rows[0])) if rows else None
        tries = before.tries + 1 if before else 1
        first_at, uid = (before.first_at, before.study_instance_uid) if before else (now, study_instance_uid)
        again_at = now + FIRST_AGAIN_SECONDS * 2.0 ** (tries - 1) if tries < MOST_TRIES else None
        found = Absence(name, resource, uid, tries, first_at, again_at)
        with self._database.write() as connection:
            values = (name, resource, uid, tries, first_at, again_at)
            connection.execute("INSERT OR REPLACE INTO absences VALUES (?, ?, ?, ?, ?, ?)", values)
            if again_at is None:
                add_event(connection, "archive lacks what it announced", uid, archive=name, tries=tries)
        return found

    def settle(self, name: str, resource: str) -> None:
        """It came."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM absences WHERE input = ? AND resource = ?", (name, resource))

    def due(self, name: str) -> list[Absence]:
        """What is to be asked for again now."""
        sql = "SELECT * FROM absences WHERE input = ? AND again_at <= ? ORDER BY again_at"
        return [Absence(**dict(row)) for row in self._database.read(sql, name, time.time())]

    def of_study(self, uid: str) -> list[Absence]:
        """Of a study; with an empty UID those of which the archive does not say whose they are."""
        sql = "SELECT * FROM absences WHERE study_instance_uid = ? ORDER BY first_at"
        return [Absence(**dict(row)) for row in self._database.read(sql, uid)]

    def forget(self, before: float) -> None:
        """Remove what was announced before that time."""
        if self._database.read("SELECT 1 FROM absences WHERE first_at < ? LIMIT 1", before):
            with self._database.write() as connection:
                connection.execute("DELETE FROM absences WHERE first_at < ?", (before,))
