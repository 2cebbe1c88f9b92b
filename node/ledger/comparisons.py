"""What each analysis is compared with, or why with nothing: chosen once, and written before it is used.

An analysis that wants a prior is classified like any other; it is reported when its comparison is settled.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.comparison import (
    Assessment,
    Comparison,
    PriorRule,
    Views,
    assessment_from,
    comparison_from,
    comparison_text,
)
from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.moves import move_analysis
from node.states import ENDED, AnalysisMove, AnalysisState, StudyState

#: Whether a row of `analyses` must wait with its report.
AWAITS_PRIOR = "EXISTS (SELECT 1 FROM comparisons c WHERE c.analysis_id = analyses.id AND c.settled = '')"
#: Revisions from here downwards are no revisions of a study: it was assessed anew, by another version of a plugin, to
#: be compared with. Such an analysis ends with its classification; nothing of it is reported.
REASSESSED = 0
#: What an analysis in one of these said does not stand, or not yet.
_DOES_NOT_STAND = (AnalysisState.QUEUED, AnalysisState.DROPPED, AnalysisState.WITHDRAWN)
#: An analysis that can be made again by another version: its images are here, and it was not asked for before.
_REASSESSABLE = (
    "FROM analyses a JOIN studies s ON s.study_instance_uid = a.study_instance_uid"  # noqa: S608  a number
    " WHERE a.study_instance_uid = ?1 AND a.plugin = ?2 AND a.revision = s.revision AND s.purged = 0"
    " AND NOT EXISTS (SELECT 1 FROM analyses o WHERE o.study_instance_uid = a.study_instance_uid"
    f" AND o.revision <= {REASSESSED} AND o.plugin = a.plugin AND o.plugin_version = ?3)"
)
_NEXT = (
    f"(SELECT min(min(m.revision), {REASSESSED + 1}) - 1"  # noqa: S608  a number
    " FROM analyses m WHERE m.study_instance_uid = a.study_instance_uid)"
)
#: The place in the queue of the analysis ?6: what is assessed for its sake begins whenever that could.
_PLACE = (
    "(SELECT w.route FROM analyses w WHERE w.id = ?6), (SELECT w.priority FROM analyses w WHERE w.id = ?6),"
    " (SELECT w.rank FROM analyses w WHERE w.id = ?6)"
)
_ANEW = "a later study was assessed by this version, and is to be compared with it"
_WAS_ASSESSED = (AnalysisState.CLASSIFIED, AnalysisState.REPORTED, AnalysisState.DELIVERED)
_OPEN_STUDY = (StudyState.RECEIVING, StudyState.COMPLETE)


@dataclass(frozen=True)
class OpenComparison:
    """An analysis whose prior is looked for.

    Attributes:
        analysis_id: of the analysis.
        study_instance_uid: of its study.
        plugin: that makes it.
        now: what it said; None: nothing yet.
        rule: what may be a prior.
        wait_until: epoch seconds.
        asked: what the archive was asked for last, or why it has none; empty: it was not asked yet.
        fetching: Study Instance UID of what it is to send; empty: nothing.
        tried: Study Instance UID of what it was asked for -> what that is, or why it did not come.
        is_spent: it is not to be asked any more.
    """

    analysis_id: int
    study_instance_uid: str
    plugin: str
    now: Assessment | None
    rule: PriorRule
    wait_until: float
    asked: str
    fetching: str
    tried: Mapping[str, str]
    is_spent: bool


@dataclass(frozen=True)
class Candidate:
    """Another study of the same patient.

    Attributes:
        study_instance_uid: of the study.
        assessment: what the plugin said of its newest revision, as far as that stands; None: nothing.
        is_open: something may still come.
        is_untold: the plugin has assessed it, and what it said was not kept: an earlier version of the node did not.
    """

    study_instance_uid: str
    assessment: Assessment | None
    is_open: bool
    is_untold: bool = False


@dataclass(frozen=True)
class ComparisonRow:
    """What an analysis is, or was, compared with; `comparison` is None while that is looked for.

    Attributes: told: what the report says of the changes; passed: why other studies are no priors, the newest first.
    """

    analysis_id: int
    wait_until: float
    comparison: Comparison | None
    told: tuple[str, ...]
    passed: tuple[str, ...] = ()


class Comparisons:
    """Reads and settles comparisons; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unsettled(self) -> list[OpenComparison]:
        """Those whose analysis is still to be reported, oldest first."""
        marks = ", ".join("?" * len(ENDED))
        rows = self._database.read(
            "SELECT c.*, a.study_instance_uid, a.plugin, a.state, s.assessment FROM comparisons c"  # noqa: S608  marks
            " JOIN analyses a ON a.id = c.analysis_id LEFT JOIN assessments s ON s.analysis_id = a.id"
            f" WHERE c.settled = '' AND a.state NOT IN ({marks})"
            " ORDER BY c.analysis_id",
            *sorted(ENDED),
        )
        return [_open(row) for row in rows]

    def candidates(self, uid: str, plugin: str) -> list[Candidate]:
        """Other studies of the patient of study `uid`; none when the patient has no id."""
        rows = self._database.read(
            "SELECT s.study_instance_uid AS uid, s.state AS study_state, a.state, a.revision, t.assessment"  # noqa: S608
            " FROM studies s LEFT JOIN analyses a ON a.study_instance_uid = s.study_instance_uid"
            f" AND a.plugin = ? AND (a.revision = s.revision OR a.revision <= {REASSESSED})"
            " LEFT JOIN assessments t ON t.analysis_id = a.id"
            " WHERE s.patient_key = (SELECT patient_key FROM studies WHERE study_instance_uid = ?)"
            " AND s.patient_key != '' AND s.study_instance_uid != ? AND s.state != ?",
            plugin,
            uid,
            uid,
            StudyState.QUARANTINED,
        )
        return [_candidate(row) for row in rows]

    def settle(self, analysis_id: int, comparison: Comparison, passed: Sequence[str] = ()) -> bool:
        """Written once: the first word counts. True when this was it. Args: passed: why others are no priors."""
        with self._database.write() as connection:
            changed = connection.execute(
                "UPDATE comparisons SET settled = ?, passed = ? WHERE analysis_id = ? AND settled = ''",
                (comparison_text(comparison), json.dumps(passed), analysis_id),
            ).rowcount
            if changed:
                priors = ", ".join(one.study_instance_uid for one in comparison.priors)
                _event(connection, "prior settled", analysis_id, prior=priors, reason=comparison.sentence)
        return bool(changed)

    def ask(self, analysis_id: int, asked: str, fetching: str) -> None:
        """What the archive is about to be asked for. Args: fetching: the study that it is to send."""
        with self._database.write() as connection:
            sql = "UPDATE comparisons SET asked = ?, fetching = ? WHERE analysis_id = ?"
            if connection.execute(sql, (asked, fetching, analysis_id)).rowcount:
                _event(connection, "prior asked for", analysis_id, prior=fetching, reason=asked)

    def tried(self, analysis_id: int, uid: str, told: str) -> None:
        """The archive has sent what it would of a study. Args: told: what that is, or why it did not come."""
        with self._database.write() as connection:
            sql = "SELECT tried FROM comparisons WHERE analysis_id = ?"
            before = json.loads(connection.execute(sql, (analysis_id,)).fetchone()[0])
            sql = "UPDATE comparisons SET asked = ?, fetching = '', tried = ? WHERE analysis_id = ?"
            connection.execute(sql, (told, json.dumps({**before, uid: told}), analysis_id))
            _event(connection, "prior asked for", analysis_id, prior=uid, reason=told)

    def spend(self, analysis_id: int, reason: str) -> None:
        """The archive is not asked any more, and why."""
        with self._database.write() as connection:
            sql = "UPDATE comparisons SET asked = ?, fetching = '', spent = 1 WHERE analysis_id = ?"
            if connection.execute(sql, (reason, analysis_id)).rowcount:
                _event(connection, "prior asked for", analysis_id, prior="", reason=reason)

    def reassess(self, uid: str, plugin: str, version: str, asker: int) -> bool:
        """An earlier study is to be assessed anew, by that version of the same plugin. True unless it was asked before.

        False as well when its images are here no more. Args: asker: whose report waits for it, and whose place it has.
        """
        now = time.time()
        if not self._database.read(f"SELECT 1 {_REASSESSABLE}", uid, plugin, version):
            return False
        with self._database.write() as connection:
            made = connection.execute(
                "INSERT INTO analyses (study_instance_uid, revision, plugin, plugin_version, series,"
                " destinations, state, created_at, changed_at, route, priority, rank) SELECT a.study_instance_uid,"
                f" {_NEXT}, a.plugin, ?3, a.series, '[]', ?4, ?5, ?5, {_PLACE} {_REASSESSABLE}",
                (uid, plugin, version, AnalysisState.QUEUED, now, asker),
            )
            if made.rowcount:
                add_event(
                    connection, "assessed anew", uid, made.lastrowid, plugin=plugin, version=version, reason=_ANEW
                )
        return bool(made.rowcount)

    def tell(self, analysis_id: int, told: tuple[str, ...]) -> None:
        """The report says this of the changes, a sentence each."""
        with self._database.write() as connection:
            sql = "UPDATE comparisons SET told = ? WHERE analysis_id = ?"
            connection.execute(sql, (json.dumps(told), analysis_id))

    def of_analysis(self, analysis_id: int) -> ComparisonRow | None:
        """None: it is not to be compared."""
        rows = self._database.read("SELECT * FROM comparisons WHERE analysis_id = ?", analysis_id)
        return _row(rows[0]) if rows else None


def want_prior(connection: sqlite3.Connection, uid: str, revision: int, plugin: str, rule: PriorRule) -> None:
    """An analysis that was just inserted is to be compared; in the caller's transaction."""
    connection.execute(
        "INSERT OR IGNORE INTO comparisons (analysis_id, months, archive, wait_seconds, most, views, wait_until)"
        " SELECT id, ?, ?, ?, ?, ?, ? FROM analyses WHERE study_instance_uid = ? AND revision = ? AND plugin = ?",
        (
            *(rule.months, rule.archive, rule.wait_seconds, rule.most, json.dumps(rule.views)),
            *(time.time() + rule.wait_seconds, uid, revision, plugin),
        ),
    )


def keep_assessment(connection: sqlite3.Connection, analysis_id: int, text: str) -> None:
    """What an analysis said, for whoever is compared with it; in the caller's transaction.

    From here on its report waits for a prior: however long it stood in the queue, that time was not lost.
    """
    connection.execute("INSERT OR REPLACE INTO assessments VALUES (?, ?)", (analysis_id, text))
    sql = "UPDATE comparisons SET wait_until = ? + wait_seconds WHERE analysis_id = ? AND settled = ''"
    connection.execute(sql, (time.time(), analysis_id))


def end_reassessment(connection: sqlite3.Connection, analysis_id: int) -> None:
    """What was only to be compared with has said what it had to say; in the caller's transaction."""
    sql = f"SELECT 1 FROM analyses WHERE id = ? AND revision <= {REASSESSED}"  # noqa: S608  a number
    if connection.execute(sql, (analysis_id,)).fetchone():
        move_analysis(connection, analysis_id, AnalysisMove.DROPPED, "assessed anew to be compared with: no result")


def _event(connection: sqlite3.Connection, action: str, analysis_id: int, **detail: str) -> None:
    sql = "SELECT study_instance_uid FROM analyses WHERE id = ?"
    (uid,) = connection.execute(sql, (analysis_id,)).fetchone()
    add_event(connection, action, uid, analysis_id, **detail)


def _open(row: sqlite3.Row) -> OpenComparison:
    return OpenComparison(
        analysis_id=row["analysis_id"],
        study_instance_uid=row["study_instance_uid"],
        plugin=row["plugin"],
        now=_standing(row),
        rule=PriorRule(row["months"], row["archive"], row["wait_seconds"], row["most"], _views(row["views"])),
        wait_until=row["wait_until"],
        asked=row["asked"],
        fetching=row["fetching"],
        tried=json.loads(row["tried"]),
        is_spent=bool(row["spent"]),
    )


def _views(text: str) -> Views:
    return tuple(tuple(group) for group in json.loads(text))


def _candidate(row: sqlite3.Row) -> Candidate:
    is_open = row["study_state"] in _OPEN_STUDY or row["state"] == AnalysisState.QUEUED
    was_for_this = row["revision"] is not None and row["revision"] <= REASSESSED and row["assessment"]
    told = assessment_from(row["assessment"]) if was_for_this else _standing(row)
    is_untold = not row["assessment"] and row["state"] in _WAS_ASSESSED
    return Candidate(row["uid"], told, is_open, is_untold)


def _standing(row: sqlite3.Row) -> Assessment | None:
    """What an analysis said, unless it is being looked at anew or must not be used any more."""
    stands = row["assessment"] and row["state"] not in _DOES_NOT_STAND
    return assessment_from(row["assessment"]) if stands else None


def _row(row: sqlite3.Row) -> ComparisonRow:
    comparison = comparison_from(row["settled"]) if row["settled"] else None
    told, passed = (tuple(json.loads(row[name])) for name in ("told", "passed"))
    return ComparisonRow(row["analysis_id"], row["wait_until"], comparison, told, passed)
