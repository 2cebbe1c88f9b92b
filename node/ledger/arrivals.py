"""What the receivers write: associations, and instances whose bytes are already synced."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.ledger.database import Database
from node.ledger.documents import add_document, is_late_document
from node.ledger.events import add_event
from node.ledger.forgotten import Memory, memory_of, was_made_here
from node.ledger.moves import drop_unfinished, move_study
from node.ledger.priors import claim
from node.ledger.reports import study_came
from node.ledger.upkeep import MISSING_FILE
from node.states import StudyMove, StudyState
from node.study import MANUFACTURER, Arrival, Attributes, Outcome

#: Reasons shown to the operator.
OTHER_CONTENT = "the same SOP Instance UID came before with other content; the first copy is kept"
OWN_RESULT = "made by this node: never analysed"
OTHER_PATIENT = "a report of another patient than the images of its study"
TWO_PATIENTS = "images of two patients in one study: check the demographics at the source, then release or drop it"


_NOTHING = vars(Attributes())


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

    def record(self, arrivals: Sequence[Arrival]) -> list[Outcome]:
        """Record instances in one commit; when it returns, they may be acknowledged. One outcome each, in order."""
        with self._database.write() as connection:
            return [_record(connection, arrival, self._most) for arrival in arrivals]


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
        "SELECT sha256, set_aside, size FROM instances WHERE sop_instance_uid = ?", (arrival.sop_instance_uid,)
    ).fetchone()
    if known is not None:
        if known["sha256"] != arrival.sha256:
            return _set_aside(connection, arrival, OTHER_CONTENT)
        if known["set_aside"] == MISSING_FILE:
            return _take_back(connection, arrival)
        if known["size"] != arrival.size:  # written anew, with another sender's title before the same dataset
            sql = "UPDATE instances SET size = ? WHERE sop_instance_uid = ?"
            connection.execute(sql, (arrival.size, arrival.sop_instance_uid))
        _purge_again(connection, arrival)
        _event(connection, "received again", arrival)
        claim(connection, arrival, is_new=False)
        return Outcome.DUPLICATE
    memory = memory_of(connection, arrival)
    if memory is Memory.OTHER:
        return _set_aside(connection, arrival, OTHER_CONTENT)
    if memory is Memory.SAME:
        return _take_again(connection, arrival)
    made_here = _is_made_here(connection, arrival)
    if made_here or arrival.attributes.manufacturer.casefold() == MANUFACTURER:
        _insert(connection, arrival, set_aside=OWN_RESULT)
        _purge_again(connection, arrival)
        _event(connection, "own result came back", arrival)
        if not made_here:
            add_document(connection, arrival)  # a reader may have verified it
        return Outcome.OWN_RESULT
    if reason := most.exceeded(connection, arrival):
        return _set_aside(connection, arrival, reason)
    if is_late_document(connection, arrival):
        return _take_late_document(connection, arrival)
    claim(connection, arrival, is_new=True)
    _insert(connection, arrival)
    _event(connection, "received", arrival)
    _take_into_study(connection, arrival)
    add_document(connection, arrival)
    return Outcome.NEW


def _take_back(connection: sqlite3.Connection, arrival: Arrival) -> Outcome:
    """Its file had gone from the spool, and is there again: it counts as a late image."""
    sql = "UPDATE instances SET set_aside = '', path = ? WHERE sop_instance_uid = ?"
    connection.execute(sql, (arrival.path, arrival.sop_instance_uid))
    _event(connection, "received again", arrival, reason="its file, which was missing, is back")
    _take_into_study(connection, arrival)
    return Outcome.NEW


def _purge_again(connection: sqlite3.Connection, arrival: Arrival) -> None:
    """Its file lies in the spool, though those of its study are gone or going: it is kept as long as any, then goes."""
    connection.execute(
        "UPDATE studies SET purged = 2, forgotten = 0, last_at = ? WHERE study_instance_uid = ? AND purged != 0",
        (time.time(), arrival.study_instance_uid),
    )


def _take_again(connection: sqlite3.Connection, arrival: Arrival) -> Outcome:
    """Its row was removed with those of its study: it has one again, and a file for `keep_days`; it is not analysed."""
    _insert(connection, arrival)
    sql = "UPDATE studies SET last_at = ?, purged = 0, forgotten = 0 WHERE study_instance_uid = ?"
    connection.execute(sql, (time.time(), arrival.study_instance_uid))
    _event(connection, "received again", arrival, reason="its rows were removed, and it is known")
    claim(connection, arrival, is_new=False)
    return Outcome.DUPLICATE


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
    _insert(connection, arrival)
    _count(connection, arrival)
    _event(connection, "received", arrival)
    add_document(connection, arrival)
    return Outcome.NEW


def _set_aside(connection: sqlite3.Connection, arrival: Arrival, reason: str) -> Outcome:
    connection.execute(
        "INSERT OR IGNORE INTO quarantine (sop_instance_uid, study_instance_uid, sha256, path, size, reason,"
        " association, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
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
    _purge_again(connection, arrival)
    _event(connection, "set aside", arrival, reason=reason)
    return Outcome.SET_ASIDE


def _insert(connection: sqlite3.Connection, arrival: Arrival, set_aside: str = "") -> None:
    now = time.time()
    connection.execute(
        "INSERT OR IGNORE INTO studies (study_instance_uid, state, patient_key, sender, first_at, last_at, changed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            arrival.study_instance_uid,
            StudyState.IGNORED if set_aside else StudyState.RECEIVING,
            arrival.patient_key,
            arrival.attributes.calling_ae,
            now,
            now,
            now,
        ),
    )
    row = {
        "sop_instance_uid": arrival.sop_instance_uid,
        "study_instance_uid": arrival.study_instance_uid,
        "series_instance_uid": arrival.series_instance_uid,
        "sop_class_uid": arrival.sop_class_uid,
        "transfer_syntax_uid": arrival.transfer_syntax_uid,
        "path": arrival.path,
        "size": arrival.size,
        "sha256": arrival.sha256,
        "patient_key": arrival.patient_key,
        "instance_number": arrival.instance_number,
        "study_images": arrival.study_images,
        "acquisition_images": arrival.acquisition_images,
        "attributes": json.dumps(_told(arrival.attributes), separators=(",", ":")),
        "set_aside": set_aside,
        "association": arrival.association,
        "received_at": now,
    }
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO instances ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608  our names


def _told(attributes: Attributes) -> dict[str, Any]:  # JSON's edge
    """What it says beyond the defaults: with all of it a row would not fit where SQLite keeps rows together."""
    return {name: value for name, value in vars(attributes).items() if value != _NOTHING[name]}


def _count(connection: sqlite3.Connection, arrival: Arrival) -> None:
    connection.execute(
        "UPDATE studies SET images = images + 1, bytes = bytes + ?, last_at = ?, purged = 0, forgotten = 0"
        " WHERE study_instance_uid = ?",
        (arrival.size, time.time(), arrival.study_instance_uid),
    )


def _take_into_study(connection: sqlite3.Connection, arrival: Arrival) -> None:
    """Count the image, reopen the study when it is late, stop it when it is somebody else's."""
    uid = arrival.study_instance_uid
    study = connection.execute("SELECT * FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone()
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
        move_study(connection, uid, StudyMove.IMAGE_ARRIVED, "a late image makes a new revision" if late else "")
        if late:
            connection.execute("UPDATE studies SET revision = revision + 1 WHERE study_instance_uid = ?", (uid,))
            drop_unfinished(connection, uid, "a late image came: the next revision takes its place")
    if study["patient_key"] != arrival.patient_key and state is not StudyState.QUARANTINED:
        move_study(connection, uid, StudyMove.CONTRADICTION, TWO_PATIENTS)


def _event(connection: sqlite3.Connection, action: str, arrival: Arrival, reason: str = "") -> None:
    add_event(
        connection,
        action,
        arrival.study_instance_uid,
        sop_instance_uid=arrival.sop_instance_uid,
        calling_ae=arrival.attributes.calling_ae,
        reason=reason,
    )
