"""Workitems of worklist servers (UPS): which ones this node has claimed, by which Transaction UID, and what came of it.

The row stands before the server is asked for the workitem: killed at any moment, the node knows what it may have
claimed, and goes on under the same Transaction UID.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum

from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.moves import move_analysis
from node.ledger.silence import ARRIVED
from node.stages import plain_name
from node.states import AnalysisMove, AnalysisState, StudyState


class WorkitemState(StrEnum):
    """How far this node is with a workitem; the last three are the end of it."""

    CLAIMING = "CLAIMING"  # the server is asked for it
    FETCHING = "FETCHING"  # it is ours; its study is to come
    ANALYSING = "ANALYSING"  # its study is here
    COMPLETING = "COMPLETING"  # results are delivered; the server is to be told
    CANCELING = "CANCELING"  # it cannot be done; the server is to be told
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    LOST = "LOST"  # somebody else has it, or it is gone


#: The event that tells of a state.
_EVENTS = {
    WorkitemState.FETCHING: "workitem claimed",
    WorkitemState.COMPLETED: "workitem completed",
    WorkitemState.CANCELED: "workitem canceled",
    WorkitemState.LOST: "workitem lost",
}
_ENDS = (WorkitemState.COMPLETED, WorkitemState.CANCELED, WorkitemState.LOST)
OPEN = f"state NOT IN {tuple(map(str, _ENDS))}"
_UNDER_WAY = (AnalysisState.QUEUED, AnalysisState.CLASSIFIED, AnalysisState.REPORTED)
_INPUTS = "SELECT * FROM inputs WHERE workitem_uid = ? ORDER BY number"
#: In this order they are worked at.
_BY_PRIORITY = "CASE priority WHEN 'HIGH' THEN 0 WHEN 'LOW' THEN 2 ELSE 1 END, claimed_at"


@dataclass(frozen=True)
class Input:
    """A study that a workitem is about.

    Attributes:
        sources: AE titles that it can be retrieved from, and addresses for WADO-RS.
        instances: SOP Instance UIDs that the workitem names of it; none: all that there is.
        has_come: what was to come of it for the workitem.
    """

    study_instance_uid: str
    sources: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    has_come: bool = False


@dataclass(frozen=True)
class WorkitemRow:
    """A workitem.

    Attributes:
        inputs: its studies, each once, in the order in which it names them.
        code: of the work: value, scheme and meaning.
        priority: HIGH, MEDIUM or LOW.
        tries: how often the server was asked for it; more than once: it may be ours although it says no.
        told: what the server was told last of its progress.
        reason: why it was canceled or lost, or what keeps it from coming further.
        claimed_at, changed_at: epoch seconds.
        cancel: that it is to be canceled, and who asks for that; empty: nobody does.
    """

    workitem_uid: str
    worklist: str
    transaction_uid: str
    inputs: tuple[Input, ...]
    plugin: str
    code: tuple[str, str, str]
    priority: str
    state: WorkitemState
    tries: int
    told: str
    reason: str
    claimed_at: float
    changed_at: float
    cancel: str = ""

    @property
    def studies(self) -> tuple[str, ...]:
        """Study Instance UIDs of its input."""
        return tuple(one.study_instance_uid for one in self.inputs)

    @property
    def is_wanted(self) -> bool:
        """Whether it is in hand, and nobody asks to cancel it."""
        return not self.cancel and self.state not in _ENDS


class Workitems:
    """Reads and writes workitems; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: WorkitemRow) -> None:
        """The server is about to be asked for it."""
        values = {one.name: getattr(row, one.name) for one in fields(row) if one.name != "inputs"}
        values |= {"code": json.dumps(row.code)}
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        with self._database.write() as connection:
            sql = f"INSERT INTO workitems ({names}) VALUES ({marks})"  # noqa: S608  our names
            connection.execute(sql, tuple(values.values()))
            for number, one in enumerate(row.inputs):
                connection.execute(
                    "INSERT INTO inputs (workitem_uid, number, study_instance_uid, sources, instances)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (
                        row.workitem_uid,
                        number,
                        one.study_instance_uid,
                        json.dumps(one.sources),
                        json.dumps(one.instances),
                    ),
                )

    def try_again(self, workitem_uid: str) -> None:
        """The server is about to be asked for it once more."""
        with self._database.write() as connection:
            connection.execute("UPDATE workitems SET tries = tries + 1 WHERE workitem_uid = ?", (workitem_uid,))

    def move(self, row: WorkitemRow, state: WorkitemState, reason: str = "") -> None:
        """It has come so far. Args: reason: why, where that is not plain."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE workitems SET state = ?, reason = ?, changed_at = ? WHERE workitem_uid = ?",
                (state, reason, time.time(), row.workitem_uid),
            )
            told = {"workitem": row.workitem_uid, "worklist": row.worklist, "plugin": row.plugin, "reason": reason}
            for uid in (row.studies or ("",)) if state in _EVENTS else ():
                add_event(connection, _EVENTS[state], uid, None, **told)

    def note(self, row: WorkitemRow, told: str, reason: str = "") -> None:
        """Args: told: to the server, of its progress; reason: what keeps it from coming further."""
        with self._database.write() as connection:
            sql = "UPDATE workitems SET told = ?, reason = ? WHERE workitem_uid = ?"
            connection.execute(sql, (told, reason, row.workitem_uid))

    def come(self, row: WorkitemRow, study_instance_uid: str) -> None:
        """What was to come of one of its studies is here."""
        with self._database.write() as connection:
            sql = "UPDATE inputs SET has_come = 1 WHERE workitem_uid = ? AND study_instance_uid = ?"
            connection.execute(sql, (row.workitem_uid, study_instance_uid))

    def ask_to_cancel(self, worklist: str, workitem_uid: str, why: str) -> bool:
        """Somebody wants it to be canceled. False: it is not in hand, or was asked for before. Args: why: in words."""
        where = f"worklist = ? AND workitem_uid = ? AND cancel = '' AND {OPEN}"
        known = f"SELECT 1 FROM workitems WHERE {where}"  # noqa: S608  our words
        if not self._database.read(known, worklist, workitem_uid):
            return False  # of most that is told nothing is ours: it costs no write
        with self._database.write() as connection:
            sql = f"UPDATE workitems SET cancel = ? WHERE {where}"  # noqa: S608  our words
            if not connection.execute(sql, (why, worklist, workitem_uid)).rowcount:
                return False
            studies = [one.study_instance_uid for one in _inputs(connection.execute(_INPUTS, (workitem_uid,)))]
            for uid in studies or ("",):
                told = {"workitem": workitem_uid, "worklist": worklist, "reason": why}
                add_event(connection, "workitem to be canceled", uid, None, **told)
        return True

    def is_fetching(self, study_instance_uid: str) -> bool:
        """Whether a study is still to come whole for one of them."""
        sql = (
            "SELECT 1 FROM inputs n JOIN workitems w USING (workitem_uid)"
            " WHERE n.study_instance_uid = ? AND n.has_come = 0 AND w.state = ? LIMIT 1"
        )
        return bool(self._database.read(sql, study_instance_uid, WorkitemState.FETCHING))

    def withdraw(self, row: WorkitemRow) -> bool:
        """-> CANCELING, as it was asked for: in the same transaction the analyses that it wants are held.

        Not held is what another workitem in hand wants as well. False, and nothing is changed: a study is just being
        routed, or some of a result have arrived: half a result would be worse than one.
        """
        held: list[sqlite3.Row] = []
        with self._database.write() as connection:
            for uid in row.studies:
                study = connection.execute("SELECT state FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone()
                if study is not None and study["state"] == StudyState.COMPLETE:
                    return False
                held += [] if self._others(row, uid) else _under_way(connection, uid, row.plugin)
            if any(one["arrived"] for one in held):
                return False
            for one in held:
                move_analysis(connection, one["id"], AnalysisMove.HELD, row.cancel)
            connection.execute(
                "UPDATE workitems SET state = ?, reason = ?, changed_at = ? WHERE workitem_uid = ?",
                (WorkitemState.CANCELING, row.cancel, time.time(), row.workitem_uid),
            )
        return True

    def withdrawn(self, study_instance_uid: str, plugin: str) -> str:
        """Why that plugin is to make nothing of a study: who asked for it last wants it no more; else empty."""
        asked = [one for one in self._about(study_instance_uid, plugin) if one.state is not WorkitemState.LOST]
        if not asked or any(one.is_wanted for one in asked) or asked[-1].state is WorkitemState.COMPLETED:
            return ""
        return asked[-1].cancel

    def _others(self, row: WorkitemRow, study_instance_uid: str) -> list[WorkitemRow]:
        about = self._about(study_instance_uid, row.plugin)
        return [one for one in about if one.workitem_uid != row.workitem_uid and one.is_wanted]

    def _about(self, study_instance_uid: str, plugin: str) -> list[WorkitemRow]:
        """Those that want the plugin, in any version, to analyse the study; the oldest first."""
        return [one for one in self.of_study(study_instance_uid) if plain_name(one.plugin) == plain_name(plugin)]

    def open(self, worklist: str) -> list[WorkitemRow]:
        """Those in hand, by priority, the oldest first."""
        rows = self._database.read(
            f"SELECT * FROM workitems WHERE {OPEN} AND worklist = ? ORDER BY {_BY_PRIORITY}",  # noqa: S608  our words
            worklist,
        )
        return [self._row(row) for row in rows]

    def get(self, workitem_uid: str) -> WorkitemRow | None:
        """One of them; None: the server was never asked for it."""
        rows = self._database.read("SELECT * FROM workitems WHERE workitem_uid = ?", workitem_uid)
        return self._row(rows[0]) if rows else None

    def of_study(self, study_instance_uid: str) -> list[WorkitemRow]:
        """Those that are about a study, the oldest first."""
        sql = (
            "SELECT * FROM workitems WHERE workitem_uid IN"
            " (SELECT workitem_uid FROM inputs WHERE study_instance_uid = ?) ORDER BY claimed_at"
        )
        return [self._row(row) for row in self._database.read(sql, study_instance_uid)]

    def _row(self, row: sqlite3.Row) -> WorkitemRow:
        values, inputs = dict(row), self._database.read(_INPUTS, row["workitem_uid"])
        values |= {"code": tuple(json.loads(row["code"])), "inputs": _inputs(inputs)}
        return WorkitemRow(**{**values, "state": WorkitemState(row["state"])})


def _inputs(rows: Iterable[sqlite3.Row]) -> tuple[Input, ...]:
    return tuple(
        Input(
            row["study_instance_uid"],
            tuple(json.loads(row["sources"])),
            tuple(json.loads(row["instances"])),
            bool(row["has_come"]),
        )
        for row in rows
    )


def _under_way(connection: sqlite3.Connection, study_instance_uid: str, plugin: str) -> list[sqlite3.Row]:
    """Analyses of a study that would still deliver something of a plugin, and whether they have begun to."""
    found = connection.execute(
        f"SELECT a.id, a.plugin, {ARRIVED} AS arrived FROM analyses a"  # noqa: S608  our words
        " WHERE a.study_instance_uid = ? AND a.state IN (?, ?, ?) ORDER BY a.id",
        (study_instance_uid, *_UNDER_WAY),
    ).fetchall()
    return [one for one in found if plain_name(one["plugin"]) == plain_name(plugin)]
