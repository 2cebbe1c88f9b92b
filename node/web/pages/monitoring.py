"""Charts of how the plugins answer. Another one is a function in :data:`PANELS`: from a :class:`Sample` to charts.

What is looked at are the newest analyses of each week, so many at most, as long as their files are here
(storage.keep_days): rates are of those, and each chart says of how many. How far a model has drifted is known of every
look at it (`watch.keep_days`), whatever became of the files.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.account import Account, read_account
from node.config import WatchSettings
from node.ledger import AnalysisRow, Ledger, MeasureRow
from node.reviews import Share
from node.spool import Spool
from node.study import Attributes
from node.web.pages import drift
from node.web.pages.charts import Axis, Chart, Figure, Line, intervals, lines

_WEEK_SECONDS, WEEKS, MANY = 7 * 86400.0, 8, 100
#: Limits of age bands, years.
_AGES = (18, 40, 60, 75)
_MOST_GROUPS = 24


@dataclass(frozen=True)
class Answered:
    """An analysis that was answered. `week`: 0 is the one that ends now, 1 that before; `attributes`: of an image."""

    row: AnalysisRow
    account: Account
    week: int
    attributes: Attributes


@dataclass(frozen=True)
class Sample:
    """What the charts are made of.

    Attributes:
        answered: newest first.
        looks: plugin -> the measures of the looks at it, oldest first.
        against: the reference that alarms are raised against.
    """

    answered: Sequence[Answered] = field(default=())
    looks: Mapping[str, Sequence[MeasureRow]] = field(default_factory=dict)
    against: str = "site"

    @property
    def plugins(self) -> list[str]:
        """That answered."""
        return sorted({one.row.plugin for one in self.answered})

    def of(self, plugin: str) -> list[Answered]:
        """The answers of a plugin."""
        return [one for one in self.answered if one.row.plugin == plugin]


Panel = Callable[[Sample], Iterator[Chart]]


def sample(ledger: Ledger, spool: Spool, now: float, against: str = "site") -> Sample:
    """The newest analyses of each week that were answered and are still here, and the looks of those weeks."""
    found = []
    for week in range(WEEKS):
        end = now - week * _WEEK_SECONDS
        for row in ledger.overview.analyses_from(end - _WEEK_SECONDS, end + 1, MANY):
            account = read_account(spool.path(f"work/{row.id}"), row.sealed)
            if account is not None:
                attributes = ledger.overview.attributes(row.study_instance_uid)
                found.append(Answered(row, account, week, attributes))
    return Sample(tuple(found), looks(ledger, now), against)


def looks(ledger: Ledger, now: float) -> dict[str, list[MeasureRow]]:
    """Those of the weeks shown, or where they are all older, the newest."""
    since, newest = now - WEEKS * _WEEK_SECONDS, {one.plugin: one.at for one in ledger.measures.latest()}
    return {plugin: ledger.measures.history(plugin, min(since, at)) for plugin, at in newest.items()}


def rates_by_week(given: Sample) -> Iterator[Chart]:
    """How often each plugin calls something present, and how often it does not answer, week by week."""
    labels = ["this week" if not week else f"-{week}" for week in reversed(range(WEEKS))]
    for number, plugin in enumerate(given.plugins):
        answers = given.of(plugin)
        by_week = [[one for one in answers if one.week == week] for week in reversed(range(WEEKS))]
        drawn = [
            _rates("a finding is present", by_week, _is_present),
            _rates("no answer", by_week, _abstains),
        ]
        title = f"{plugin}: positives and abstentions by week"
        about = f"Shares of {len(answers)} analyses, at most {MANY} a week; bands are 95 % intervals."
        rows = tuple(
            (label, str(len(found)), *(_cell(line.figures[place]) for line in drawn))
            for place, (label, found) in enumerate(zip(labels, by_week, strict=True))
        )
        name = f"weeks-{number}"
        yield Chart(name, title, about, lines(name, title, about, labels, drawn, Axis(1.0)), _WEEK_COLUMNS, rows)


_WEEK_COLUMNS = ("week", "analyses", "a finding is present", "no answer")


def rates_by_subgroup(given: Sample) -> Iterator[Chart]:
    """How often each finding is called present in each sex, age, view and maker."""
    number = 0
    for plugin in given.plugins:
        answers = [one for one in given.of(plugin) if not _abstains(one)]
        for finding, label in _findings(answers):
            groups = _groups(answers, finding)
            figures = [
                Figure(f"{name} ({share.total})", share.figure or 0.0, *share.interval) for name, share in groups
            ]
            if figures:
                title = f"{plugin}: {label}, called present, by subgroup"
                about = f"Shares of {len(answers)} answered analyses with 95 % intervals; how many in brackets."
                rows = tuple((name, str(share.total), str(share.hits), _share(share)) for name, share in groups)
                name = f"groups-{number}"
                yield Chart(name, title, about, intervals(name, title, about, figures), _GROUP_COLUMNS, rows)
                number += 1


_GROUP_COLUMNS = ("subgroup", "analyses", "present", "share (95 %)")


def drift_by_look(given: Sample) -> Iterator[Chart]:
    """How far each model is from what alarms are raised against, and how late its results are, look by look."""
    for number, (plugin, rows) in enumerate(given.looks.items()):
        shown = [one for one in rows if one.reference in (given.against, "objective")]
        yield from drift.charts(plugin, shown, number)


#: What the page shows, in this order.
PANELS: list[Panel] = [drift_by_look, rates_by_week, rates_by_subgroup]


def monitoring(settings: WatchSettings, ledger: Ledger, spool: Spool) -> dict[str, Any]:
    """The values of the page."""
    given = sample(ledger, spool, time.time(), settings.alarm_against)
    charts = [chart for panel in PANELS for chart in panel(given)]
    return {"charts": charts} | drift.watching(settings, given.looks)


def _rates(name: str, by_week: Sequence[Sequence[Answered]], counts: Callable[[Answered], bool]) -> Line:
    shares = [Share(sum(map(counts, found)), len(found)) for found in by_week]
    return Line(name, [one.figure for one in shares], [one.interval if one.total else None for one in shares])


def _is_present(one: Answered) -> bool:
    return any(found.outcome == "present" for series in one.account.series for found in series.findings)


def _abstains(one: Answered) -> bool:
    return not any(series.findings for series in one.account.series)


def _findings(answers: Sequence[Answered]) -> list[tuple[str, str]]:
    """(name, label) of what was answered."""
    found = {
        one.finding: one.label for answer in answers for series in answer.account.series for one in series.findings
    }
    return sorted(found.items())


def _groups(answers: Sequence[Answered], finding: str) -> list[tuple[str, Share]]:
    counted: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        outcomes = [one.outcome for s in answer.account.series for one in s.findings if one.finding == finding]
        if outcomes:
            for group in _groups_of(answer.attributes):
                counted[group].append("present" in outcomes)
    return [(group, Share(sum(hits), len(hits))) for group, hits in sorted(counted.items())][:_MOST_GROUPS]


def _groups_of(attributes: Attributes) -> Iterator[str]:
    yield f"sex {attributes.sex or 'not stated'}"
    yield f"age {_age(attributes.age_years)}"
    yield f"view {attributes.view or 'not stated'}"
    yield f"maker {attributes.manufacturer[:24] or 'not stated'}"


def _age(years: float | None) -> str:
    if years is None:
        return "not stated"
    number = sum(years >= limit for limit in _AGES)
    if number == len(_AGES):
        return f"{_AGES[-1]} and over"
    return f"{_AGES[number - 1]} to {_AGES[number] - 1}" if number else f"under {_AGES[0]}"


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _share(share: Share) -> str:
    low, high = share.interval
    return "–" if share.figure is None else f"{share.figure:.0%} ({low:.0%}–{high:.0%})"
