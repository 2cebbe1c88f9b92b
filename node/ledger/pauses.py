"""Plugins that are paused: by the operator, or because their analyses made worker after worker crash or hang.

What a paused plugin would have to look at waits as it is, spends no attempt, and goes on when it is resumed. While the
queue is paused all plugins rest like that; it lasts until the operator ends it, also over a restart of the node.
"""

from __future__ import annotations

import sqlite3
import time

from node.errors import PermanentError
from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.silence import PAUSED, answer_instead

_PAUSED, _CRASHES, _QUEUE = PAUSED, "crashes ", "drained"
#: Of a row of `analyses`: whether its plugin is paused, or all are.
IS_PAUSED = f"EXISTS (SELECT 1 FROM facts WHERE facts.name IN ('{_QUEUE}', '{_PAUSED}' || analyses.plugin))"  # noqa: S608  our words


class Pauses:
    """Reads and writes pauses; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def paused(self) -> dict[str, str]:
        """Plugin -> why it is paused."""
        sql = "SELECT name, value FROM facts WHERE name BETWEEN ? AND ? ORDER BY name"
        rows = self._database.read(sql, _PAUSED, _PAUSED + "~")
        return {row["name"].removeprefix(_PAUSED): row["value"] for row in rows}

    def waiting(self, plugin: str) -> int:
        """How many analyses wait for a plugin."""
        sql = "SELECT count(*) FROM analyses WHERE plugin = ? AND state = 'QUEUED'"
        return int(self._database.read(sql, plugin)[0][0])

    def pause(self, plugin: str, reason: str) -> None:
        """From now on nothing is given to it; one that is paused keeps its first reason."""
        with self._database.write() as connection:
            pause_plugin(connection, plugin, reason)

    def resume(self, plugin: str) -> None:
        """Give it what waits; raises :class:`~node.errors.PermanentError` when it is not paused."""
        with self._database.write() as connection:
            if not connection.execute("DELETE FROM facts WHERE name = ?", (_PAUSED + plugin,)).rowcount:
                raise PermanentError("the plugin is not paused", about=plugin, hint="`radnode status` shows which are")
            connection.execute("DELETE FROM facts WHERE name = ?", (_CRASHES + plugin,))
            add_event(connection, "plugin resumed", plugin=plugin)

    def queue(self) -> str:
        """Who paused the queue, and when; empty when it is not paused."""
        rows = self._database.read("SELECT value FROM facts WHERE name = ?", _QUEUE)
        return str(rows[0]["value"]) if rows else ""

    def pause_queue(self, reason: str) -> None:
        """From now on no worker takes what it has not begun; a queue that is paused keeps its first reason."""
        with self._database.write() as connection:
            sql = "INSERT OR IGNORE INTO facts VALUES (?, ?, ?)"
            if connection.execute(sql, (_QUEUE, reason, time.time())).rowcount:
                add_event(connection, "queue paused", reason=reason)

    def resume_queue(self) -> None:
        """Give workers what waits; raises :class:`~node.errors.PermanentError` when the queue is not paused."""
        with self._database.write() as connection:
            if not connection.execute("DELETE FROM facts WHERE name = ?", (_QUEUE,)).rowcount:
                hint = "a plugin that is paused: `radnode plugins resume NAME`"
                raise PermanentError("the queue is not paused", hint=hint)
            add_event(connection, "queue resumed")

    def crashed(self, plugin: str, reason: str, limit: int) -> bool:
        """An analysis failed since it made workers crash or hang; True when that was one too many in a row.

        Args:
            plugin: its name.
            reason: of the last one.
            limit: so many in a row pause it; 0: never.
        """
        with self._database.write() as connection:
            count = _crashes(connection.execute("SELECT value FROM facts WHERE name = ?", (_CRASHES + plugin,))) + 1
            sql = "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)"
            connection.execute(sql, (_CRASHES + plugin, str(count), time.time()))
            if not limit or count < limit:
                return False
            return pause_plugin(connection, plugin, f"{count} analyses in a row failed with it, the last one: {reason}")

    def worked(self, plugin: str) -> None:
        """It answered: crashes before count no longer."""
        if self._database.read("SELECT 1 FROM facts WHERE name = ?", _CRASHES + plugin):
            with self._database.write() as connection:
                connection.execute("DELETE FROM facts WHERE name = ?", (_CRASHES + plugin,))


def _crashes(rows: sqlite3.Cursor) -> int:
    row = rows.fetchone()
    return int(row["value"]) if row else 0


def pause_plugin(connection: sqlite3.Connection, plugin: str, reason: str) -> bool:
    """In the caller's transaction; False when it is paused already, and keeps its first reason.

    Another version that kept its answer for what waits for this one answers instead.
    """
    sql = "INSERT OR IGNORE INTO facts VALUES (?, ?, ?)"
    changed = connection.execute(sql, (_PAUSED + plugin, reason, time.time())).rowcount > 0
    if changed:
        add_event(connection, "plugin paused", plugin=plugin, reason=reason)
        answer_instead(connection, "x.plugin = ? AND x.state = 'QUEUED'", plugin)
    return changed
