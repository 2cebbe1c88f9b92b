"""What the receivers write: associations, and instances whose bytes are already synced."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.ledger.database import Database
from node.ledger.documents import add_document, is_late_document
from node.ledger.events import add_event
from node.ledger.forgotten import Memory, memory_of, was_made_here
from node.ledger.instances import insert
from node.ledger.moves import drop_unfinished, move_study
from node.ledger.priors import claim
from node.ledger.purging import MISSING_FILE, PURGED, begin_revision, came_again, linger
from node.ledger.reports import study_came
from node.states import StudyMove, StudyState
from node.study import MANUFACTURER, Arrival, Outcome

#: Reasons shown to the operator.
OTHER_CONTENT = "the same SOP Instance UID came before with other content; the first copy is kept"
OWN_RESULT = "made by this node: never analysed"
OTHER_PATIENT = "a report of another patient than the images of its study"
TWO_PATIENTS = "images of two patients in one study: check the demographics at the source, then release or drop it"


class Arrivals:
    """Writes what arrives. Every method is one transaction; raises :class:`~node.errors.LedgerBusy`.

    Args:
        database: of the ledger.
        most_objects: in one study; 0: no limit.
        most_bytes: of the files of one study; 0: no limit.
    """

    def __init__(self, database: Database, most_objects: int = 0, most_bytes: int = 0) -> None:
        self._database, self._most = database, _Most(most_objects, most_bytes)

    def open_association(self, association: str, calling_ae: str, called_ae: str, peer: str) -> None:
        """An association brings its first instance: until it is closed, its studies stay open."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO associations (association, calling_ae, called_ae, peer, receiver, opened_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (association, calling_ae, called_ae, peer, os.getpid(), time.time()),
            )

    def close_association(self, association: str, ending: str) -> None:
        """It ended: `released`, `aborted`, or why it was cut."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE associations SET closed_at = ?, ending = ? WHERE association = ?",
                (time.time(), ending, association),
            )

    def close_associations_of(self, receiver: int, ending: str) -> None:
        """A receiver process ended without a word: its associations hold no study open any longer."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE associations SET closed_at = ?, ending = ? WHERE closed_at IS NULL AND receiver = ?",
                (time.time(), ending, receiver),
            )

    def receivers(self) -> list[int]:
        """Process ids of those who have an association open."""
        rows = self._database.read("SELECT DISTINCT receiver FROM associations WHERE closed_at IS NULL")
        return [row["receiver"] for row in rows]

    def close_all_associations(self, ending: str) -> None:
        """At the start of the node, before receivers run: no association of an earlier life is open."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE associations SET closed_at = ?, ending = ? WHERE closed_at IS NULL", (time.time(), ending)
            )

    def record(self, arrivals: Sequence[Arrival], settle: Sequence[Callable[[], None]] = ()) -> list[Outcome]:
        """Record instances in one commit; when it returns, they may be acknowledged. One outcome each, in order.

        Args:
            arrivals: of the instances.
            settle: returns when the file of one of them is durable: no row is committed before. What it raises is
                raised, and nothing is recorded.
        """
        with self._database.write() as connection:
            outcomes = [_record(connection, arrival, self._most) for arrival in arrivals]
            for wait in settle:
                wait()
            return outcomes


@dataclass(frozen=True)
class _Most:
    """What one study may hold; 0: no limit."""

    objects: int
    bytes: int

    def exceeded(self, connection: sqlite3.Connection, arrival: Arrival) -> str:
        """Why its study has no room for it; empty when it has."""
        sql = "SELECT images, bytes FROM studies WHERE study_instance_uid = ?"
        images, size = connection.execute(sql, (arrival.study_instance_uid,)).fetchone() or (0, 0)
        if self.objects and images >= self.objects:
            return f"its study has {self.objects} objects already: receive.max_study_objects"
        if self.bytes and size + arrival.size > self.bytes:
            return f"its study would have more than {self.bytes >> 20} MiB: receive.max_study_mb"
        return ""


def _record(connection: sqlite3.Connection, arrival: Arrival, most: _Most) -> Outcome:
    if arrival.defect:
        return _set_aside(connection, arrival, arrival.defect)
    known = connection.execute(
        "SELECT sha256, set_aside, file FROM instances WHERE sop_instance_uid = ?", (arrival.sop_instance_uid,)
    ).fetchone()
    if known is not None:
        return _take_known(connection, arrival, known)
    memory = memory_of(connection, arrival)
    if memory is Memory.OTHER:
        return _set_aside(connection, arrival, OTHER_CONTENT)
    made_here = _is_made_here(connection, arrival)
    if made_here or arrival.attributes.manufacturer.casefold() == MANUFACTURER:
        insert(connection, arrival, set_aside=OWN_RESULT)
        linger(connection, arrival.study_instance_uid)
        _event(connection, "own result came back", arrival)
        if not made_here:
            add_document(connection, arrival)  # a reader may have verified it
        return Outcome.OWN_RESULT
    if memory is Memory.SAME:
        return _take_again(connection, arrival)
    if reason := most.exceeded(connection, arrival):
        return _set_aside(connection, arrival, reason)
    if is_late_document(connection, arrival):
        return _take_late_document(connection, arrival)
    claim(connection, arrival, is_new=True)
    insert(connection, arrival)
    _event(connection, "received", arrival)
    _take_into_study(connection, arrival)
    add_document(connection, arrival)
    return Outcome.NEW


def _take_known(connection: sqlite3.Connection, arrival: Arrival, known: sqlite3.Row) -> Outcome:
    """It came before: that changes nothing, unless its file is missed."""
    if known["sha256"] != arrival.sha256:
        return _set_aside(connection, arrival, OTHER_CONTENT)
    came_again(connection, arrival)
    if known["set_aside"] == MISSING_FILE:
        return _take_back(connection, arrival, "its file, which was missing, is back")
    if known["file"] == PURGED and not known["set_aside"]:
        return _take_back(connection, arrival, "its file, which was purged, is back")
    _event(connection, "received again", arrival)
    claim(connection, arrival, is_new=False)
    return Outcome.DUPLICATE


def _take_back(connection: sqlite3.Connection, arrival: Arrival, reason: str) -> Outcome:
    """Its file had gone from the spool, and is there again: it counts as a late image."""
    sql = "UPDATE instances SET set_aside = '' WHERE sop_instance_uid = ?"
    connection.execute(sql, (arrival.sop_instance_uid,))
    _event(connection, "received again", arrival, reason=reason)
    claim(connection, arrival, is_new=True)
    _take_into_study(connection, arrival)
    return Outcome.NEW


def _take_again(connection: sqlite3.Connection, arrival: Arrival) -> Outcome:
    """Its row was removed with those of its study: it has one again, and a file for `keep_days`; it is not analysed.

    Unless something new came since: then it is missed.
    """
    insert(connection, arrival)
    _event(connection, "received again", arrival, reason="its rows were removed, and it is known")
    is_missed = not linger(connection, arrival.study_instance_uid)
    claim(connection, arrival, is_new=is_missed)
    if is_missed:
        _take_into_study(connection, arrival)
    return Outcome.NEW if is_missed else Outcome.DUPLICATE


def _is_made_here(connection: sqlite3.Connection, arrival: Arrival) -> bool:
    sql = "SELECT 1 FROM results WHERE sop_instance_uid = ?"
    row = connection.execute(sql, (arrival.sop_instance_uid,)).fetchone()
    return row is not None or was_made_here(connection, arrival)


def _take_late_document(connection: sqlite3.Connection, arrival: Arrival) -> Outcome:
    """It belongs to the study and changes nothing that was, or is being, analysed."""
    uid = arrival.study_instance_uid
    (key,) = connection.execute("SELECT patient_key FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone()
    if key != arrival.patient_key:
        return _set_aside(connection, arrival, OTHER_PATIENT)
    insert(connection, arrival)
    linger(connection, uid)
    _count(connection, arrival)
    _event(connection, "received", arrival)
    add_document(connection, arrival)
    return Outcome.NEW


def _set_aside(connection: sqlite3.Connection, arrival: Arrival, reason: str) -> Outcome:
    connection.execute(
        "INSERT INTO quarantine (sop_instance_uid, study_instance_uid, sha256, path, size, reason, association,"
        " received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET purged = 0,"
        " received_at = CASE purged WHEN 0 THEN received_at ELSE excluded.received_at END",
        (
            arrival.sop_instance_uid,
            arrival.study_instance_uid,
            arrival.sha256,
            arrival.path,
            arrival.size,
            reason,
            arrival.association,
            time.time(),
        ),
    )
    linger(connection, arrival.study_instance_uid)
    _event(connection, "set aside", arrival, reason=reason)
    return Outcome.SET_ASIDE


def _count(connection: sqlite3.Connection, arrival: Arrival) -> None:
    connection.execute(
        "UPDATE studies SET images = images + 1, bytes = bytes + ?, last_at = ? WHERE study_instance_uid = ?",
        (arrival.size, time.time(), arrival.study_instance_uid),
    )


def _take_into_study(connection: sqlite3.Connection, arrival: Arrival) -> None:
    """Count the image, reopen the study when it is late, stop it when it is somebody else's."""
    uid = arrival.study_instance_uid
    study = connection.execute("SELECT * FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone()
    purged = begin_revision(connection, uid)
    if purged is None:
        _count(connection, arrival)
    if study["images"] == 0:  # an own result that came before says nothing of patient and sender
        connection.execute(
            "UPDATE studies SET patient_key = ?, person_key = ?, order_key = ?, sender = ?"
            " WHERE study_instance_uid = ?",
            (arrival.patient_key, arrival.person_key, arrival.order_key, arrival.attributes.calling_ae, uid),
        )
        study_came(connection, uid, arrival.order_key)
        study = {**dict(study), "patient_key": arrival.patient_key}
    state = StudyState(study["state"])
    if state not in (StudyState.RECEIVING, StudyState.QUARANTINED):
        late = state is not StudyState.IGNORED or study["images"] > 0
        move_study(connection, uid, StudyMove.IMAGE_ARRIVED, _why_late(purged) if late else "")
        if late:
            connection.execute("UPDATE studies SET revision = revision + 1 WHERE study_instance_uid = ?", (uid,))
            drop_unfinished(connection, uid, "a late image came: the next revision takes its place")
    if study["patient_key"] != arrival.patient_key and state is not StudyState.QUARANTINED:
        move_study(connection, uid, StudyMove.CONTRADICTION, TWO_PATIENTS)


def _why_late(purged: int | None) -> str:
    late = "a late image makes a new revision"
    return f"{late}; {purged} of the earlier ones were purged" if purged else late


def _event(connection: sqlite3.Connection, action: str, arrival: Arrival, reason: str = "") -> None:
    add_event(
        connection,
        action,
        arrival.study_instance_uid,
        sop_instance_uid=arrival.sop_instance_uid,
        calling_ae=arrival.attributes.calling_ae,
        reason=reason,
    )
