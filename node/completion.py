"""Which studies are complete: those that are long enough without a new image, or that the operator says are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from node import assemble
from node.config import StudySettings
from node.ledger import Ledger, SignalRow, StudyRow
from node.signals import Kind, StepStatus
from node.states import IllegalMove, StudyState

#: Time alone makes nothing due that is not looked for so often.
LONGEST_REST_SECONDS = 1.0


class Completion:
    """Watches the studies that are RECEIVING.

    Args:
        settings: how long to wait for what.
        ledger: knows the studies, and is told.
        clock: monotonic seconds.

    Attributes:
        rest_seconds: so long after :meth:`close_studies` the next one may be complete, without a commit of anybody.
    """

    def __init__(self, settings: StudySettings, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._ledger, self._clock = ledger, clock
        self._seen: dict[str, _Seen] = {}
        self.use(settings)
        self.rest_seconds = LONGEST_REST_SECONDS

    def use(self, settings: StudySettings) -> None:
        """Wait as these say from now on, also for studies that are arriving."""
        self._settings = settings
        self._shortest_quiet = min([settings.settled_seconds, *settings.quiet_seconds.values()])

    def close_studies(self) -> int:
        """RECEIVING -> COMPLETE for every study that is; return how many."""
        self.rest_seconds = LONGEST_REST_SECONDS
        receiving = self._ledger.studies.in_state(StudyState.RECEIVING)
        words = self._ledger.signals.words()
        self._seen = {
            study.study_instance_uid: self._look(study, words.get(study.study_instance_uid, 0)) for study in receiving
        }  # forgets studies that are no longer receiving
        return sum(self._close(study) for study in receiving)

    def _look(self, study: StudyRow, words: int) -> _Seen:
        """When the study was first seen to have so many images, and so many words of modalities and archives; what the
        images announce is read once for that."""
        known = self._seen.get(study.study_instance_uid)
        if known is None:
            before = self._silence(study) if words else 0.0
            return _Seen(study.images, words, self._clock(), before=before)
        if (known.images, known.words) != (study.images, words):
            return _Seen(study.images, words, self._clock())
        return known

    def _silence(self, study: StudyRow) -> float:
        return silence(study, self._ledger.signals.of_study(study.study_instance_uid), time.time())

    def _close(self, study: StudyRow) -> bool:
        seen = self._seen[study.study_instance_uid]
        quiet = self._clock() - seen.since
        if quiet < self._shortest_quiet and not study.asked:
            self._rest(self._shortest_quiet - quiet)
            return False  # images are still coming: no need to look at them all
        if seen.facts is None:
            seen.facts = announced(self._ledger, study)
        facts = replace(seen.facts, quiet_seconds=quiet, silent_seconds=seen.before + quiet)
        verdict = _decided(self._ledger, study, self._settings, facts)
        self._rest(verdict.seconds)
        if verdict.hold:
            with suppress(IllegalMove):  # two patients in it: it is stopped already
                self._ledger.studies.quarantine(study.study_instance_uid, verdict.reason)
            return True
        return verdict.complete and self._ledger.studies.complete(
            study, verdict.reason, partial=verdict.partial, expected=verdict.expected
        )

    def _rest(self, seconds: float) -> None:
        self.rest_seconds = min(self.rest_seconds, seconds)


def judged(ledger: Ledger, study: StudyRow, settings: StudySettings, quiet: float) -> assemble.Verdict:
    """Whether a study would be complete after so many seconds without a new image; for those who only look."""
    return _decided(ledger, study, settings, replace(announced(ledger, study), quiet_seconds=quiet))


def silence(study: StudyRow, told: Iterable[SignalRow], now: float) -> float:
    """Seconds since the last image or the last word of it, by the ledger; a clock that was set back counts as 0.

    Args: told: what modalities and archives told of it; now: epoch seconds.
    """
    return max(0.0, now - max([study.last_at, *(one.told_at for one in told)]))


def _decided(ledger: Ledger, study: StudyRow, settings: StudySettings, facts: assemble.StudyFacts) -> assemble.Verdict:
    uid = study.study_instance_uid
    performed, notified = _told(ledger, uid)
    now = replace(
        facts,
        association_silent_seconds=facts.quiet_seconds,
        association_open=ledger.studies.streaming(uid).associations > 0 or ledger.workitems.is_fetching(uid),
        asked=study.asked,
        counted=_counted(ledger, uid),
        notified=notified,
        performed=performed,
    )
    return assemble.decide(now, settings)


def _counted(ledger: Ledger, uid: str) -> assemble.Counted | None:
    """What the archive that the study is fetched from counts of it."""
    fetch = ledger.fetches.of_study(uid)
    if fetch is None:
        return None
    came = ledger.fetches.came(uid)
    if fetch.instances is not None:
        return assemble.Counted(fetch.archive, fetch.instances, came)
    return None if fetch.is_whole else assemble.Counted(fetch.archive, came + 1, came, "has at least")


def _told(ledger: Ledger, uid: str) -> tuple[assemble.Performed | None, assemble.Counted | None]:
    """What modalities and archives tell of it."""
    rows = ledger.signals.of_study(uid)
    steps = [row for row in rows if row.kind is Kind.STEP]
    archives = dict.fromkeys(row.calling_ae for row in rows if row.kind is Kind.AVAILABILITY)
    notified = (
        _named(ledger, uid, Kind.AVAILABILITY, f"the notification of {', '.join(archives)}") if archives else None
    )
    return _performed(ledger, uid, steps) if steps else None, notified


def _performed(ledger: Ledger, uid: str, steps: Sequence[SignalRow]) -> assemble.Performed:
    still = sum(step.status == StepStatus.IN_PROGRESS for step in steps)
    ended = tuple(step.discontinued for step in steps if step.status == StepStatus.DISCONTINUED)
    if still:
        return assemble.Performed(len(steps), still, ended)
    one = len(steps) == 1
    who = "the modality's performed procedure step" if one else f"the modality's {len(steps)} performed procedure steps"
    return assemble.Performed(len(steps), 0, ended, _named(ledger, uid, Kind.STEP, who, "names" if one else "name"))


def _named(ledger: Ledger, uid: str, kind: Kind, who: str, verb: str = "names") -> assemble.Counted | None:
    count = ledger.signals.named(uid, kind)
    return assemble.Counted(who, count.instances, count.came, verb) if count.instances else None


def announced(ledger: Ledger, study: StudyRow) -> assemble.StudyFacts:
    """What is here of a study, and how much its images announce; nothing of time."""
    series = ledger.studies.series(study.study_instance_uid, missed=False)
    return assemble.StudyFacts(
        quiet_seconds=0,
        series=tuple(
            assemble.SeriesFacts(
                modality=one.attributes.modality,
                images=len(one.instances),
                acquisition_images=_largest(i.acquisition_images for i in one.instances),
            )
            for one in series
        ),
        study_images=_largest(i.study_images for one in series for i in one.instances),
    )


@dataclass
class _Seen:
    """A study as the last ticks saw it.

    Attributes:
        images, words: of it, and about it.
        since: when there were first seen to be so many, monotonic seconds.
        facts: what the images announce; None: not looked at yet.
        before: seconds of silence in earlier lives of the node, and between them.
    """

    images: int
    words: int
    since: float
    facts: assemble.StudyFacts | None = None
    before: float = 0.0


def _largest(numbers: Iterable[int | None]) -> int | None:
    return max((number for number in numbers if number is not None), default=None)
