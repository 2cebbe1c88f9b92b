"""Fetching by the clock: now and then an archive is asked what it has of the last days, and sends what is not here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import structlog

from node.config import Destination, FetchRule, Settings
from node.deliver.backoff import ceiling_seconds
from node.errors import ConfigError, DeliveryError, DeliveryRefused
from node.fetch.enquiry import enquire
from node.fetch.errand import run_apart
from node.fetch.fetching import Fetched, Fetcher
from node.fetch.query import Match
from node.fetch.wanted import Wanted
from node.ledger import FetchRow, Ledger
from node.ledger.fetches import FIRST_AGAIN_SECONDS, LONGEST_AGAIN_SECONDS

log = structlog.get_logger()

#: Most studies that are looked at.
_MOST = 5000
#: So often it is seen whether something is due, seconds.
_GLANCE_SECONDS = 10.0


@dataclass(frozen=True)
class _Lack:
    """A study that did not come whole. Attributes: match; reason; again_at: epoch seconds."""

    match: Match
    reason: str
    again_at: float


class Watch:
    """Of one rule.

    Args:
        rule: what is wanted of which archive.
        settings: of this node.
        ledger: is told, and counts.
        is_stopping: the node is; an archive that is sending does not keep it.

    Attributes:
        glance_seconds: so often :meth:`tick` is to be called.
    """

    def __init__(
        self, rule: FetchRule, settings: Settings, ledger: Ledger, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._rule, self._settings, self._ledger, self._is_stopping = rule, settings, ledger, is_stopping
        self._counted: dict[str, int | None] = {}
        self._lacks: dict[str, _Lack] = {}
        self._every = rule.every_minutes * 60
        self._failures, self._look_at = 0, time.monotonic() + self._every
        self.glance_seconds = min(self._every, _GLANCE_SECONDS)

    def tick(self) -> None:
        """Look when it is time to, and between two looks ask again for what did not come, when that is due."""
        if time.monotonic() >= self._look_at:
            self.step()
        elif due := [one.match for one in self._lacks.values() if one.again_at <= time.time()]:
            self._run(lambda: self._fetch(due))

    def step(self) -> None:
        """Look, and fetch what is due; a node that is stopped meanwhile leaves the rest to its next life."""
        self._run(self._look)

    def _run(self, work: Callable[[], str]) -> None:
        run_apart(f"fetch {self._rule.name}", work, self._ledger, self._is_stopping)

    def _look(self) -> str:
        """One look; what is wrong, or nothing. An archive that does not answer is asked again before the next one."""
        self._look_at = time.monotonic() + self._every
        try:
            matches = self._matches()
        except (DeliveryError, DeliveryRefused) as error:
            self._failures += 1
            rest = min(self._every, ceiling_seconds(self._failures, FIRST_AGAIN_SECONDS, LONGEST_AGAIN_SECONDS))
            self._look_at = time.monotonic() + rest
            return f"{error}; it is asked again in {rest:.0f} s"
        self._failures = 0
        due = self._due(matches)
        self._counted = {one.study_instance_uid: one.instances for one in matches}
        self._lacks = {uid: one for uid, one in self._lacks.items() if uid in self._counted}
        return self._fetch(due)

    @property
    def _archive(self) -> Destination:
        found = self._settings.destination(self._rule.archive)
        if found is None:  # the settings have been checked
            raise ConfigError("there is no such destination", about=self._rule.archive)
        return found

    def _matches(self) -> tuple[Match, ...]:
        rule, calling_ae = self._rule, self._settings.node.ae_title
        first = date.today() - timedelta(days=rule.days_back)
        wanted = Wanted(modality=rule.modality, body_part=rule.body_part, date=f"{first:%Y%m%d}-")
        return enquire(self._archive, calling_ae, self._ledger, f"fetch {rule.name}", wanted, _MOST).matches

    def _fetch(self, due: list[Match]) -> str:
        """Have them sent; what is wrong, or nothing."""
        rule, operator = self._rule, f"fetch {self._rule.name}"
        fetcher = Fetcher(self._archive, self._settings, self._ledger, operator, self._is_stopping)
        asked, whole = due[: rule.at_most], 0
        for match, one in zip(asked, fetcher.fetch(map(self._begun, asked)), strict=True):
            self._note(match, one)
            whole += not one.reason
        if asked:
            log.info("fetched", rule=rule.name, studies=len(asked), whole=whole)
        return _trouble(list(self._lacks.values()))

    def _begun(self, match: Match) -> Match:
        """It is about to be asked for: whatever that provokes, it is the next look that finds it due again."""
        self._lacks.pop(match.study_instance_uid, None)
        return match

    def _note(self, match: Match, done: Fetched) -> None:
        """Whether it is to be asked for again, and when."""
        uid = match.study_instance_uid
        if not done.reason:
            return
        row, now = self._ledger.fetches.of_study(uid), time.time()
        again_at = (row.again_at if row else None) or now + FIRST_AGAIN_SECONDS
        self._lacks[uid] = _Lack(match, done.reason, again_at)
        said = {"tries": row.tries if row else 0, "again_seconds": round(again_at - now)}
        log.warning("study not fetched", rule=self._rule.name, study_instance_uid=uid, why=done.reason, **said)

    def _due(self, matches: Iterable[Match]) -> list[Match]:
        """What is to be fetched, what was never tried first."""
        found, now = [], time.time()
        for match in matches:
            uid = match.study_instance_uid
            row, came = self._ledger.fetches.of_study(uid), self._ledger.fetches.came(uid)
            was_asked = row is not None and row.instances is not None and row.instances == match.instances
            has_settled = was_asked or (uid in self._counted and self._counted[uid] == match.instances)
            if has_settled and (is_due(match, row, came, now) or self._ledger.priors.has(uid)):
                found.append((row.asked_at if row else 0.0, uid, match))
        return [match for _, _, match in sorted(found)]


def is_due(match: Match, row: FetchRow | None, came: int, now: float) -> bool:
    """Whether a study is to be fetched.

    Args:
        match: as the archive has it.
        row: how it was asked for last; None: never.
        came: objects of it that are here.
        now: epoch seconds.
    """
    if match.instances is not None and came >= match.instances:
        return False
    if row is None:
        return match.instances is not None or not came
    if row.ended_at is None or row.instances != match.instances:
        return True
    if not row.reason and match.instances is None:
        return False
    again_at = row.again_at or row.ended_at + LONGEST_AGAIN_SECONDS
    return not row.ended_at <= now < again_at  # a clock that was set back holds up nothing


def _trouble(lacks: list[_Lack]) -> str:
    """Of those that did not come, for `radnode status`."""
    if not lacks:
        return ""
    first = min(lacks, key=lambda one: one.again_at)
    when = time.strftime("%H:%M:%S", time.localtime(first.again_at))
    return f"{len(lacks)} studies did not come, the first: {first.reason}; it is asked for again at {when}"
