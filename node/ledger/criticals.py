"""Critical findings: who was told, who has acknowledged it, and what becomes of those that nobody acknowledges.

Each is a row of `facts`, `critical open <id>` until it is acknowledged, then `critical done <id>`; the trail says the
rest. Every step is one transaction with the deliveries that follow from it, so that a killed node tells nobody twice
and forgets nobody.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.errors import PermanentError
from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.results import Notice, add_results
from node.states import AnalysisState
from node.study import ResultObject

_OPEN, _DONE = "critical open ", "critical done "
#: A finding that lies further ahead than this, seconds, is of before the clock was set back.
_SET_BACK_SECONDS = 60.0


@dataclass(frozen=True)
class Critical:
    """A critical finding of an analysis that is about to be reported.

    Attributes:
        id: by which an operator acknowledges it; the same whenever the same report is made.
        rule: name of the rule.
        finding: its name.
        probability: calibrated, 0..1.
        minutes: for an acknowledgement.
        notices: the notifications of those who are told at once, in the spool already.
        escalations: of those who are told when nobody acknowledges it.
    """

    id: str
    rule: str
    finding: str
    probability: float
    minutes: float
    notices: tuple[Notice, ...]
    escalations: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class OpenCritical:
    """A critical finding that nobody has acknowledged; `due` is when it is escalated, in seconds since the epoch."""

    id: str
    at: float
    study_instance_uid: str
    analysis_id: int
    rule: str
    finding: str
    probability: float
    due: float
    escalated: bool


class Criticals:
    """Reads, acknowledges and escalates; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> list[OpenCritical]:
        """Those that nobody has acknowledged, the oldest first; what was withdrawn or silenced needs none."""
        rows = self._database.read(
            "SELECT * FROM facts WHERE name BETWEEN ? AND ? ORDER BY at, name", _OPEN, _OPEN + "~"
        )
        found = [_opened(row) for row in rows]
        untold = self._untold([one.analysis_id for one in found])
        return [one for one in found if one.analysis_id not in untold]

    def acknowledge(self, number: str, operator: str) -> OpenCritical:
        """Somebody knows of it. Args: operator: the account. Raises PermanentError when no such finding is open."""
        with self._database.write() as connection:
            row = connection.execute("SELECT * FROM facts WHERE name = ?", (_OPEN + number,)).fetchone()
            if row is None:
                hint = "`radnode critical` lists those that nobody has acknowledged"
                raise PermanentError("no such critical finding is open", about=number, hint=hint)
            found = _opened(row)
            connection.execute("UPDATE facts SET name = ? WHERE name = ?", (_DONE + number, _OPEN + number))
            _event(connection, "critical finding acknowledged", found, operator=operator)
        return found

    def escalate(self, now: float) -> int:
        """Tell those who are told when nobody has acknowledged a finding in time, once; return how many findings.

        When the clock was set back meanwhile nobody knows how long a finding has waited: it waits no longer.
        """
        overdue = [
            one for one in self.open() if not one.escalated and (one.due <= now or one.at > now + _SET_BACK_SECONDS)
        ]
        return sum(self._escalate(one) for one in overdue)

    def _escalate(self, critical: OpenCritical) -> bool:
        with self._database.write() as connection:
            row = connection.execute("SELECT * FROM facts WHERE name = ?", (_OPEN + critical.id,)).fetchone()
            if row is None or _opened(row).escalated:
                return False  # acknowledged meanwhile
            table = json.loads(row["value"])
            _store(connection, row["name"], table | {"escalated": True})
            notices = tuple(_notices(table["escalations"]))
            _tell(connection, critical.analysis_id, notices)
            told = [f"notification for {name}" for notice in notices for name in notice.destinations]
            _event(connection, "critical finding escalated", critical, destinations=told)
        return True

    def _untold(self, ids: Sequence[int]) -> set[int]:
        marks = ", ".join("?" * len(ids))
        sql = f"SELECT id FROM analyses WHERE id IN ({marks}) AND state IN (?, ?)"  # noqa: S608  only marks
        return {row["id"] for row in self._database.read(sql, *ids, AnalysisState.WITHDRAWN, AnalysisState.SILENT)}


def add_criticals(connection: sqlite3.Connection, analysis_id: int, found: Sequence[Critical]) -> None:
    """Queue the notifications of critical findings, in the caller's transaction; a known finding is not told anew."""
    for one in found:
        add_results(connection, analysis_id, [notice.result for notice in one.escalations], {})
        _tell(connection, analysis_id, one.notices)
        known = connection.execute(
            "SELECT value FROM facts WHERE name IN (?, ?)", (_OPEN + one.id, _DONE + one.id)
        ).fetchone()
        if known is None:
            _open(connection, analysis_id, one)
        elif json.loads(known["value"])["escalated"]:
            _tell(connection, analysis_id, one.escalations)


def critical_from(table: Mapping[str, Any]) -> Critical:  # Any: JSON's edge
    """From the values of its fields, as they come from JSON."""
    notices = {name: tuple(_notices(table[name])) for name in ("notices", "escalations")}
    return Critical(**{**table, **notices})


def _open(connection: sqlite3.Connection, analysis_id: int, one: Critical) -> None:
    now = time.time()
    row = connection.execute("SELECT study_instance_uid FROM analyses WHERE id = ?", (analysis_id,)).fetchone()
    table = {
        "study_instance_uid": row["study_instance_uid"],
        "analysis_id": analysis_id,
        "rule": one.rule,
        "finding": one.finding,
        "probability": one.probability,
        "due": now + 60 * one.minutes,
        "escalated": False,
        "escalations": [{"result": vars(n.result), "destinations": n.destinations} for n in one.escalations],
    }
    connection.execute("INSERT INTO facts VALUES (?, ?, ?)", (_OPEN + one.id, json.dumps(table), now))
    told = [f"notification for {name}" for notice in one.notices for name in notice.destinations]
    row = connection.execute("SELECT * FROM facts WHERE name = ?", (_OPEN + one.id,)).fetchone()
    _event(connection, "critical finding", _opened(row), destinations=told)


def _tell(connection: sqlite3.Connection, analysis_id: int, notices: Sequence[Notice]) -> None:
    for one in notices:
        add_results(connection, analysis_id, [one.result], dict.fromkeys(one.destinations, (one.result.kind,)))


def _store(connection: sqlite3.Connection, name: str, table: Mapping[str, Any]) -> None:
    connection.execute("UPDATE facts SET value = ? WHERE name = ?", (json.dumps(table), name))


def _notices(tables: Sequence[Mapping[str, Any]]) -> Iterator[Notice]:
    for table in tables:
        yield Notice(ResultObject(**table["result"]), tuple(table["destinations"]))


def _opened(row: sqlite3.Row) -> OpenCritical:
    table = json.loads(row["value"])
    del table["escalations"]
    return OpenCritical(id=row["name"].rpartition(" ")[2], at=row["at"], **table)


def _event(connection: sqlite3.Connection, action: str, one: OpenCritical, **detail: object) -> None:
    add_event(
        connection,
        action,
        one.study_instance_uid,
        one.analysis_id,
        critical=one.id,
        rule=one.rule,
        finding=one.finding,
        probability=round(one.probability, 4),
        **detail,
    )
