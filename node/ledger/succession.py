"""Which of several signed reports of the same thing counts, whatever the order in which they come."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from node.ledger.events import add_event
from node.reviews import REPORT_TEXT, SIGNED_SR, is_earlier

#: Why a report counts for nothing.
OLDER = "a report that was changed later came before it"


@dataclass(frozen=True)
class Signed:
    """A report that is read by its words.

    Attributes:
        predecessors: reports that it replaces, by SOP Instance UID.
        waits: its study is not answered yet.
        subject: reports of a study with the same one are versions of one; empty: of none.
        signed_at: which of them is the newest, for :func:`~node.reviews.is_earlier`.
    """

    predecessors: tuple[str, ...]
    waits: bool = False
    subject: str = ""
    signed_at: str = ""


def replace_reports(connection: sqlite3.Connection, number: int, uid: str) -> None:
    """A report in a message came: what is older, of the same order, counts no more, whichever came first.

    In the caller's transaction. Args: number: of its row; uid: the study that it is of, if that is known.
    """
    new = connection.execute("SELECT * FROM reports WHERE id = ?", (number,)).fetchone()
    rows = connection.execute(
        "SELECT * FROM reports WHERE report_key = ? AND report_key != '' AND source = ? AND id != ? AND replaced = 0"
        " AND status != 'ASIDE' AND (control_id != ? OR sha256 != ?)",
        (new["report_key"], new["source"], number, new["control_id"], new["sha256"]),
    ).fetchall()
    for old in rows:
        is_late = _is_older(new, old)
        earlier, later = (new, old) if is_late else (old, new)
        origin = f"report message {old['id']}"
        if _stands_beside(earlier, later):
            if is_late:  # it is read again, behind this one, so that it keeps the last word
                connection.execute("UPDATE reports SET due = due + 1 WHERE id = ?", (old["id"],))
                replace_reviews(connection, origin)
        elif is_late:
            sql = "UPDATE reports SET replaced = 1, due = 0, reason = ? WHERE id = ?"
            connection.execute(sql, (OLDER, number))
        else:
            connection.execute("UPDATE reports SET replaced = 1, due = 0 WHERE id = ?", (old["id"],))
            replace_reviews(connection, origin)
            of = uid or old["study_instance_uid"]
            add_event(connection, "report replaced", of, source=new["source"], status=new["status"])


def _is_older(new: sqlite3.Row, old: sqlite3.Row) -> bool:
    """By when its status changed, else by when its message was made; where neither tells, the order of coming.

    But a report stands before its correction and its addendum, also where that came first.
    """
    for moment in ("told_at", "sent_at"):
        found = is_earlier(new[moment], old[moment])
        if found is not None:
            return found
    is_first = new["status"] == "FINAL" and not new["adds"]
    return is_first and bool(old["adds"] or old["status"] == "CORRECTED") and not old["takes_back"]


def _stands_beside(earlier: sqlite3.Row, later: sqlite3.Row) -> bool:
    """Whether both count: an addendum replaces nothing, unless it takes addenda back."""
    return bool(later["adds"]) and not (later["takes_back"] and earlier["adds"])


def replace_documents(connection: sqlite3.Connection, uid: str, number: str, signed: Signed) -> bool:
    """A signed Structured Report was read: whether another one of its study replaces it; those it replaces itself.

    So does one that has it as a predecessor (PS3.3 C.17.2), and the newest of those with one subject; the order in
    which they come is no matter. In the caller's transaction.

    Args:
        connection: to the ledger.
        uid, number: of the study and the report.
        signed: what of it decides.
    """
    sql = "UPDATE documents SET signed = 1, predecessors = ?, subject = ?, signed_at = ? WHERE sop_instance_uid = ?"
    connection.execute(sql, (json.dumps(signed.predecessors), signed.subject, signed.signed_at, number))
    of_study = "SELECT * FROM documents WHERE study_instance_uid = ? AND signed = 1"
    rows = {row["sop_instance_uid"]: row for row in connection.execute(of_study, (uid,))}
    this = rows.pop(number)
    gone, is_replaced = rows.keys() & set(signed.predecessors), False
    for other, row in rows.items():
        if number in json.loads(row["predecessors"]):
            is_replaced = True
        elif row["subject"] == signed.subject != "" and other not in gone:
            if _is_older_version(this, row):
                is_replaced = True
            else:
                gone.add(other)
    for one in (*gone, *([number] if is_replaced else ())):
        sql = "UPDATE documents SET replaced = 1, due = 0, read = 1 WHERE sop_instance_uid = ? AND replaced = 0"
        if connection.execute(sql, (one,)).rowcount:
            replace_reviews(connection, REPORT_TEXT + one)
            add_event(connection, "report replaced", uid, source=SIGNED_SR, sop_instance_uid=one)
    return is_replaced


def _is_older_version(one: sqlite3.Row, other: sqlite3.Row) -> bool:
    """By when they were verified; where that does not tell, by when they came."""
    found = is_earlier(one["signed_at"], other["signed_at"])
    return one["received_at"] < other["received_at"] if found is None else found


def replace_reviews(connection: sqlite3.Connection, origin: str, but: Collection[int] = ()) -> None:
    """What a report said counts no more, in the caller's transaction; but of answers of these analyses."""
    sql = "SELECT id, analysis_id FROM reviews WHERE origin = ? AND replaced = 0"
    gone = [row["id"] for row in connection.execute(sql, (origin,)) if row["analysis_id"] not in but]
    connection.executemany("UPDATE reviews SET replaced = 1 WHERE id = ?", [(number,) for number in gone])
