"""Fetching by the clock: now and then an archive is asked what it has of the last days, and sends what is not here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import date, timedelta

import structlog

from node.config import FetchRule, Settings
from node.fetch.errand import run_apart
from node.fetch.fetching import Fetched, Fetcher
from node.fetch.query import Match, find
from node.fetch.wanted import Wanted
from node.ledger import FetchRow, Ledger

log = structlog.get_logger()

#: Most studies that are looked at, and how long one that did not come whole is left alone, seconds.
_MOST, AGAIN_SECONDS = 5000, 3600.0


class Watch:
    """Of one rule.

    Args:
        rule: what is wanted of which archive.
        settings: of this node.
        ledger: is told, and counts.
        is_stopping: the node is; an archive that is sending does not keep it.
    """

    def __init__(
        self, rule: FetchRule, settings: Settings, ledger: Ledger, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._rule, self._settings, self._ledger, self._is_stopping = rule, settings, ledger, is_stopping
        self._counted: dict[str, int | None] = {}

    def step(self) -> None:
        """Look, and fetch what is due; a node that is stopped meanwhile leaves the rest to its next life."""
        run_apart(f"fetch {self._rule.name}", self._look, self._ledger, self._is_stopping)

    def _look(self) -> str:
        """One look; why not all came, or nothing."""
        rule, node = self._rule, self._settings.node
        archive = self._settings.destination(rule.archive)
        if archive is None:  # the settings have been checked
            return f"there is no destination '{rule.archive}'"
        first = date.today() - timedelta(days=rule.days_back)
        wanted = Wanted(modality=rule.modality, body_part=rule.body_part, date=f"{first:%Y%m%d}-")
        matches = find(archive, node.ae_title, wanted, _MOST).matches
        due = self._due(matches)
        self._counted = {one.study_instance_uid: one.instances for one in matches}
        fetcher = Fetcher(archive, self._settings, self._ledger, f"fetch {rule.name}", self._is_stopping)
        done = list(fetcher.fetch(due[: rule.at_most]))
        if done:
            log.info("fetched", rule=rule.name, studies=len(done), whole=sum(not one.reason for one in done))
        return _trouble(done)

    def _due(self, matches: Iterable[Match]) -> list[Match]:
        """What is to be fetched, what was never tried first."""
        found, now = [], time.time()
        for match in matches:
            uid = match.study_instance_uid
            row, came = self._ledger.fetches.of_study(uid), self._ledger.fetches.came(uid)
            has_settled = uid in self._counted and self._counted[uid] == match.instances
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
    has_failed = bool(row.reason) or match.instances is not None
    return has_failed and abs(now - row.asked_at) >= AGAIN_SECONDS


def _trouble(done: Iterable[Fetched]) -> str:
    """Of those that did not come, for `radnode status`."""
    reasons = [one.reason for one in done if one.reason]
    return f"{len(reasons)} studies did not come, the first: {reasons[0]}" if reasons else ""
