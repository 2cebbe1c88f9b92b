"""Records of `radnode evaluate`, each sealed by a line of the trail that says its sha256."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from node.evaluated import Evaluated
from node.ledger.database import Database
from node.ledger.events import add_event
from node.stages import plain_name

_ACTION = "plugin evaluated"


class Evaluations:
    """Reads and writes records; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, plugin: str, record: Mapping[str, Any], operator: str) -> str:  # Any: JSON's edge
        """Keep a record with the line of the trail that seals it; its sha256, hex."""
        text = json.dumps(record, sort_keys=True, allow_nan=False)
        digest = sha256(text.encode()).hexdigest()
        told = {
            name: record[name] for name in ("version", "digest", "accepted", "answered", "csv_sha256", "images_sha256")
        }
        with self._database.write() as connection:
            add_event(connection, _ACTION, plugin=plugin, operator=operator, record=digest, **told)
            connection.execute(
                "INSERT INTO evaluations (plugin, digest, at, operator, record, sha256, event)"
                " VALUES (?, ?, ?, ?, ?, ?, last_insert_rowid())",
                (plain_name(plugin), record["digest"], time.time(), operator, text, digest),
            )
        return digest

    def newest(self, plugin: str, digest: str = "") -> Evaluated | None:
        """The last record of that model of a plugin, else its last one at all; None where there is none."""
        rows = self._database.read(
            "SELECT v.*, e.action, e.detail FROM evaluations v LEFT JOIN events e ON e.id = v.event"
            " WHERE v.plugin = ? ORDER BY v.digest = ? DESC, v.id DESC LIMIT 1",
            plain_name(plugin),
            digest,
        )
        return _evaluated(rows[0]) if rows else None


def _evaluated(row: sqlite3.Row) -> Evaluated:
    text = str(row["record"])
    said = json.loads(row["detail"])["record"] if row["action"] == _ACTION else ""
    return Evaluated(
        plugin=row["plugin"],
        at=row["at"],
        operator=row["operator"],
        record=json.loads(text),
        sha256=row["sha256"],
        is_sealed=sha256(text.encode()).hexdigest() == row["sha256"] == said,
    )
