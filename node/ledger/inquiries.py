"""What somebody who has nothing but a UID asks: whose it is, who sent it, where its files are, who is before it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from node.ledger.database import Database
from node.states import AnalysisState

#: A number of more digits is a UID without dots, not that of an analysis.
_LONGEST_NUMBER = 12
#: Near misses are looked for among so many UIDs before and after it, and have so much in common with it.
_NEIGHBOURS, _ALIKE = 3, 0.6


class What(StrEnum):
    """What a UID or number names."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "SOP instance"
    SET_ASIDE = "object that was set aside"
    RESULT = "result"
    ANALYSIS = "analysis"
    WORKITEM = "workitem"


@dataclass(frozen=True)
class Subject:
    """What was asked for, and the study it belongs to."""

    what: What
    name: str
    study_instance_uid: str


@dataclass(frozen=True)
class Sent:
    """What one peer sent of a study; times are those of the first and the last object. `objects` counts what counts."""

    calling_ae: str
    peer: str
    objects: int
    first_at: float
    last_at: float


#: What it can be -> how it is found, by an index.
_LOOKS = (
    (What.STUDY, "SELECT study_instance_uid FROM studies WHERE study_instance_uid = ?"),
    (What.INSTANCE, "SELECT study_instance_uid FROM instances WHERE sop_instance_uid = ?"),
    (
        What.RESULT,
        "SELECT a.study_instance_uid FROM results r JOIN analyses a ON a.id = r.analysis_id"
        " WHERE r.sop_instance_uid = ?",
    ),
    (What.SET_ASIDE, "SELECT study_instance_uid FROM quarantine WHERE sop_instance_uid = ? LIMIT 1"),
    (What.STUDY, "SELECT study_instance_uid FROM quarantine WHERE study_instance_uid = ? LIMIT 1"),
    (What.STUDY, "SELECT study_instance_uid FROM signal_studies WHERE study_instance_uid = ? LIMIT 1"),
    (What.STUDY, "SELECT study_instance_uid FROM fetches WHERE study_instance_uid = ?"),
    (What.STUDY, "SELECT study_instance_uid FROM absences WHERE study_instance_uid = ? LIMIT 1"),
    (What.STUDY, "SELECT study_instance_uid FROM inputs WHERE study_instance_uid = ? LIMIT 1"),
    (What.WORKITEM, "SELECT study_instance_uid FROM inputs WHERE workitem_uid = ? ORDER BY number LIMIT 1"),
)


class Inquiries:
    """Reads only; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def subject(self, name: str) -> Subject | None:
        """What has exactly this UID, series aside, or is the analysis of this number; None when nothing is."""
        if name.isascii() and name.isdigit() and len(name) <= _LONGEST_NUMBER:
            rows = self._database.read("SELECT study_instance_uid FROM analyses WHERE id = ?", int(name))
            if rows:
                return Subject(What.ANALYSIS, name, rows[0][0])
        for what, sql in _LOOKS:
            if rows := self._database.read(sql, name):
                return Subject(what, name, rows[0][0])
        return None

    def series(self, name: str) -> Subject | None:
        """The series of this UID. It looks at every instance: to be asked when nothing else is left."""
        rows = self._database.read(
            "SELECT study_instance_uid FROM instances WHERE series_instance_uid = ? LIMIT 1", name
        )
        return Subject(What.SERIES, name, rows[0][0]) if rows else None

    def studies_like(self, part: str, count: int = 10) -> list[str]:
        """Studies whose UID begins or ends so, the newest first."""
        sql = (
            "SELECT study_instance_uid FROM studies WHERE substr(study_instance_uid, 1, length(?1)) = ?1"
            " OR substr(study_instance_uid, -length(?1)) = ?1 ORDER BY last_at DESC LIMIT ?2"
        )
        return [row[0] for row in self._database.read(sql, part, count)] if part else []

    def near(self, uid: str) -> list[str]:
        """Studies whose UID differs from this one near its end only, as that of a slip does; the most alike first."""
        sql = "SELECT study_instance_uid FROM studies WHERE study_instance_uid {} ? ORDER BY 1 {} LIMIT ?"
        sides = ((">", "ASC"), ("<", "DESC"))
        found = [row[0] for side in sides for row in self._database.read(sql.format(*side), uid, _NEIGHBOURS)]
        alike = {one: _in_common(one, uid) for one in found}
        return sorted((one for one in found if alike[one] >= _ALIKE * len(uid)), key=lambda one: -alike[one])

    def senders(self, uid: str) -> list[Sent]:
        """Who sent what of a study, in the order of their first objects; our own results that came back are none."""
        rows = self._database.read(
            "SELECT coalesce(a.calling_ae, '') AS calling_ae, coalesce(a.peer, '') AS peer, count(*) AS objects,"
            " min(i.received_at) AS first_at, max(i.received_at) AS last_at FROM instances i"
            " LEFT JOIN associations a ON a.association = i.association"
            " WHERE i.study_instance_uid = ? AND i.set_aside = '' GROUP BY 1, 2 ORDER BY first_at",
            uid,
        )
        return [Sent(**dict(row)) for row in rows]

    def left_out(self, uid: str) -> dict[str, int]:
        """Why instances of a study that were taken do not count -> how many."""
        sql = "SELECT set_aside, count(*) FROM instances WHERE study_instance_uid = ? AND set_aside != '' GROUP BY 1"
        return dict(map(tuple, self._database.read(sql, uid)))

    def files_gone(self, uid: str) -> bool:
        """Whether the files of a study were purged, or are being."""
        rows = self._database.read("SELECT purged FROM studies WHERE study_instance_uid = ?", uid)
        return bool(rows and rows[0][0])

    def lease(self, analysis_id: int) -> float | None:
        """Until when a worker may be at an analysis, epoch seconds; None when none is."""
        rows = self._database.read("SELECT lease_until FROM analyses WHERE id = ?", analysis_id)
        return rows[0][0] if rows else None

    def running(self, now: float) -> list[int]:
        """Analyses that a worker is at, or has still to report; what is left of an earlier life of the node as well."""
        sql = "SELECT id FROM analyses WHERE state = ? AND lease_until > ? OR state = ? ORDER BY id"
        rows = self._database.read(sql, AnalysisState.QUEUED, now, AnalysisState.CLASSIFIED)
        return [row[0] for row in rows]

    def not_begun(self, now: float) -> int:
        """How many analyses wait for a worker."""
        sql = "SELECT count(*) FROM analyses WHERE state = ? AND coalesce(lease_until, 0) <= ?"
        return int(self._database.read(sql, AnalysisState.QUEUED, now)[0][0])

    def with_results(self, plugin: str, since: float) -> list[tuple[int, str, str, str]]:
        """(id, Study Instance UID, plugin, version) of analyses that a plugin, in whatever version, has reported.

        Of each study the newest revision alone, the oldest analysis first. Args: since: it was routed then or later.
        """
        rows = self._database.read(
            "SELECT a.id, a.study_instance_uid, a.plugin, a.plugin_version FROM analyses a"
            " JOIN studies s ON s.study_instance_uid = a.study_instance_uid AND s.revision = a.revision"
            " WHERE (a.plugin = ?1 OR a.plugin LIKE ?1 || '@%') AND a.created_at >= ?2 AND EXISTS"
            " (SELECT 1 FROM results r WHERE r.analysis_id = a.id) ORDER BY a.id",
            plugin,
            since,
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def before(self, analysis_id: int) -> int:
        """How many analyses wait for a worker and go before this one."""
        sql = (
            "SELECT count(*) FROM analyses WHERE state = ?"
            " AND (rank, id) < (SELECT own.rank, own.id FROM analyses own WHERE own.id = ?)"
        )
        return int(self._database.read(sql, AnalysisState.QUEUED, analysis_id)[0][0])


def _in_common(one: str, other: str) -> int:
    """Letters that both begin with."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
