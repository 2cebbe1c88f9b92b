"""Which files are here of a study whose files were purged, and which are missed since something of it came later.

`studies.purged` says whether its files are here (0), gone (1), or going, or gone but for what came since (2). Column
`file` of `instances` says what differs from that: a file that came AGAIN; or one that was PURGED though its study is
open again, so that its newest revision lacks it until it is sent again. So nothing has to be written to each row of a
study that is purged, and what the rule has removed is never taken for lost. All of it is in the caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence

from node.ledger.forgotten import not_here
from node.study import Arrival

#: Why an instance is left out that was acknowledged. It counts again once it is sent again.
MISSING_FILE = "its file is not in the spool any more, or not whole: the disk lost it, or somebody changed it"
#: Values of the column `file`; empty: as its study says.
AGAIN, PURGED = "AGAIN", "PURGED"
#: Of a row of `quarantine q`, whether its file was purged: with its study, or by itself.
IS_GONE = (
    "(q.purged = 1 OR EXISTS"
    " (SELECT 1 FROM studies s WHERE s.study_instance_uid = q.study_instance_uid AND s.purged = 1))"
)
#: Of a row of `instances i` and that of its study, `studies s`: whether its file is to be in the spool.
IS_HERE = f"(s.purged = 0 AND i.file = '' OR s.purged = 2 AND i.file = '{AGAIN}')"


def linger(connection: sqlite3.Connection, uid: str) -> bool:
    """Something of a study lies in the spool though its files are gone, or going: it is kept as long as any, then goes.

    False: they are here.
    """
    sql = "UPDATE studies SET purged = 2, forgotten = 0, last_at = ? WHERE study_instance_uid = ? AND purged != 0"
    return connection.execute(sql, (time.time(), uid)).rowcount > 0


def came_again(connection: sqlite3.Connection, arrival: Arrival) -> None:
    """The file of an instance that is known lies in the spool again, whatever had become of it."""
    file = AGAIN if linger(connection, arrival.study_instance_uid) else ""
    connection.execute(  # its size is another one after another sender's title was written before the same dataset
        "UPDATE instances SET file = ?1, path = ?2, size = ?3 WHERE sop_instance_uid = ?4"
        " AND (file, path, size) != (?1, ?2, ?3)",
        (file, arrival.path, arrival.size, arrival.sop_instance_uid),
    )


def begin_revision(connection: sqlite3.Connection, uid: str) -> int | None:
    """A study begins a new revision: what is here of it counts, and what was purged is missed; how many that are.

    None: its files were not purged. What the disk had lost before is missed in the same way.
    """
    sql = "UPDATE studies SET purged = 0, forgotten = 0, last_at = ? WHERE study_instance_uid = ? AND purged != 0"
    if not connection.execute(sql, (time.time(), uid)).rowcount:
        return None
    connection.execute(
        "UPDATE instances SET file = ?, set_aside = CASE set_aside WHEN ? THEN '' ELSE set_aside END"
        " WHERE study_instance_uid = ? AND file != ?",
        (PURGED, MISSING_FILE, uid, AGAIN),
    )
    connection.execute("UPDATE instances SET file = '' WHERE study_instance_uid = ? AND file = ?", (uid, AGAIN))
    _recount(connection, uid)
    return count_purged(connection, uid)


def gone_with_it(connection: sqlite3.Connection, uid: str, paths: Sequence[str]) -> None:
    """These files of a study were removed with it, though some of them had come again while it was purged."""
    changed = connection.execute(
        "UPDATE instances SET file = CASE (SELECT purged FROM studies s WHERE s.study_instance_uid = ?1)"
        " WHEN 0 THEN ?2 ELSE '' END"
        " WHERE study_instance_uid = ?1 AND path IN (SELECT value FROM json_each(?3)) AND file IN ('', ?4)",
        (uid, PURGED, json.dumps(paths), AGAIN),
    ).rowcount
    if changed:
        _recount(connection, uid)


def set_aside_with_it(connection: sqlite3.Connection, uid: str, paths: Sequence[str]) -> None:
    """The files of what was set aside of a study went with it; what comes again from here on counts again."""
    connection.execute(
        "UPDATE quarantine SET purged = 1"
        " WHERE study_instance_uid = ? AND purged = 0 AND path IN (SELECT value FROM json_each(?))",
        (uid, json.dumps(paths)),
    )


def count_purged(connection: sqlite3.Connection, uid: str, series: Sequence[str] = ()) -> int:
    """How many images of these series, or of the whole study, were purged; with those whose rows are gone, too."""
    count: int = connection.execute(
        "SELECT count(*) FROM instances i JOIN studies s ON s.study_instance_uid = i.study_instance_uid"  # noqa: S608
        f" WHERE i.study_instance_uid = ?1 AND i.set_aside = '' AND NOT {IS_HERE}"
        " AND (?2 = '[]' OR i.series_instance_uid IN (SELECT value FROM json_each(?2)))",
        (uid, json.dumps(list(series))),
    ).fetchone()[0]
    return count + not_here(connection, uid)


def _recount(connection: sqlite3.Connection, uid: str) -> None:
    """Of a study that is open again those images count that are here."""
    connection.execute(
        "UPDATE studies SET (images, bytes) = (SELECT count(*), coalesce(sum(i.size), 0) FROM instances i"
        " WHERE i.study_instance_uid = ?1 AND i.set_aside = '' AND i.file = '')"
        " WHERE study_instance_uid = ?1 AND purged = 0",
        (uid,),
    )
