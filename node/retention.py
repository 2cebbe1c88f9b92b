"""Whose files go, and when: after the days that they are kept, or before, where room is needed; and whose rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from node.config import StorageSettings
from node.ledger import Ledger
from node.spool import Spool
from node.window import clock

log = structlog.get_logger()

#: Whatever the disk is like, the files of a study stay so long after its last image.
YOUNGEST_SECONDS = 3600.0
_DAY_SECONDS = 86400.0
_ALL = 10_000_000  # studies
#: Names of times in the ledger: of the last look, and of one that found the clock so far on that it may be wrong.
_LOOKED, _LEAPT = "retention", "clock leapt"
#: A clock that has gone so far since the last look has leapt, or nobody ran; for so long its days are not counted.
_LEAP_SECONDS, _DOUBTED_SECONDS = 2 * _DAY_SECONDS, _DAY_SECONDS
#: So many lines of the trail are worth a line that says they are gone.
WORTH_A_LINE = 1000
#: Parts of the trail that go at one time.
_PARTS = 50


@dataclass(frozen=True)
class Rule:
    """What one rule would remove: its setting and value, the studies, and the bytes that their files take.

    `set_aside`: how many objects besides, which were set aside and are of no study.
    """

    setting: str
    value: float
    studies: tuple[str, ...]
    size: int
    set_aside: int = 0


@dataclass(frozen=True)
class Rows:
    """What `storage.keep_rows_days` would remove: the rows of these studies, and so many lines of the trail."""

    setting: str
    value: float
    studies: tuple[str, ...]
    lines: int


class Retention:
    """Args: settings: which rules; ledger: knows which studies ended; spool: holds the files.

    Attributes:
        refusal: why a file could not be removed, the last one; None: all could.
    """

    def __init__(self, settings: StorageSettings, ledger: Ledger, spool: Spool) -> None:
        self.settings, self._ledger, self._spool = settings, ledger, spool
        self.refusal: OSError | None = None

    def doubts_clock(self, now: float) -> bool:
        """Whether nothing is to be removed for its age yet; says so in `radnode status`. Call it at each look.

        A clock that is set days ahead makes all studies old at once. Whoever sets it right within a day loses nothing.
        """
        if not (self.settings.keep_days or self.settings.keep_rows_days):
            return False
        facts = self._ledger.facts
        looked, leapt = facts.time_of(_LOOKED), facts.time_of(_LEAPT)
        if looked and now - looked > _LEAP_SECONDS:
            leapt = now
            facts.note_time(_LEAPT, leapt)
        facts.note_time(_LOOKED, now)
        doubted = leapt <= now < leapt + _DOUBTED_SECONDS
        if leapt and not doubted:
            facts.note_time(_LEAPT, 0.0)
        until = f"nothing is purged for its age before {clock(leapt + _DOUBTED_SECONDS)}"
        told = f"more than two days on since the node last looked: {until}" if doubted else ""
        facts.set_trouble("clock", told)
        return doubted

    def purge(self, now: float) -> int:
        """Remove the files of studies that ended and are older than the retention; return how many studies.

        What modalities and archives told so long ago, or announced and never had, is forgotten, too: of studies that
        never came as well. So are signed reports that came in messages. Objects that were set aside and are of no study
        go as long after they came.
        """
        before = now - self.settings.keep_days * _DAY_SECONDS
        if self.settings.keep_days:
            self._ledger.signals.forget(before)
            self._ledger.absences.forget(before)
            self._forget_reports(before)
            self._purge_strays(before)
        return sum(self.remove(uid, before) for uid in self._expired(before))

    def forget(self, now: float, *, least: int = 1) -> int:
        """Remove rows of studies that were over long ago, and lines of the trail that are as old; how many of both.

        Call it again until it is 0: a call takes a part of them, so that receivers can write meanwhile.

        Args:
            now: epoch seconds.
            least: lines of the trail that are worth a line that says so, unless a day has passed since the last one.
        """
        if not self.settings.keep_rows_days:
            return 0
        forgetting, before = self._ledger.forgetting, self._rows_before(now)
        if now - forgetting.shortened_at() > _DAY_SECONDS:
            least = 1
        count = sum(forgetting.forget(uid, before) for uid in forgetting.studies(before))
        return count + sum(forgetting.shorten(before, least) for _ in range(_PARTS))

    def make_room(self, now: float) -> int:
        """Remove the files of the oldest studies that were delivered while too little space is free; how many studies.

        What is not delivered stays, even if that means that nothing can be received any more.
        """
        before, count = now - YOUNGEST_SECONDS, 0
        while self._spool.free_bytes() < self._wanted:
            uids = self._ledger.studies.delivered(before)
            gone = sum(self.remove(uid, before) for uid in uids)
            if not gone:
                break
            count += gone
        return count

    def remove(self, uid: str, before: float) -> bool:
        """Remove the files of a study, unless it is open again or has an image since that time; its rows stay.

        False as well where the disk does not let one of them go: a later purge goes on with it.
        """
        paths = self._ledger.studies.begin_purge(uid, before)
        if not paths:
            return False
        if self._stuck([*paths, *self._folders(uid), *self._ledger.reports.files_of(uid)]):
            return False
        self._ledger.reports.files_gone(uid)
        self._ledger.studies.mark_purged(uid, before, [path for path in paths if self._spool.size(path) < 0])
        return True

    def planned(self, now: float) -> tuple[Rule, Rule]:
        """What :meth:`purge` and then :meth:`make_room` would remove now, all of it; nothing is changed."""
        before = now - self.settings.keep_days * _DAY_SECONDS
        expired = self._ledger.studies.expired(before, _ALL) if self._days else []
        strays = self._ledger.strays.expired(before, _ALL) if self._days else []
        size = sum(map(self._size, expired)) + sum(max(0, self._spool.size(one.path)) for one in strays if one.path)
        free, early, early_size = self._spool.free_bytes() + size, [], 0
        gone = set(expired)
        for uid in self._ledger.studies.delivered(now - YOUNGEST_SECONDS, _ALL) if free < self._wanted else []:
            if free + early_size >= self._wanted:
                break
            if uid not in gone:
                early.append(uid)
                early_size += self._size(uid)
        return (
            Rule("storage.keep_days", self._days, tuple(expired), size, len(strays)),
            Rule("storage.purge_below_mb", self.settings.purge_below_mb, tuple(early), early_size),
        )

    def planned_rows(self, now: float) -> Rows:
        """What :meth:`forget` would remove now, all of it; nothing is changed."""
        days, forgetting, before = self.settings.keep_rows_days, self._ledger.forgetting, self._rows_before(now)
        studies = forgetting.studies(before, _ALL) if days else []
        return Rows("storage.keep_rows_days", days, tuple(studies), forgetting.lines(before) if days else 0)

    def _rows_before(self, now: float) -> float:
        return now - self.settings.keep_rows_days * _DAY_SECONDS

    @property
    def _days(self) -> float:
        return self.settings.keep_days

    @property
    def _wanted(self) -> int:
        return self.settings.purge_below_mb << 20

    def _expired(self, before: float) -> list[str]:
        return self._ledger.studies.expired(before) if self._days else []

    def _folders(self, uid: str) -> list[str]:
        return [f"work/{analysis.id}" for analysis in self._ledger.analyses.of_study(uid)]

    def _paths(self, uid: str) -> list[str]:
        return [*self._ledger.studies.paths(uid), *self._folders(uid), *self._ledger.reports.files_of(uid)]

    def _forget_reports(self, before: float) -> None:
        """Remove the messages of no study, and of studies whose files are gone, that came before that time."""
        while rows := self._ledger.reports.expired(before):
            paths = {row.path for row in rows if row.path and not self._ledger.reports.others_need(row, before)}
            stuck = self._stuck(sorted(paths))
            self._ledger.reports.forget([row for row in rows if row.path not in stuck])
            if stuck:
                return  # until the next purge

    def _purge_strays(self, before: float) -> None:
        """Remove the files of objects that were set aside before that time, and whose study has no row."""
        while strays := self._ledger.strays.expired(before):
            stuck = self._stuck([one.path for one in strays if one.path])
            self._ledger.strays.mark_purged([one for one in strays if one.path not in stuck], before)
            if stuck:
                return  # as above

    def _stuck(self, paths: Iterable[str]) -> set[str]:
        """Remove them; those that the disk does not let go, as the log says."""
        stuck = set()
        for path in paths:
            try:
                self._spool.remove(path)
            except OSError as error:
                stuck.add(path)
                self.refusal = error
                log.error("file cannot be removed", path=path, why=error.strerror)
        return stuck

    def _size(self, uid: str) -> int:
        paths = [self._spool.path(one) for one in self._paths(uid)]
        files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
        return sum(file.stat().st_size for file in files)
