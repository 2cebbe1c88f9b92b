"""Analyses: the queue of the workers. State, attempts, lease and time of the next attempt stand on the row."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from node.errors import PermanentError
from node.ledger.analysis import IS_OPEN, AnalysisRow, analysis_of, one_batch, opening, seal
from node.ledger.comparisons import AWAITS_PRIOR, end_reassessment, keep_assessment
from node.ledger.criticals import Critical
from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.moves import move_analysis, move_study
from node.ledger.observations import Observation, add_observations
from node.ledger.pauses import IS_PAUSED
from node.ledger.plans import Plan, insert
from node.ledger.results import are_withdrawn, take_over
from node.ledger.silence import Outgoing, answer_instead, hand_out
from node.ledger.stand_ins import forget_undelivered
from node.ledger.standing import drop_standing
from node.priority import Priority, Turn, rank
from node.states import ENDED, AnalysisMove, AnalysisState, StudyMove, StudyState
from node.study import ResultObject

#: What an operator may have to do something about.
_LISTED = tuple(sorted(set(AnalysisState) - (ENDED - {AnalysisState.FAILED})))
_NOT_OVER = "state NOT IN ({})".format(", ".join(f"'{state}'" for state in sorted(ENDED - {AnalysisState.FAILED})))
#: Why an analysis has a priority that an operator gave it; it outlives later revisions.
BY_OPERATOR = "the operator says so"
_ANYBODY = Turn()


class Analyses:
    """Reads, leases and moves analyses; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def route(
        self, study_instance_uid: str, plans: Sequence[Plan], reasons: Sequence[str], revision: int | None = None
    ) -> bool:
        """COMPLETE -> ROUTED with its analyses, or -> IGNORED when there is none; the reasons go into the trail.

        False, and nothing is done, when the plans were made for another `revision` than the one that is here now.
        """
        with self._database.write() as connection:
            study = connection.execute(
                "SELECT state, revision FROM studies WHERE study_instance_uid = ?", (study_instance_uid,)
            ).fetchone()
            if revision is not None and (study["revision"] != revision or study["state"] != StudyState.COMPLETE):
                return False
            for plan in plans:
                insert(connection, study_instance_uid, study["revision"], plan)
            move = StudyMove.ROUTES_FOUND if plans else StudyMove.NO_ROUTE
            add_event(connection, "routed", study_instance_uid, reasons=list(reasons))
            took = "; ".join(f"{plan.plugin}: {len(plan.series)} series" for plan in plans)
            move_study(connection, study_instance_uid, move, took or "no series fits a route: see `radnode trail`")
            drop_standing(connection, study_instance_uid)
        return True

    def lease(
        self,
        state: AnalysisState,
        owner: str,
        seconds: float,
        count: int,
        longest_wait: float,
        turn: Turn = _ANYBODY,
    ) -> list[AnalysisRow]:
        """Take up to `count` due analyses of one plugin that is not paused, by their ranks, for `seconds`.

        `longest_wait` guards against a clock that was set back: nothing can rightly be due later than that. An owner
        that asks again has let go of what it had: it could not say so while the ledger was locked.
        """
        now = time.time()
        due = (
            "SELECT * FROM analyses WHERE state = ? AND rank BETWEEN ? AND ?"  # noqa: S608  our words
            " AND (not_before <= ? OR not_before > ?)"
            " AND (lease_until IS NULL OR lease_until < ? OR lease_until > ? OR lease_owner = ?)"
            f" AND (state != '{AnalysisState.QUEUED}' OR NOT {IS_PAUSED} AND (? = '' OR {IS_OPEN}))"
            f" AND (state != '{AnalysisState.CLASSIFIED}' OR NOT {AWAITS_PRIOR}) ORDER BY rank, id LIMIT ?"
        )
        shut = json.dumps(turn.shut) if turn.shut else ""
        times = (now, now + longest_wait, now, now + 86400)
        values = (state, turn.least, turn.most, *times, owner, shut, shut, 4 * count)
        if not self._database.read(due, *values):
            return []  # the usual case takes no lock
        with self._database.write() as connection:
            rows = connection.execute(due, values).fetchall()
            chosen = one_batch(rows, count)
            connection.executemany(
                "UPDATE analyses SET lease_owner = ?, lease_until = ? WHERE id = ?",
                [(owner, now + seconds, row["id"]) for row in chosen],
            )
        return [analysis_of(row) for row in chosen]

    def free_leases(self) -> None:
        """At the start of the node, before workers run: no lease of an earlier life holds."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE analyses SET lease_owner = NULL, lease_until = NULL"
                " WHERE state IN (?, ?) AND lease_owner NOT NULL",
                (AnalysisState.QUEUED, AnalysisState.CLASSIFIED),  # every move of an analysis gives its lease back
            )

    def classified(
        self,
        analysis_id: int,
        summary: str,
        sealed: Mapping[str, str] | None = None,
        observed: Iterable[Observation] = (),
        assessment: str = "",
    ) -> None:
        """QUEUED -> CLASSIFIED.

        Args:
            analysis_id: of the analysis.
            summary: what it says, in a line.
            sealed: the files that were made, see :class:`AnalysisRow`.
            observed: for who watches the model.
            assessment: what it says, as JSON, for whoever is compared with it.
        """
        with self._database.write() as connection:
            if assessment:
                keep_assessment(connection, analysis_id, assessment)
            connection.execute("UPDATE analyses SET summary = ? WHERE id = ?", (summary, analysis_id))
            seal(connection, analysis_id, sealed or {})
            add_observations(connection, analysis_id, observed)
            move_analysis(connection, analysis_id, AnalysisMove.CLASSIFIED, "")
            end_reassessment(connection, analysis_id)

    def reported(
        self,
        analysis_id: int,
        results: Sequence[ResultObject],
        wanted: Mapping[str, Sequence[str]],
        found: Sequence[Critical] = (),
        sealed: Mapping[str, str] | None = None,
        version: str = "",
    ) -> None:
        """CLASSIFIED -> REPORTED, with a delivery for each result and destination that wants its kind; or -> SILENT.

        Args:
            analysis_id: of the analysis.
            results: the objects, in the spool already.
            wanted: destination -> kinds it takes.
            found: critical findings, whose notifications are due before everything else.
            sealed: further files that were made, see :class:`AnalysisRow`.
            version: of the plugin that made them; empty: the one that was there when the study was routed.

        A late image that changes nothing for the plugin gives the same objects again: withdrawn once, they stay so.
        """
        with self._database.write() as connection:
            move_analysis(connection, analysis_id, AnalysisMove.REPORTED, "")
            seal(connection, analysis_id, sealed or {})
            if are_withdrawn(connection, results):
                reason = "the same results were withdrawn before"
                move_analysis(connection, analysis_id, AnalysisMove.WITHDRAWN, reason)
                answer_instead(connection, "x.id = ?", analysis_id)
                return
            take_over(connection, analysis_id, results)
            forget_undelivered(connection, analysis_id)
            hand_out(connection, analysis_id, Outgoing(results, wanted, found, version))

    def fail(self, analysis_id: int, reason: str) -> None:
        """-> FAILED: a permanent error, or attempts spent."""
        self._stop(analysis_id, AnalysisMove.FAILED, reason)

    def postpone(self, analysis_id: int, reason: str, seconds: float, *, counted: bool = True) -> None:
        """Same state, later: a temporary error. Nothing when it was taken away meanwhile (held, dropped).

        Unless it is `counted`, it is no attempt of the analysis; and the trail says it once, not each time.
        """
        with self._database.write() as connection:
            sql = "SELECT study_instance_uid, error FROM analyses WHERE id = ?"
            before = connection.execute(sql, (analysis_id,)).fetchone()
            values = (int(counted), time.time() + seconds, reason, time.time(), analysis_id)
            changed = connection.execute(
                "UPDATE analyses SET attempts = attempts + ?, not_before = ?, error = ?, lease_owner = NULL,"
                " lease_until = NULL, changed_at = ? WHERE id = ? AND state IN (?, ?)",
                (*values, AnalysisState.QUEUED, AnalysisState.CLASSIFIED),
            ).rowcount
            if changed and (counted or before["error"] != reason):
                detail = {"reason": reason, "seconds": seconds}
                add_event(connection, "analysis tried again later", before["study_instance_uid"], analysis_id, **detail)

    def retry(self, analysis_id: int, who: str = "the operator") -> None:
        """Somebody wants another attempt: FAILED or HELD -> QUEUED, and its study is open again."""
        with self._database.write() as connection:
            row = connection.execute("SELECT * FROM analyses WHERE id = ?", (analysis_id,)).fetchone()
            if row is None:
                raise PermanentError("there is no such analysis", about=str(analysis_id), hint="`radnode queue list`")
            uid, revision = row["study_instance_uid"], row["revision"]
            study = connection.execute("SELECT * FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone()
            if study["revision"] != revision:
                raise PermanentError(
                    "a later revision of the study has taken its place", about=str(analysis_id), hint="retry that one"
                )
            if study["state"] == StudyState.CLOSED:
                move_study(connection, uid, StudyMove.REOPENED, f"{who} retried an analysis")
            move_analysis(connection, analysis_id, AnalysisMove.RETRIED, f"retried by {who}")

    def hold(self, analysis_id: int) -> None:
        """The operator stops it."""
        self._stop(analysis_id, AnalysisMove.HELD, "held by the operator")

    def drop(self, analysis_id: int) -> None:
        """The operator gives it up."""
        self._stop(analysis_id, AnalysisMove.DROPPED, "dropped by the operator")

    def _stop(self, analysis_id: int, move: AnalysisMove, reason: str) -> None:
        """Another version that kept its answer for the sake of this one answers instead, in the same transaction."""
        with self._database.write() as connection:
            move_analysis(connection, analysis_id, move, reason)
            answer_instead(connection, "x.id = ?", analysis_id)

    def prioritise(self, analysis_id: int, priority: Priority, ageing_seconds: float) -> None:
        """The operator says how urgent it is, its deliveries too. `ageing_seconds`: see :func:`node.priority.rank`."""
        row = self.get(analysis_id)
        with self._database.write() as connection:
            changed = connection.execute(
                f"UPDATE analyses SET priority = ?, priority_reason = ?, rank = ? WHERE id = ? AND {_NOT_OVER}",  # noqa: S608  our words
                (priority, BY_OPERATOR, rank(priority, row.created_at, ageing_seconds), analysis_id),
            ).rowcount
            if not changed:
                raise PermanentError(f"it is {row.state}: nothing of it waits", about=str(analysis_id))
            detail = {"priority": priority, "plugin": row.plugin, "reason": BY_OPERATOR}
            add_event(connection, "analysis prioritised", row.study_instance_uid, analysis_id, **detail)

    def of_study(self, uid: str) -> list[AnalysisRow]:
        """All analyses of a study, oldest first."""
        rows = self._database.read("SELECT * FROM analyses WHERE study_instance_uid = ? ORDER BY id", uid)
        return [analysis_of(row) for row in rows]

    def get(self, analysis_id: int) -> AnalysisRow:
        """One analysis."""
        rows = self._database.read("SELECT * FROM analyses WHERE id = ?", analysis_id)
        if not rows:
            raise PermanentError("there is no such analysis", about=str(analysis_id), hint="`radnode queue list`")
        return analysis_of(rows[0])

    def unfinished(self, count: int = 1000) -> list[AnalysisRow]:
        """What is still to do, or failed, in the order in which it is begun."""
        marks = ", ".join("?" * len(_LISTED))
        sql = f"SELECT * FROM analyses WHERE state IN ({marks}) ORDER BY rank, id LIMIT ?"  # noqa: S608  only marks
        rows = self._database.read(sql, *_LISTED, count)
        return [analysis_of(row) for row in rows]

    def answered_since(self, at: float) -> list[AnalysisRow]:
        """What was routed since then, has an answer, and is of the newest revision of its study; the newest first."""
        rows = self._database.read(
            "SELECT analyses.* FROM analyses JOIN studies USING (study_instance_uid, revision)"
            " WHERE analyses.created_at >= ? AND analyses.sealed LIKE '%.npz%' ORDER BY analyses.id DESC",
            at,
        )
        return [analysis_of(row) for row in rows]

    def waiting(self, shut: Mapping[str, float]) -> list[tuple[Priority, float | None, int]]:
        """(priority, until when a window is shut, how many) of what waits. Args: shut: see :func:`opening`."""
        found: Counter[tuple[Priority, float | None]] = Counter()
        sql = "SELECT priority, route, count(*) AS n FROM analyses WHERE state = ? GROUP BY 1, 2"
        for row in self._database.read(sql, AnalysisState.QUEUED):
            priority = Priority(row["priority"])
            found[priority, None if priority is Priority.STAT else opening(row["route"], shut)] += row["n"]
        order = sorted(found, key=lambda one: (one[0].below_stat, one[1] or 0))
        return [(*one, found[one]) for one in order]

    def count_by_state(self) -> dict[AnalysisState, int]:
        """How many analyses are in each state."""
        rows = self._database.read("SELECT state, count(*) AS n FROM analyses GROUP BY state")
        return {AnalysisState(row["state"]): row["n"] for row in rows}

    def results(self, analysis_id: int) -> list[ResultObject]:
        """The result objects of an analysis."""
        rows = self._database.read("SELECT * FROM results WHERE analysis_id = ? ORDER BY kind, path", analysis_id)
        return [ResultObject(**{name: row[name] for name in ResultObject.__dataclass_fields__}) for row in rows]

    def delivered_before(self, analysis: AnalysisRow) -> dict[str, tuple[str, str]]:
        """What the last delivered revision before this one sent: kind -> (SOP Class UID, SOP Instance UID).

        A withdrawn revision is none: a new report does not build on one that nobody may use, and archives hide.
        """
        rows = self._database.read(
            "SELECT r.kind, r.sop_class_uid, r.sop_instance_uid FROM results r JOIN analyses a ON a.id = r.analysis_id"
            " WHERE a.study_instance_uid = ? AND a.plugin = ? AND a.revision < ? AND a.state != ? AND EXISTS"
            " (SELECT 1 FROM deliveries d WHERE d.sop_instance_uid = r.sop_instance_uid AND d.state = 'DONE')"
            " ORDER BY a.revision, r.path",
            analysis.study_instance_uid,
            analysis.plugin,
            analysis.revision,
            AnalysisState.WITHDRAWN,
        )
        return {row["kind"]: (row["sop_class_uid"], row["sop_instance_uid"]) for row in rows}

    def is_over(self, analysis_id: int) -> bool:
        """Whether nothing is left to do for it."""
        return self.get(analysis_id).state in ENDED
