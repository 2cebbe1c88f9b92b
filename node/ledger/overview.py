"""What a dashboard shows, found along indexes alone: what is open, pages of studies, the hours of a day.

However many rows there are, no query here looks at more than it answers, a stated number of rows, or what is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.ledger.analyses import Analyses
from node.ledger.analysis import AnalysisRow
from node.ledger.database import Database
from node.ledger.deliveries import OBSOLETE
from node.ledger.studies import StudyRow, attributes_from, study_of
from node.states import AnalysisState, StudyState
from node.study import Attributes, ResultObject

#: Later than any time of the ledger.
END_OF_TIME = 1e18
#: The modalities of a study are told by so many of its objects.
_LOOKED_AT = 20
#: So many studies are looked at for a page of one modality.
_MOST_WALKED = 1000


@dataclass(frozen=True)
class Wanted:
    """Which studies. Empty: any.

    Attributes:
        state: of the study.
        modality: of one of its objects.
        begin, end: epoch seconds, of the last image; with `state`, of its last change.
        before: (seconds, Study Instance UID) of the last study of the page before; None: from the newest on.
    """

    state: StudyState | None = None
    modality: str = ""
    begin: float = 0.0
    end: float = END_OF_TIME
    before: tuple[float, str] | None = None


@dataclass(frozen=True)
class Page:
    """Studies, newest first. `after`: where the next page goes on; None: there is none."""

    studies: tuple[StudyRow, ...]
    after: tuple[float, str] | None


@dataclass(frozen=True)
class Waiting:
    """What waits for a destination: how many objects, since when, and what went wrong last."""

    objects: int
    since: float | None
    error: str
    error_at: float | None


class Overview:
    """Reads; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database, self._analyses = database, Analyses(database)

    def studies_in(self, states: Sequence[StudyState]) -> dict[StudyState, int]:
        """How many studies are in each of these states."""
        return {one: self._count("SELECT count(*) FROM studies WHERE state = ?", one) for one in states}

    def analyses_in(self, states: Sequence[AnalysisState]) -> dict[AnalysisState, int]:
        """How many analyses are in each of these states."""
        return {one: self._count("SELECT count(*) FROM analyses WHERE state = ?", one) for one in states}

    def queued_for(self, plugin: str) -> int:
        """How many analyses wait for a plugin: it looks at what waits, not at what there ever was."""
        return self._count("SELECT count(*) FROM analyses WHERE +plugin = ? AND state = 'QUEUED'", plugin)

    def oldest(self, state: AnalysisState) -> float | None:
        """When the oldest analysis in that state was queued."""
        rows = self._database.read("SELECT created_at FROM analyses WHERE state = ? ORDER BY id LIMIT 1", state)
        return rows[0][0] if rows else None

    def by_hour(self, since: float) -> dict[int, int]:
        """Hour (epoch seconds // 3600) -> studies whose last image came in it."""
        sql = "SELECT CAST(last_at / 3600 AS INTEGER), count(*) FROM studies WHERE last_at >= ? GROUP BY 1"
        return dict(map(tuple, self._database.read(sql, since)))

    def waiting(self, destination: str) -> Waiting:
        """What is still to go to a destination; what nobody wants any more is not counted."""
        row = self._database.read(
            "SELECT count(*) AS n, min(r.created_at) AS since FROM deliveries d"  # noqa: S608  our words
            " JOIN analyses a ON a.id = d.analysis_id JOIN results r ON r.sop_instance_uid = d.sop_instance_uid"
            f" WHERE d.destination = ? AND d.state = 'WAITING' AND a.state != ? AND NOT {OBSOLETE}",
            destination,
            AnalysisState.DROPPED,
        )[0]
        failed = self._database.read(
            "SELECT error, changed_at FROM deliveries WHERE destination = ? AND state = 'WAITING' AND error != ''"
            " ORDER BY not_before DESC LIMIT 1",
            destination,
        )
        error, at = tuple(failed[0]) if failed and row["n"] else ("", None)
        return Waiting(row["n"], row["since"], error, at)

    def page(self, wanted: Wanted, count: int) -> Page:
        """So many studies. Of one modality it may be fewer, though there are more: then `after` says where to go on."""
        found: list[StudyRow] = []
        last = (wanted.end, "")
        for number, study in enumerate(self._walk(wanted, count + 1)):
            if len(found) == count or number == _MOST_WALKED:
                return Page(tuple(found), last)
            last = _place(wanted, study)
            if not wanted.modality or wanted.modality in self.modalities(study.study_instance_uid):
                found.append(study)
        return Page(tuple(found), None)

    def beginning_so(self, uid: str, count: int) -> Page:
        """Studies whose UID begins so, in the order of their UIDs."""
        sql = "SELECT * FROM studies WHERE study_instance_uid >= ? AND study_instance_uid < ? LIMIT ?"
        rows = self._database.read(sql, uid, f"{uid}:", count)  # a colon stands behind the digits
        return Page(tuple(map(study_of, rows)), None)

    def _walk(self, wanted: Wanted, count: int) -> Iterator[StudyRow]:
        """Newest first, a piece at a time."""
        time, state = ("changed_at", "state = ? AND ") if wanted.state else ("last_at", "")
        sql = (
            f"SELECT * FROM studies WHERE {state}{time} >= ? AND ({time}, study_instance_uid) < (?, ?)"  # noqa: S608
            f" ORDER BY {time} DESC, study_instance_uid DESC LIMIT ?"
        )
        before = wanted.before or (wanted.end, "")
        while True:
            values = (*((wanted.state,) if wanted.state else ()), wanted.begin, *before, count)
            rows = [study_of(row) for row in self._database.read(sql, *values)]
            yield from rows
            if len(rows) < count:
                return
            before = _place(wanted, rows[-1])

    def modalities(self, uid: str) -> tuple[str, ...]:
        """Of a study, by its first objects."""
        sql = (
            "SELECT DISTINCT json_extract(attributes, '$.modality') FROM"
            " (SELECT attributes FROM instances WHERE study_instance_uid = ? AND set_aside = '' LIMIT ?)"
        )
        return tuple(sorted(row[0] for row in self._database.read(sql, uid, _LOOKED_AT) if row[0]))

    def attributes(self, uid: str) -> Attributes:
        """Those of the first object of a study that counts; empty ones where there is none."""
        sql = "SELECT attributes FROM instances WHERE study_instance_uid = ? AND set_aside = '' LIMIT 1"
        rows = self._database.read(sql, uid)
        return attributes_from(rows[0][0]) if rows else Attributes()

    def result(self, sop_instance_uid: str) -> ResultObject | None:
        """A result object; None: there is none of that UID."""
        rows = self._database.read("SELECT * FROM results WHERE sop_instance_uid = ?", sop_instance_uid)
        return ResultObject(**{name: rows[0][name] for name in ResultObject.__dataclass_fields__}) if rows else None

    def analyses_from(self, at: float, until: float, count: int) -> list[AnalysisRow]:
        """Of those queued between two times so many, the newest first."""
        low, high = self._first_at(at), self._first_at(until)
        sql = "SELECT id FROM analyses WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?"
        return [self._analyses.get(row[0]) for row in self._database.read(sql, low, high, count)]

    def _first_at(self, at: float) -> int:
        """Number of the first analysis that was queued then or later; numbers grow with time, so halving finds it."""
        low, high = 0, int(self._database.read("SELECT coalesce(max(id), 0) + 1 FROM analyses")[0][0])
        while low < high:
            middle = (low + high) // 2
            rows = self._database.read("SELECT id, created_at FROM analyses WHERE id >= ? LIMIT 1", middle)
            if not rows or rows[0]["created_at"] >= at:
                high = middle
            else:
                low = rows[0]["id"] + 1
        return low

    def _count(self, sql: str, *values: object) -> int:
        return int(self._database.read(sql, *values)[0][0])


def _place(wanted: Wanted, study: StudyRow) -> tuple[float, str]:
    """Of a study in the list that is wanted."""
    return (study.changed_at if wanted.state else study.last_at), study.study_instance_uid
