"""Studies: what came, and where each stands."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from node.errors import PermanentError
from node.ledger.database import Database
from node.ledger.deliveries import OBSOLETE
from node.ledger.events import add_event
from node.ledger.moves import drop_unfinished, move_study
from node.ledger.purging import IS_GONE, MISSING_FILE, PURGED, count_purged, gone_with_it, set_aside_with_it
from node.ledger.results import REJECTION
from node.states import AnalysisState, Keeping, StudyMove, StudyState
from node.study import Attributes, Instance, NotAssessed, Series

#: Whether a rejection note of a row of `studies` still waits for a destination.
_OWES_NOTE = (
    "EXISTS (SELECT 1 FROM analyses a"  # noqa: S608  our word
    f" CROSS JOIN results r ON r.analysis_id = a.id AND r.kind = '{REJECTION}'"  # in this order: few, whatever waits
    " CROSS JOIN deliveries d ON d.sop_instance_uid = r.sop_instance_uid AND d.state = 'WAITING'"
    " WHERE a.study_instance_uid = studies.study_instance_uid)"
)
#: Whether an archive that is asked to keep results of a row of `studies` has not promised it yet.
_UNKEPT = (
    "EXISTS (SELECT 1 FROM analyses a JOIN deliveries d ON d.analysis_id = a.id"  # noqa: S608  our words
    " JOIN results r ON r.sop_instance_uid = d.sop_instance_uid"
    f" WHERE a.study_instance_uid = studies.study_instance_uid AND d.kept NOT IN ('', '{Keeping.KEPT}')"
    f" AND NOT {OBSOLETE})"
)
#: Whether results of a row of `studies` are still owed to somebody.
STAYS = f"({_OWES_NOTE} OR {_UNKEPT})"
#: Studies that are over, and whose files are here; in the words of the index of just these rows.
_WITH_FILES = (
    "studies INDEXED BY studies_with_files"
    f" WHERE purged != 1 AND state IN ('{StudyState.CLOSED}', '{StudyState.IGNORED}')"
)


@dataclass(frozen=True)
class StudyRow:
    """A study as the operator sees it."""

    study_instance_uid: str
    state: StudyState
    revision: int
    reason: str
    sender: str
    expected: int | None
    partial: bool
    asked: bool
    images: int
    first_at: float
    last_at: float
    changed_at: float


@dataclass(frozen=True)
class Streaming:
    """The open associations that brought images of a study."""

    associations: int
    last_received_at: float


class Studies:
    """Reads and moves studies; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, uid: str) -> StudyRow:
        """One study; raises :class:`~node.errors.PermanentError` when it is unknown."""
        rows = self._database.read("SELECT * FROM studies WHERE study_instance_uid = ?", uid)
        if not rows:
            raise PermanentError("there is no such study", about=uid, hint="`radnode studies list` shows them")
        return study_of(rows[0])

    def find(self, beginning: str) -> StudyRow:
        """The one study whose UID begins or ends so; raises :class:`~node.errors.PermanentError`."""
        sql = (
            "SELECT study_instance_uid FROM studies WHERE substr(study_instance_uid, 1, length(?1)) = ?1"
            " OR substr(study_instance_uid, -length(?1)) = ?1 LIMIT 2"
        )
        known = self._database.read("SELECT 1 FROM studies WHERE study_instance_uid = ?", beginning)
        rows = [] if known else self._database.read(sql, beginning)
        if len(rows) == 2:
            raise PermanentError("more than one study has such a UID", about=beginning, hint="give more of it")
        return self.get(rows[0]["study_instance_uid"] if rows else beginning)

    def latest(self, count: int, states: Sequence[StudyState] = ()) -> list[StudyRow]:
        """The newest studies, newest first; of these states only, if given."""
        marks = ", ".join("?" * len(states))
        where = f"WHERE state IN ({marks})" if states else ""
        sql = f"SELECT * FROM studies {where} ORDER BY last_at DESC LIMIT ?"  # noqa: S608  only marks
        return [study_of(row) for row in self._database.read(sql, *states, count)]

    def in_state(self, state: StudyState, count: int = 1000) -> list[StudyRow]:
        """Studies in that state, the longest there first."""
        rows = self._database.read("SELECT * FROM studies WHERE state = ? ORDER BY changed_at LIMIT ?", state, count)
        return [study_of(row) for row in rows]

    def count_by_state(self) -> dict[StudyState, int]:
        """How many studies are in each state."""
        rows = self._database.read("SELECT state, count(*) AS n FROM studies GROUP BY state")
        return {StudyState(row["state"]): row["n"] for row in rows}

    def series(self, uid: str, *, missed: bool = True) -> tuple[Series, ...]:
        """The series of a study, without what is set aside, in the order of their UIDs.

        Args: uid: of the study; missed: also those images that were purged though the study is open again.
        """
        rows = self._database.read(
            "SELECT * FROM instances WHERE study_instance_uid = ? AND set_aside = '' AND (? OR file != ?)"
            " ORDER BY series_instance_uid, instance_number, sop_instance_uid",
            uid,
            missed,
            PURGED,
        )
        by_series: dict[str, list[Instance]] = {}
        for row in rows:
            by_series.setdefault(row["series_instance_uid"], []).append(_instance(row))
        return tuple(Series(series_uid, tuple(found)) for series_uid, found in by_series.items())

    def streaming(self, uid: str) -> Streaming:
        """Which open associations brought images of this study, and when the last image came over one of them."""
        row = self._database.read(
            "SELECT count(DISTINCT a.association) AS n, max(i.received_at) AS last FROM associations a"
            " JOIN instances i ON i.association = a.association"
            " WHERE a.closed_at IS NULL AND i.study_instance_uid = ?",
            uid,
        )[0]
        return Streaming(row["n"], row["last"] or 0.0)

    def ask(self, uid: str, who: str = "the operator") -> None:
        """Somebody wants it complete now: a receiving study at the next tick, a stopped one is released."""
        with self._database.write() as connection:
            state = self.get(uid).state
            if state in (StudyState.QUARANTINED, StudyState.IGNORED):
                move_study(connection, uid, StudyMove.RELEASED, f"released by {who}")
            elif state is StudyState.RECEIVING:
                connection.execute("UPDATE studies SET asked = 1 WHERE study_instance_uid = ?", (uid,))
                add_event(connection, f"completion asked for by {who}", uid)
            else:
                raise PermanentError(f"the study is {state}, there is nothing to complete", about=uid)

    def complete(self, study: StudyRow, reason: str, *, partial: bool, expected: int | None) -> bool:
        """RECEIVING -> COMPLETE, unless an image came in since `study` was read. True when it was done."""
        with self._database.write() as connection:
            now = connection.execute(
                "SELECT images, state FROM studies WHERE study_instance_uid = ?", (study.study_instance_uid,)
            ).fetchone()
            if now["images"] != study.images or now["state"] != StudyState.RECEIVING:
                return False
            connection.execute(
                "UPDATE studies SET partial = ?, expected = ? WHERE study_instance_uid = ?",
                (partial, expected, study.study_instance_uid),
            )
            move_study(connection, study.study_instance_uid, StudyMove.COMPLETED, reason)
        return True

    def quarantine(self, uid: str, reason: str) -> None:
        """Stop a study that contradicts itself."""
        with self._database.write() as connection:
            move_study(connection, uid, StudyMove.CONTRADICTION, reason)
            drop_unfinished(connection, uid, reason)

    def expired(self, before: float, count: int = 100) -> list[str]:
        """Closed or ignored studies whose last image came before that time and whose files are still here.

        A study waits while its rejection note has not reached every destination, and while an archive that is asked
        to keep its results has not promised it.
        """
        rows = self._database.read(
            f"SELECT study_instance_uid AS uid FROM {_WITH_FILES} AND last_at < ?"  # noqa: S608  our words
            f" AND NOT {STAYS} ORDER BY last_at LIMIT ?",
            before,
            count,
        )
        return [row["uid"] for row in rows]

    def delivered(self, before: float, count: int = 20) -> list[str]:
        """Studies whose files may go to make room, the longest without a new image first: nothing of them is open.

        What failed or is held may still be wanted, and so stays as long as age allows.
        """
        rows = self._database.read(
            f"SELECT study_instance_uid AS uid FROM {_WITH_FILES} AND last_at < ?"  # noqa: S608  our words
            f" AND NOT {STAYS} AND NOT EXISTS (SELECT 1 FROM analyses a"
            " WHERE a.study_instance_uid = studies.study_instance_uid AND a.state NOT IN (?, ?, ?, ?))"
            " ORDER BY last_at LIMIT ?",
            before,
            AnalysisState.DELIVERED,
            AnalysisState.SILENT,
            AnalysisState.DROPPED,
            AnalysisState.WITHDRAWN,
            count,
        )
        return [row["uid"] for row in rows]

    def purged(self, uid: str, series: Sequence[str] = ()) -> int:
        """How many images of these series, or of the whole study, were purged and have not come again."""
        with self._database.reading() as connection:
            return count_purged(connection, uid, series)

    def lost(self, uid: str, series: Sequence[str]) -> tuple[NotAssessed, ...]:
        """Images of these series whose files the disk has lost."""
        rows = self._database.read(
            "SELECT sop_instance_uid, sop_class_uid, series_instance_uid, set_aside AS reason FROM instances"
            " WHERE study_instance_uid = ? AND set_aside = ?"
            " AND series_instance_uid IN (SELECT value FROM json_each(?))"
            " ORDER BY series_instance_uid, instance_number, sop_instance_uid",
            uid,
            MISSING_FILE,
            json.dumps(list(series)),
        )
        return tuple(NotAssessed(**dict(row)) for row in rows)

    def paths(self, uid: str) -> list[str]:
        """Every file that was received for a study, what is set aside included; first what was not purged."""
        rows = self._database.read(
            "SELECT path FROM (SELECT path, file FROM instances WHERE study_instance_uid = ?1"
            " UNION SELECT path, '' FROM quarantine WHERE study_instance_uid = ?1)"
            " GROUP BY path ORDER BY min(file = ?2), path",
            uid,
            PURGED,
        )
        return [row["path"] for row in rows]

    def begin_purge(self, uid: str, before: float) -> list[str]:
        """The files that may be removed now; none when an image came in meanwhile.

        An image that comes in from here on is none of them, and takes the study out of the purge.
        """
        with self._database.write() as connection:
            changed = connection.execute(
                "UPDATE studies SET purged = 2 WHERE study_instance_uid = ? AND last_at < ?"  # noqa: S608  our words
                f" AND state IN (?, ?) AND NOT {STAYS}",
                (uid, before, StudyState.CLOSED, StudyState.IGNORED),
            ).rowcount
            sql = "UPDATE instances SET file = '' WHERE study_instance_uid = ? AND file != '' AND ?"
            connection.execute(sql, (uid, changed))
            return self.paths(uid) if changed else []

    def mark_purged(self, uid: str, before: float, gone: Sequence[str] = ()) -> None:
        """Its files are gone; its rows stay. What came again since that time goes with the next purge.

        Args: uid: of the study; before: as it was begun; gone: paths of what is not in the spool any more.
        """
        with self._database.write() as connection:
            sql = "UPDATE studies SET purged = 1 WHERE study_instance_uid = ? AND purged = 2 AND last_at < ?"
            if not connection.execute(sql, (uid, before)).rowcount:
                gone_with_it(connection, uid, gone)
            set_aside_with_it(connection, uid, gone)
            add_event(connection, "files purged", uid)

    def set_aside(self, uid: str = "", count: int = 1000) -> list[dict[str, object]]:
        """What was ever set aside, newest first; of one study, if given. `gone`: its file was purged since."""
        where = "WHERE q.study_instance_uid = ?" if uid else ""
        values = (uid, count) if uid else (count,)
        sql = f"SELECT q.*, {IS_GONE} AS gone FROM quarantine q {where} ORDER BY id DESC LIMIT ?"  # noqa: S608  our words
        return [dict(row) for row in self._database.read(sql, *values)]

    def count_set_aside(self) -> int:
        """How many objects are in quarantine: those whose files are here."""
        sql = f"SELECT count(*) FROM quarantine q WHERE q.purged = 0 AND NOT {IS_GONE}"  # noqa: S608  our words
        return int(self._database.read(sql)[0][0])


def study_of(row: sqlite3.Row) -> StudyRow:
    """A study as its row has it."""
    fields = {name: row[name] for name in StudyRow.__dataclass_fields__}
    fields.update(state=StudyState(row["state"]), partial=bool(row["partial"]), asked=bool(row["asked"]))
    return StudyRow(**fields)


def _instance(row: sqlite3.Row) -> Instance:
    fields = {name: row[name] for name in Instance.__dataclass_fields__ if name != "attributes"}
    return Instance(attributes=attributes_from(row["attributes"]), **fields)


def attributes_from(text: str) -> Attributes:
    """As a row has them."""
    attributes = json.loads(text)
    return Attributes(**attributes | {"image_type": tuple(attributes.get("image_type", ()))})
