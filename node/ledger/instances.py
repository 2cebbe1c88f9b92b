"""The row of an instance, written once, when it comes."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

from node.ledger.purging import AGAIN
from node.states import StudyState
from node.study import Arrival, Attributes

_NOTHING = vars(Attributes())


def insert(connection: sqlite3.Connection, arrival: Arrival, set_aside: str = "") -> None:
    """Its row, and one for its study where there is none. Args: set_aside: why it does not count."""
    now, uid = time.time(), arrival.study_instance_uid
    connection.execute(
        "INSERT OR IGNORE INTO studies (study_instance_uid, state, patient_key, sender, first_at, last_at, changed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            uid,
            StudyState.IGNORED if set_aside else StudyState.RECEIVING,
            arrival.patient_key,
            arrival.attributes.calling_ae,
            now,
            now,
            now,
        ),
    )
    (purged,) = connection.execute("SELECT purged FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone()
    row = {
        "sop_instance_uid": arrival.sop_instance_uid,
        "study_instance_uid": uid,
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
        "file": AGAIN if purged else "",
    }
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO instances ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608  our names


def _told(attributes: Attributes) -> dict[str, Any]:  # JSON's edge
    """What it says beyond the defaults: with all of it a row would not fit where SQLite keeps rows together."""
    return {name: value for name, value in vars(attributes).items() if value != _NOTHING[name]}
