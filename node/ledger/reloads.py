"""The running node is asked to read its configuration again, and answers: two rows, whoever runs which process."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from node.ledger.database import Database

_ASKED, _ANSWER = "reload asked", "reload answer"


class Reloads:
    """Asks and answers; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self) -> str:
        """Ask the running node; the number under which it answers."""
        number = uuid.uuid4().hex
        self._write(_ASKED, number)
        return number

    def open(self) -> str:
        """The question that has no answer yet; empty when there is none."""
        asked = self._read(_ASKED)
        return "" if asked == self._answer().get("number", "") else asked

    def answer(self, number: str, answer: dict[str, Any]) -> None:  # Any: JSON's edge
        """What came of it."""
        self._write(_ANSWER, json.dumps({**answer, "number": number}))

    def answer_to(self, number: str) -> dict[str, Any] | None:  # Any: JSON's edge
        """What came of that question; None while nobody has answered it."""
        found = self._answer()
        return found if found.get("number") == number else None

    def _answer(self) -> dict[str, Any]:  # Any: JSON's edge
        text = self._read(_ANSWER)
        return dict(json.loads(text)) if text else {}

    def _read(self, name: str) -> str:
        rows = self._database.read("SELECT value FROM facts WHERE name = ?", name)
        return str(rows[0]["value"]) if rows else ""

    def _write(self, name: str, value: str) -> None:
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (name, value, time.time()))
