"""Objects that are no images: they come late by their nature, and some of them say something of our results."""

from __future__ import annotations

import sqlite3
import time

from node.states import StudyState
from node.study import Arrival

_KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
#: Beginnings of the SOP Class UIDs (PS3.4 B.5): Structured Reports and Key Object Selections, Presentation States,
#: Encapsulated Documents.
_DOCUMENTS = (_REPORTS, "1.2.840.10008.5.1.4.1.1.11.", "1.2.840.10008.5.1.4.1.1.104.")
_SETTLED = (StudyState.COMPLETE, StudyState.ROUTED, StudyState.CLOSED, StudyState.IGNORED)


def is_late_document(connection: sqlite3.Connection, arrival: Arrival) -> bool:
    """Whether it is what people and programs make of a study whose images are all here: no plugin analyses it."""
    if not arrival.sop_class_uid.startswith(_DOCUMENTS):
        return False
    sql = "SELECT state, images FROM studies WHERE study_instance_uid = ?"
    study = connection.execute(sql, (arrival.study_instance_uid,)).fetchone()
    return study is not None and study["images"] > 0 and StudyState(study["state"]) in _SETTLED


def add_document(connection: sqlite3.Connection, arrival: Arrival) -> None:
    """A report waits to be read, in the caller's transaction; anything else does not."""
    if not arrival.sop_class_uid.startswith(_REPORTS) or arrival.sop_class_uid == _KEY_OBJECTS:
        return
    connection.execute(
        "INSERT OR IGNORE INTO documents (sop_instance_uid, study_instance_uid, path, calling_ae, received_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            arrival.sop_instance_uid,
            arrival.study_instance_uid,
            arrival.path,
            arrival.attributes.calling_ae,
            time.time(),
        ),
    )
