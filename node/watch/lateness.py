"""When answers come: how long the model takes, and how many results are later than they are to be."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from node.config import WatchSettings
from node.ledger import Measure, Observation, Verdict
from node.ledger.pace import Passage
from node.watch import statistics
from node.watch.looking import figure

#: Results in a row that count as one case, at most: what lasts longer is worth an alarm.
LONGEST_RUN = 20.0
#: As many cases there always are: of fewer, not even all would be too many.
_LEAST_CASES = 5


@dataclass(frozen=True)
class Objective:
    """Results of `seconds` from door to result are in time.

    Attributes:
        settings: what share of them is to be, and alarms.
        windows: names of the routes that have one.
    """

    seconds: float
    settings: WatchSettings
    windows: Collection[str] = ()


def seconds(observed: Sequence[Observation]) -> list[Measure]:
    """Seconds that the model took for an answer: median and 95th percentile."""
    taken = [one.seconds for one in observed]
    pairs = (("median seconds", 50), ("95th percentile seconds", 95)) if taken else ()
    return [figure("latency", name, "", len(taken), float(np.percentile(taken, share))) for name, share in pairs]


def late(passages: Sequence[Passage], objective: Objective) -> list[Measure]:
    """Share of delivered results that were later than the objective, against what it allows and chance adds.

    As `GET /metrics` counts them: what was retried or released from silence says when somebody looked, what is begun in
    a window only says when that opened, and neither counts; where the trail does not tell when the last image came, the
    result was late.
    """
    taken = [one.seconds for one in passages if one.says_how_fast(objective.windows)]
    return lateness([one is None or one > objective.seconds for one in taken], objective.settings)


def lateness(late: Sequence[bool], settings: WatchSettings) -> list[Measure]:
    """Args: late: whether each result was, in the order in which they came.

    What delays one result delays those beside it. So results that were late one after the other count as one case, of
    :data:`LONGEST_RUN` at most, and all others as cases of that size: or a busy quarter of an hour would look like a
    broken promise.
    """
    results, level = len(late), settings.late_level
    if not results:
        return []
    share = sum(late) / results
    if not level:
        return [figure("latency", "late", "", results, share)]
    if results < settings.least:
        return [Measure("latency", "late", "", "objective", 0, results, share, None, Verdict.TOO_FEW)]
    runs = sum(is_late and not before for is_late, before in zip(late, [False, *late], strict=False))
    size = min(LONGEST_RUN, results / _LEAST_CASES, sum(late) / runs) if runs else 1.0
    limit = statistics.excess_limit(1 - settings.in_time_share, int(results / size), level)
    verdict = Verdict.ALARM if share > limit else Verdict.AS_BEFORE
    return [Measure("latency", "late", "", "objective", 0, results, share, limit, verdict)]
