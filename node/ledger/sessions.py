"""Who is signed in to the dashboard: a fact for each, so that the trail signs each out, once, whatever ends it."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time

from node.ledger.database import Database
from node.ledger.events import add_event

_PREFIX = "session "


class Sessions:
    """Writes who came and went; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, token: str, peer: str) -> str:
        """Somebody signed in to this process. Args: token: its name; peer: address. The name of the session."""
        name = secrets.token_hex(8)
        value = json.dumps({"peer": peer, "token": token, "process": os.getpid()})
        with self._database.write() as connection:
            connection.execute("INSERT INTO facts VALUES (?, ?, ?)", (_PREFIX + name, value, time.time()))
            add_event(connection, "signed in to the dashboard", peer=peer, token=token)
        return name

    def end(self, name: str, reason: str = "") -> None:
        """It is over; of one that has ended before nothing is written. Args: reason: empty: somebody signed out."""
        with self._database.write() as connection:
            for row in connection.execute("SELECT * FROM facts WHERE name = ?", (_PREFIX + name,)).fetchall():
                _end(connection, row, reason)

    def end_of(self, process: int, reason: str) -> None:
        """That process ended, and took its sessions with it."""
        if self._open():
            with self._database.write() as connection:
                for row in self._open():
                    if json.loads(row["value"])["process"] == process:
                        _end(connection, row, reason)

    def end_all(self, reason: str) -> None:
        """No process that had any is there."""
        if self._open():
            with self._database.write() as connection:
                for row in self._open():
                    _end(connection, row, reason)

    def _open(self) -> list[sqlite3.Row]:
        sql = f"SELECT * FROM facts WHERE name BETWEEN '{_PREFIX}' AND '{_PREFIX}~' ORDER BY at"  # noqa: S608  our word
        return self._database.read(sql)


def _end(connection: sqlite3.Connection, row: sqlite3.Row, reason: str) -> None:
    known = json.loads(row["value"])
    connection.execute("DELETE FROM facts WHERE name = ?", (row["name"],))
    about = {name: known[name] for name in ("peer", "token")} | ({"reason": reason} if reason else {})
    add_event(connection, "signed out of the dashboard", "", None, **about)
