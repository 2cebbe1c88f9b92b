"""Withdrawals: results that were delivered are taken back by the operator.

What is withdrawn is not sent any more, and each destination that may have some of it gets one notice: a rejection note
for objects, a message for messages. A notice is a result of its own kind; it belongs to the newest analysis that it
withdraws.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from node.errors import PermanentError, TemporaryError
from node.kinds import MESSAGES, base_of
from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.moves import move_analysis
from node.ledger.results import REJECTION, Notice, add_results
from node.states import ENDED, AnalysisMove, AnalysisState, Reason
from node.study import ResultObject

_STATES = (AnalysisState.REPORTED, AnalysisState.DELIVERED)


@dataclass(frozen=True)
class Withdrawal:
    """The results of one plugin for a study, to be withdrawn together.

    Attributes:
        study_instance_uid: the study.
        plugin: whose results they are.
        analyses: ids, oldest first: every revision of which something was delivered, or is due.
        report: the newest complete report among them.
        listed: every object that a destination has, or may get yet.
        destinations: names of those that have one, or may get one yet.
        messages: (destination, kind) of every message that one has, or may get yet, notifications included.
    """

    study_instance_uid: str
    plugin: str
    analyses: tuple[int, ...]
    report: ResultObject
    listed: tuple[ResultObject, ...]
    destinations: tuple[str, ...]
    messages: tuple[tuple[str, str], ...] = ()


class Withdrawals:
    """Plans and records withdrawals; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def planned(self, uid: str, plugin: str = "") -> list[Withdrawal]:
        """What there is to withdraw of a study, one for each plugin, or of that plugin; none when all of it is.

        Raises :class:`~node.errors.PermanentError` when nothing was delivered.
        """
        rows = self._analyses(uid, plugin)
        remaining = [row for row in rows if row["state"] != AnalysisState.WITHDRAWN]
        if not any(row["sent"] for row in remaining):
            if len(remaining) < len(rows):
                return []
            raise _nothing_delivered(uid, plugin, remaining)
        found = (self._withdrawal(uid, name) for name in dict.fromkeys(row["plugin"] for row in remaining))
        return [one for one in found if one is not None]

    def record(self, planned: Sequence[tuple[Withdrawal, Sequence[Notice]]], reason: Reason, operator: str) -> None:
        """The analyses are WITHDRAWN, and the notices are due; all of it or nothing.

        Args:
            planned: each with its notices.
            reason: why.
            operator: the account that asked for it.

        Raises :class:`~node.errors.TemporaryError` when what was planned is no longer what there is to withdraw.
        """
        if not planned:
            return
        with self._database.write() as connection:
            for withdrawal, notices in planned:
                uid = withdrawal.study_instance_uid
                if self._withdrawal(uid, withdrawal.plugin) != withdrawal:
                    raise TemporaryError("the study has moved on meanwhile", about=uid, hint="give the command again")
                _record(connection, withdrawal, notices, reason, operator)

    def send_again(self, uid: str, plugin: str = "") -> int:
        """Notes that were refused for good wait again; how many."""
        with self._database.write() as connection:
            changed = connection.execute(
                "UPDATE deliveries SET state = 'WAITING', attempts = 0, not_before = 0 WHERE state = 'REFUSED'"
                " AND sop_instance_uid IN (SELECT r.sop_instance_uid FROM results r"
                " JOIN analyses a ON a.id = r.analysis_id"
                " WHERE a.study_instance_uid = ?1 AND (?2 = '' OR a.plugin = ?2) AND r.kind = ?3)",
                (uid, plugin, REJECTION),
            ).rowcount
            if changed:
                add_event(connection, "rejection notes sent again", uid, deliveries=changed)
        return changed

    def _analyses(self, uid: str, plugin: str) -> list[sqlite3.Row]:
        """Id, plugin, state, and whether something was `sent`; of every plugin when it is empty."""
        return self._database.read(
            "SELECT a.id, a.plugin, a.state, EXISTS (SELECT 1 FROM deliveries d WHERE d.analysis_id = a.id"
            " AND d.state = 'DONE') AS sent FROM analyses a"
            " WHERE a.study_instance_uid = ?1 AND (?2 = '' OR a.plugin = ?2) ORDER BY a.id",
            uid,
            plugin,
        )

    def _withdrawal(self, uid: str, plugin: str) -> Withdrawal | None:
        """None when no destination can have anything of that plugin."""
        ids = [row["id"] for row in self._analyses(uid, plugin) if _counts(row)]
        marks = ", ".join("?" * len(ids))
        rows = self._database.read(
            "SELECT r.*, d.destination FROM results r"  # noqa: S608  only marks
            " JOIN deliveries d ON d.sop_instance_uid = r.sop_instance_uid"
            f" WHERE d.analysis_id IN ({marks}) AND d.state != 'REFUSED'"
            " ORDER BY r.analysis_id, r.path, d.destination",
            *ids,
        )
        if not rows:
            return None
        objects = [row for row in rows if row["kind"] not in MESSAGES]
        listed = tuple(dict.fromkeys(_result(row) for row in objects))
        destinations = tuple(sorted({row["destination"] for row in objects}))
        sent = (row for row in rows if row["kind"] in MESSAGES)
        messages = tuple(sorted({(row["destination"], base_of(row["kind"])) for row in sent}))
        return Withdrawal(uid, plugin, tuple(ids), self._report(uid, ids), listed, destinations, messages)

    def _report(self, uid: str, ids: Sequence[int]) -> ResultObject:
        """The newest complete report of these analyses: one is made always, whether a destination takes it or not."""
        marks = ", ".join("?" * len(ids))
        sql = f"SELECT * FROM results WHERE analysis_id IN ({marks}) AND kind = 'sr'"  # noqa: S608  only marks
        rows = self._database.read(f"{sql} ORDER BY analysis_id DESC LIMIT 1", *ids)
        if not rows:
            hint = "reject its results in the archive itself"
            raise PermanentError("the ledger knows no report of what was delivered", about=uid, hint=hint)
        return _result(rows[0])


def _counts(row: sqlite3.Row) -> bool:
    """Whether results of the analysis may lie at a destination, or may come there yet."""
    return row["state"] != AnalysisState.WITHDRAWN and bool(row["sent"] or row["state"] in _STATES)


def _record(
    connection: sqlite3.Connection, withdrawal: Withdrawal, notices: Sequence[Notice], reason: Reason, operator: str
) -> None:
    newest = withdrawal.analyses[-1]
    for one in notices:
        add_results(connection, newest, [one.result], dict.fromkeys(one.destinations, (REJECTION,)))
    for analysis_id in withdrawal.analyses:
        move_analysis(connection, analysis_id, AnalysisMove.WITHDRAWN, f"withdrawn by the operator: {reason}")
    add_event(
        connection,
        "results withdrawn",
        withdrawal.study_instance_uid,
        newest,
        plugin=withdrawal.plugin,
        reason=reason,
        operator=operator,
        sop_instance_uid=", ".join(one.result.sop_instance_uid for one in notices),
        destinations=[f"{_word(one)} for {name}" for one in notices for name in one.destinations],
        objects=[f"withdrawn: {one.kind} {one.sop_instance_uid}" for one in withdrawal.listed],
    )


def _word(notice: Notice) -> str:
    """A message is no object, and so has no SOP class."""
    return "rejection note" if notice.result.sop_class_uid else "withdrawing message"


def _nothing_delivered(uid: str, plugin: str, rows: Sequence[sqlite3.Row]) -> PermanentError:
    if not rows:
        hint = "`radnode studies show` has its analyses"
        return PermanentError(f"there is no analysis{f' by {plugin}' if plugin else ''}", about=uid, hint=hint)
    waiting = [str(row["id"]) for row in rows if row["state"] not in ENDED]
    hint = f"`radnode queue drop {' '.join(waiting)}` stops what is still to come" if waiting else ""
    return PermanentError("nothing of it was delivered, so there is nothing to withdraw", about=uid, hint=hint)


def _result(row: sqlite3.Row) -> ResultObject:
    return ResultObject(**{name: row[name] for name in ResultObject.__dataclass_fields__})
