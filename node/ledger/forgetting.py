"""Rows of what is long over go: of studies whose files are gone, and the oldest lines of the trail.

What never goes: the row of the study, with its revision, so that no result of a later one has the UID of an earlier
one's; what :mod:`node.ledger.forgotten` knows; and a line of the trail for every part of it that went, so that the
chain is verified across the gap (:mod:`node.ledger.chain`).
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby, takewhile

from node.ledger.arrivals import OWN_RESULT
from node.ledger.audited import SENT as AUDIT_SENT
from node.ledger.chain import SHORTENED, SHORTENED_UP_TO, kept_of
from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.forgotten import remember
from node.ledger.studies import STAYS
from node.ledger.workitems import OPEN as OPEN_WORKITEM
from node.states import AnalysisState, StudyState

#: Shown to the operator.
FORGOTTEN = "its rows were removed (storage.keep_rows_days): what is sent again of it is known, and not analysed again"

#: Lines of the trail in one transaction.
PART = 2000
_OVER = (AnalysisState.DELIVERED, AnalysisState.SILENT, AnalysisState.DROPPED, AnalysisState.WITHDRAWN)
_OVER_WORDS = ", ".join(f"'{state}'" for state in _OVER)
#: Whether somebody has still to acknowledge a critical finding of a row of `studies`.
_CRITICAL = (
    "EXISTS (SELECT 1 FROM facts f JOIN analyses a ON a.id = json_extract(f.value, '$.analysis_id')"  # noqa: S608
    " WHERE f.name BETWEEN 'critical open ' AND 'critical open ~'"
    " AND a.study_instance_uid = studies.study_instance_uid"
    f" AND a.state NOT IN ('{AnalysisState.WITHDRAWN}', '{AnalysisState.SILENT}'))"
)
#: Studies that are over, and whose files are gone; in the words of the index of just these rows. What failed or is held
#: waits for the operator. The newest analysis stays, so that no other ever has its number.
_FORGETTABLE = (
    "studies INDEXED BY studies_to_forget WHERE purged = 1 AND forgotten = 0"  # noqa: S608  our words
    f" AND state IN ('{StudyState.CLOSED}', '{StudyState.IGNORED}') AND last_at < :before AND changed_at < :before"
    f" AND NOT {STAYS} AND NOT {_CRITICAL}"
    " AND NOT EXISTS (SELECT 1 FROM analyses a WHERE a.study_instance_uid = studies.study_instance_uid"
    f" AND (a.state NOT IN ({_OVER_WORDS}) OR a.changed_at >= :before OR a.id = (SELECT max(id) FROM analyses)))"
    " AND NOT EXISTS (SELECT 1 FROM inputs n JOIN workitems w USING (workitem_uid)"
    f" WHERE n.study_instance_uid = studies.study_instance_uid AND w.{OPEN_WORKITEM})"
    " AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.study_instance_uid = studies.study_instance_uid AND d.read = 0)"
)
#: Whether a line of `events` never goes: a record refers to it, or it says of others that they are gone.
_LINE_STAYS = f"(action = '{SHORTENED}' OR EXISTS (SELECT 1 FROM evaluations v WHERE v.event = events.id))"  # noqa: S608
#: Tables whose rows belong to an analysis, then those whose rows belong to a study: first those that refer to others.
_OF_ANALYSES = ("observations", "silent", "comparisons", "assessments", "reviews", "deliveries", "results")
_OF_STUDIES = ("documents", "inputs", "fetches", "quarantine", "instances", "analyses")
#: Workitems that are about the study alone, as far as anything is known of them.
_LAST_OF_WORKITEMS = (
    "DELETE FROM workitems WHERE workitem_uid IN (SELECT workitem_uid FROM inputs n WHERE study_instance_uid = ?"
    " AND NOT EXISTS (SELECT 1 FROM inputs o WHERE o.workitem_uid = n.workitem_uid AND o.study_instance_uid != ?))"
)
#: Critical findings of a study.
_CRITICALS = "name BETWEEN 'critical ' AND 'critical ~' AND json_extract(value, '$.study_instance_uid') = ?"


@dataclass(frozen=True)
class Lines:
    """The oldest lines of the trail. `count`: of those that may go; `last`: number of the last one that was looked at;
    `runs`: number and digest at the end of each gap; `kept`: what is kept of the digests.
    """

    count: int
    last: int
    runs: tuple[tuple[int, str], ...]
    kept: bytes


class Forgetting:
    """Removes the rows of a study, or lines of the trail, in a transaction; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def studies(self, before: float, count: int = 100) -> list[str]:
        """Studies whose rows may go, the longest without a new image first. Args: before: they were over then."""
        sql = f"SELECT study_instance_uid AS uid FROM {_FORGETTABLE} ORDER BY last_at LIMIT :count"  # noqa: S608
        with self._database.reading() as connection:
            return [row["uid"] for row in connection.execute(sql, {"before": before, "count": count})]

    def forget(self, uid: str, before: float) -> bool:
        """Remove the rows of one; False when something of it has begun again meanwhile."""
        sql = f"SELECT 1 FROM {_FORGETTABLE} AND study_instance_uid = :uid"  # noqa: S608  our words
        with self._database.write() as connection:
            if connection.execute(sql, {"before": before, "uid": uid}).fetchone() is None:
                return False
            gone = _remember(connection, uid)
            _remove(connection, uid)
            connection.execute(
                "UPDATE studies SET forgotten = 1, reason = ? WHERE study_instance_uid = ?", (FORGOTTEN, uid)
            )
            add_event(connection, "rows forgotten", uid, **gone)
        return True

    def lines(self, before: float) -> int:
        """How many lines of the trail are older, and may go."""
        with self._database.reading() as connection:
            count, after = 0, _shortened_up_to(connection)
            while part := _oldest(connection, after, before):
                count, after = count + part.count, part.last
        return count

    def shortened_at(self) -> float:
        """When the trail was shortened last; 0: never."""
        rows = self._database.read("SELECT at FROM facts WHERE name = ?", SHORTENED_UP_TO)
        return float(rows[0]["at"]) if rows else 0.0

    def shorten(self, before: float, least: int = 1) -> int:
        """Remove at most :data:`PART` of the oldest lines of the trail; how many went.

        Those that records refer to stay. Args: least: so many, or none: each time a line is added that says it.
        """
        with self._database.write() as connection:
            after = _shortened_up_to(connection)
            part = _oldest(connection, after, before)
            if part is None or part.count < least:
                return 0
            values = (SHORTENED_UP_TO, str(part.last), time.time())
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", values)
            sql = f"DELETE FROM events WHERE id > ? AND id <= ? AND NOT {_LINE_STAYS}"  # noqa: S608  our words
            connection.execute(sql, (after, part.last))
            digests = sha256(part.kept).hexdigest()
            add_event(connection, SHORTENED, events=part.count, runs=part.runs, digests=digests)
            sql = "INSERT INTO removed_lines VALUES ((SELECT max(id) FROM events), ?)"
            connection.execute(sql, (part.kept,))
        return part.count


def _remember(connection: sqlite3.Connection, uid: str) -> dict[str, int]:
    """Keep what must be known of its rows, beside what is known already; how many rows there are."""
    of_study = (
        "SELECT sop_instance_uid, sha256, set_aside FROM instances"
        " WHERE study_instance_uid = ? ORDER BY sop_instance_uid"
    )
    of_analyses = (
        "SELECT r.sop_instance_uid FROM results r JOIN analyses a ON a.id = r.analysis_id"
        " WHERE a.study_instance_uid = ? ORDER BY r.sop_instance_uid"
    )
    rows = connection.execute(of_study, (uid,)).fetchall()
    instances = [(row[0], row[1]) for row in rows]
    results = [row[0] for row in connection.execute(of_analyses, (uid,))]
    came_back = [row[0] for row in rows if row["set_aside"] == OWN_RESULT and row[0] not in results]
    connection.execute(
        "INSERT INTO forgotten VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
        " SET instances = CAST(excluded.instances || instances AS BLOB),"
        " results = CAST(excluded.results || results AS BLOB)",
        (uid, *remember(instances, results + came_back)),
    )
    return {"instances": len(instances), "results": len(results)}


def _remove(connection: sqlite3.Connection, uid: str) -> None:
    analyses = [row[0] for row in connection.execute("SELECT id FROM analyses WHERE study_instance_uid = ?", (uid,))]
    associations = "SELECT DISTINCT association FROM instances WHERE study_instance_uid = ?"
    sql = f"DELETE FROM associations WHERE closed_at IS NOT NULL AND association IN ({associations})"  # noqa: S608  ours
    connection.execute(sql, (uid,))
    for table in _OF_ANALYSES:
        connection.executemany(f"DELETE FROM {table} WHERE analysis_id = ?", ((one,) for one in analyses))  # noqa: S608
    connection.execute(f"DELETE FROM facts WHERE {_CRITICALS}", (uid,))  # noqa: S608  our words
    connection.execute(_LAST_OF_WORKITEMS, (uid, uid))
    for table in _OF_STUDIES:
        connection.execute(f"DELETE FROM {table} WHERE study_instance_uid = ?", (uid,))  # noqa: S608  our names


def _shortened_up_to(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (SHORTENED_UP_TO,)).fetchone()
    return int(row["value"]) if row else 0


def _oldest(connection: sqlite3.Connection, after: int, before: float) -> Lines | None:
    """The next lines that may go: all older, none that a collector waits for, and never the newest."""
    sent = connection.execute("SELECT value FROM facts WHERE name = ?", (AUDIT_SENT,)).fetchone()
    newest = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0]
    most = min(int(sent["value"]) if sent else newest, newest - 1)
    sql = (
        f"SELECT id, at, hash, {_LINE_STAYS} AS stays"  # noqa: S608  our words
        " FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
    )
    rows = connection.execute(sql, (after, most, PART)).fetchall()
    old = list(takewhile(lambda row: row["at"] < before, rows))
    runs = [list(run) for stays, run in groupby(old, lambda row: row["stays"]) if not stays]
    if not runs:
        return None
    kept = b"".join(kept_of(row["hash"]) for run in runs for row in run)
    return Lines(sum(map(len, runs)), old[-1]["id"], tuple((run[-1]["id"], run[-1]["hash"]) for run in runs), kept)
