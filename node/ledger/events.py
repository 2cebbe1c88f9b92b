"""What happened, in order: the trail of a study."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from node.ledger.chain import Verified, digest, last_digest, verify
from node.ledger.database import Database


@dataclass(frozen=True)
class Event:
    """One line of a trail. `detail` holds UIDs, AE titles and reasons; never a patient's name or id."""

    at: float
    study_instance_uid: str
    analysis_id: int | None
    action: str
    detail: dict[str, Any]  # JSON's edge

    @property
    def told(self) -> str:
        """The details as words, empty ones left out."""
        parts = []
        for name, value in self.detail.items():
            if isinstance(value, list):
                parts += [str(item) for item in value]
            elif value not in ("", None):
                parts.append(f"{name}={value}")
        return "; ".join(parts)


def add_event(
    connection: sqlite3.Connection,
    action: str,
    study_instance_uid: str = "",
    analysis_id: int | None = None,
    **detail: Any,  # JSON's edge
) -> None:
    """Write an event in the caller's transaction, chained to the one before."""
    row = (time.time(), study_instance_uid, analysis_id, action, json.dumps(detail) if detail else "")
    connection.execute(
        "INSERT INTO events (at, study_instance_uid, analysis_id, action, detail, hash) VALUES (?, ?, ?, ?, ?, ?)",
        (*row, digest(last_digest(connection), *row)),
    )


class Events:
    """Reads the trail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, action: str, study_instance_uid: str = "", **detail: Any) -> None:  # JSON's edge
        """Write an event of its own."""
        with self._database.write() as connection:
            add_event(connection, action, study_instance_uid, **detail)

    def command(self, operator: str, command: str, study_instance_uid: str = "", **detail: Any) -> None:  # JSON's edge
        """Somebody gave a command. Args: operator: an account, or `token NAME`; never with a patient's name or id."""
        self.add("operator's command", study_instance_uid, command=command, operator=operator, **detail)

    def of_study(self, study_instance_uid: str) -> list[Event]:
        """All events of a study, oldest first."""
        rows = self._database.read("SELECT * FROM events WHERE study_instance_uid = ? ORDER BY id", study_instance_uid)
        return [event_of(row) for row in rows]

    def latest(self, count: int) -> list[Event]:
        """The newest events, newest first."""
        return [event_of(row) for row in self._database.read("SELECT * FROM events ORDER BY id DESC LIMIT ?", count)]

    def verify(self, wanted: str = "") -> Verified:
        """Whether the trail is as it was written. Args: wanted: a digest that is to be in it."""
        return verify(self._database, wanted)

    def head(self) -> str:
        """Digest of the newest event, to be noted elsewhere; empty when there is none."""
        with self._database.reading() as connection:
            return last_digest(connection)


def event_of(row: sqlite3.Row) -> Event:
    """An event as its row has it."""
    detail = json.loads(row["detail"]) if row["detail"] else {}
    return Event(row["at"], row["study_instance_uid"], row["analysis_id"], row["action"], detail)
