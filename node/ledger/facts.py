"""Facts about the running node: who serves it, and whether that process is alive."""

from __future__ import annotations

import time

from node.ledger.database import Database

#: Seconds after which a main process that gave no sign of life counts as gone.
HEARTBEAT_SECONDS = 10.0


class Facts:
    """Reads and writes facts; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, pid: int | None) -> None:
        """A sign of life of the main process; None: it stopped."""
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('serving', ?, ?)", (str(pid or ""), time.time()))

    def serving_pid(self) -> int | None:
        """The main process, if it gave a sign of life lately."""
        rows = self._database.read("SELECT value, at FROM facts WHERE name = 'serving'")
        if not rows or not rows[0]["value"] or abs(time.time() - rows[0]["at"]) > HEARTBEAT_SECONDS:
            return None
        return int(rows[0]["value"])

    def set_trouble(self, where: str, reason: str) -> None:
        """What keeps a part of the running node from its work; an empty reason: nothing any more."""
        known = self._database.read("SELECT value FROM facts WHERE name = ?", f"trouble {where}")
        if (known[0]["value"] if known else "") == reason:
            return
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (f"trouble {where}", reason, time.time())
            )

    def troubles(self) -> dict[str, str]:
        """Part of the node -> what is wrong with it."""
        rows = self._database.read(
            "SELECT name, value FROM facts WHERE name BETWEEN 'trouble ' AND 'trouble ~' AND value != ''"
        )
        return {row["name"].removeprefix("trouble "): row["value"] for row in rows}

    def set_doing(self, where: str, what: str) -> None:
        """What a part of the running node is at for a while, before it can do its work; empty: no more."""
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (f"doing {where}", what, time.time()))

    def doing(self) -> dict[str, tuple[str, float]]:
        """Part of the node -> what it is at, and since when, epoch seconds."""
        rows = self._database.read(
            "SELECT name, value, at FROM facts WHERE name BETWEEN 'doing ' AND 'doing ~' AND value != ''"
        )
        return {row["name"].removeprefix("doing "): (row["value"], row["at"]) for row in rows}

    def forget_parts(self) -> None:
        """Of a process that is gone: what kept its parts from their work, and what they were at."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE facts SET value = '' WHERE value != '' AND "
                "(name BETWEEN 'trouble ' AND 'trouble ~' OR name BETWEEN 'doing ' AND 'doing ~')"
            )

    def note_time(self, name: str, at: float) -> None:
        """When something was done last, epoch seconds; what is noted lasts beyond the life of a process."""
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, '', ?)", (f"time {name}", at))

    def time_of(self, name: str) -> float:
        """As noted; 0 when it never was."""
        rows = self._database.read("SELECT at FROM facts WHERE name = ?", f"time {name}")
        return float(rows[0]["at"]) if rows else 0.0

    def set_position(self, name: str, number: int) -> None:
        """How far something was followed, in the numbers of whoever is followed."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (f"at {name}", str(number), time.time())
            )

    def position(self, name: str) -> int | None:
        """As noted; None when it never was."""
        rows = self._database.read("SELECT value FROM facts WHERE name = ?", f"at {name}")
        return int(rows[0]["value"]) if rows else None

    def position_set_at(self, name: str) -> float:
        """When it was noted, epoch seconds; 0 when it never was."""
        rows = self._database.read("SELECT at FROM facts WHERE name = ?", f"at {name}")
        return float(rows[0]["at"]) if rows else 0.0

    def stopped_in_order(self) -> bool:
        """Whether the last main process said that it stopped."""
        rows = self._database.read("SELECT value FROM facts WHERE name = 'serving'")
        return not rows or not rows[0]["value"]
