"""One round: a look at every plugin that has answered here, its baseline if it is time, and what is too old goes."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from node.config import WatchSettings
from node.errors import PluginError
from node.ledger import Ledger, Measure, Observation, Verdict, Watched
from node.plugin import Manifest
from node.reviews import Counted, Tally, tallies
from node.watch.answers import Answers, answers_from, answers_of, answers_text, reference_of
from node.watch.lateness import Objective, late, seconds
from node.watch.looking import Comparison, compare
from node.watch.subgroups import changed, rates
from node.watch.ticking import LAST

_DAY_SECONDS = 86400.0
Reviewed = Sequence[Counted]


def look_at_all(
    settings: WatchSettings,
    ledger: Ledger,
    manifests: Mapping[str, Manifest],
    in_time: float = math.inf,
    windows: Collection[str] = (),
) -> int:
    """Look at every plugin, and forget what is too old; how many new alarms there are.

    Args:
        settings: how to look.
        ledger: of the node.
        manifests: of the plugins that are installed.
        in_time: results that take longer from door to result are late, seconds.
        windows: names of the routes that have one, whose results are no measure of that.

    Raises :class:`~node.errors.PluginError` for a reference that cannot be read, once all others were looked at.
    """
    before = time.time() - settings.keep_days * _DAY_SECONDS
    ledger.observations.prune(before)
    ledger.measures.prune(before)
    reviewed = [*ledger.reviews.counted(), *ledger.reviews.counted(by_text=True)]
    new, unread = 0, []
    for of in ledger.observations.watched():
        try:
            reference = _reference(manifests.get(of.plugin), of)
        except PluginError as error:
            reference = None
            unread.append(error)
        measures = look(settings, ledger, of, reference, reviewed)
        passages = ledger.pace.newest(of.plugin, settings.window, _since(settings))
        measures += late(passages, Objective(in_time, settings, windows))
        new += len(ledger.measures.record(of, measures, settings.pause_on))
    ledger.facts.note_time(LAST, time.time())
    if unread:
        raise unread[0]
    return new


def _reference(manifest: Manifest | None, of: Watched) -> Answers | None:
    """What the plugin that is installed brings, if it is that version that answered."""
    return reference_of(manifest.folder) if manifest and manifest.version == of.plugin_version else None


def look(
    settings: WatchSettings, ledger: Ledger, of: Watched, reference: Answers | None, reviewed: Reviewed = ()
) -> list[Measure]:
    """All measures of one plugin as it is now."""
    baseline = _baseline(settings, ledger, of)
    observed = newest(settings, ledger, of)
    answers, measures = answers_of(observed), []
    for name, old in (("site", baseline), ("training", reference)):
        if old is not None:
            comparison = Comparison(name, old, answers, settings)
            measures += [*compare(comparison), *(changed(comparison) if name == "site" else ())]
    if not measures:
        measures = [Measure("scores", "answers", "", "site", 0, len(observed), None, None, Verdict.TOO_FEW)]
    recent = ledger.observations.newest(of, settings.window, _since(settings))
    return [
        *measures,
        *seconds(recent),
        *rates(recent, settings.least_of_sender),
        *predictive(of, reviewed),
    ]


def newest(settings: WatchSettings, ledger: Ledger, of: Watched) -> list[Observation]:
    """The answers that a look compares: the newest since the baseline was full, or all while there is none."""
    baseline = ledger.measures.baseline(of)
    since = max(_since(settings), baseline.until if baseline else 0.0)
    return ledger.observations.newest(of, settings.window, since)


def _since(settings: WatchSettings) -> float:
    return time.time() - settings.window_days * _DAY_SECONDS


def _baseline(settings: WatchSettings, ledger: Ledger, of: Watched) -> Answers | None:
    """The site's own; made of its first answers once there are enough."""
    kept = ledger.measures.baseline(of)
    if kept is not None:
        return answers_from(kept.answers)
    first = ledger.observations.first(of, settings.baseline)
    if len(first) < settings.baseline:
        return None
    return keep_baseline(ledger, of, first, f"the first {len(first)} answers at this site")


def keep_baseline(ledger: Ledger, of: Watched, observed: Sequence[Observation], why: str) -> Answers:
    """Make these answers the baseline of a plugin's version."""
    answers = answers_of(observed, why)
    ledger.measures.set_baseline(of, max(one.at for one in observed), answers_text(answers), why)
    return answers


def predictive(of: Watched, reviewed: Reviewed) -> list[Measure]:
    """Positive and negative predictive value of each month, from the last word on each answer, by its source."""
    months: dict[str, list[Counted]] = {}
    for one in reviewed:
        if one.plugin == of.plugin and one.plugin_version == of.plugin_version:
            months.setdefault(datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m"), []).append(one)
    return [
        measure
        for month, counted in sorted(months.items())
        for tally in tallies([_of_any(one) for one in counted])
        for measure in _values(tally, month)
    ]


def _of_any(one: Counted) -> Counted:
    return replace(one, sender="")


def _values(tally: Tally, month: str) -> list[Measure]:
    words = f" by report text, {tally.source}" if tally.source else ""
    shares = (("PPV", tally.ppv), ("NPV", tally.npv))
    return [
        Measure(
            "predictive values", f"{name} {tally.finding}{words}", month, "", 0, s.total, s.figure, None, Verdict.TOLD
        )
        for name, s in shares
        if s.total
    ]
