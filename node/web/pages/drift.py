"""Charts of how far each model is from what it is compared with, look by look, and what stands in alarm.

Measures of one chart have limits of their own, so each is drawn as a share of its limit: beyond 1 it is no chance any
more. The figures themselves stand in the table.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.alarms import plain
from node.config import WatchSettings
from node.ledger import MeasureRow, Verdict
from node.web.pages.charts import Axis, Chart, Line, lines

#: The newest looks that are drawn, and the lines of one chart.
MOST_LOOKS, MOST_LINES = 60, 4
#: Title of a chart -> the kinds of measure that it shows, and what they are.
CHARTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "what it answers": (
        ("scores", "abstentions"),
        "PSI: population stability index, KS: Kolmogorov-Smirnov distance of the probabilities; share of abstentions",
    ),
    "what the images are like": (("inputs",), "KS: Kolmogorov-Smirnov distance"),
    "what it sees in the images as a whole": (("embeddings",), "MMD: maximum mean discrepancy"),
    "results that come late": (("latency",), "Share of the newest results that took longer than the objective"),
}
#: Where the axis ends: as long as nothing is higher than that, and else; what is higher still is drawn there.
_USUAL, _HIGHEST = 2.0, 4.0
_ABOUT = "all as a share of the limit, which chance hardly exceeds"


def charts(plugin: str, looks: Sequence[MeasureRow], number: int) -> Iterator[Chart]:
    """Of one plugin. Args: looks: its measures against one reference, oldest first; number: of the plugin."""
    times = sorted({one.at for one in looks})[-MOST_LOOKS:]
    for place, (title, (kinds, meaning)) in enumerate(CHARTS.items()):
        found: dict[str, dict[float, MeasureRow]] = {}
        for one in looks:
            if one.kind in kinds and not one.subject and one.threshold is not None and one.at >= times[0]:
                found.setdefault(one.metric, {})[one.at] = one
        if found:
            about = f"The newest {len(times)} looks. {meaning}; {_ABOUT}."
            if len(found) > MOST_LINES:
                about += f" The {MOST_LINES} that came nearest to it are drawn, all stand in the table."
            yield _chart(f"drift-{number}-{place}", (f"{plugin}: {title}", about), times, found)


def _chart(
    name: str, words: tuple[str, str], times: Sequence[float], found: Mapping[str, Mapping[float, MeasureRow]]
) -> Chart:
    """Args: words: title and description; found: metric -> time of a look -> its measure."""
    shares = {metric: [_share(rows.get(at)) for at in times] for metric, rows in found.items()}
    highest = sorted(shares, key=lambda metric: -max(one or 0.0 for one in shares[metric]))[:MOST_LINES]
    drawn = [Line(_words(metric), shares[metric]) for metric in shares if metric in highest]
    beyond = any((one or 0.0) > _USUAL for line in drawn for one in line.figures)
    labels = [time.strftime("%m-%d %H:%M", time.localtime(at)) for at in times]
    rows = tuple(
        (label, *(_cell(rows.get(at)) for rows in found.values())) for label, at in zip(labels, times, strict=True)
    )
    svg = lines(name, *words, labels, drawn, Axis(_HIGHEST if beyond else _USUAL, limit=1.0))
    return Chart(name, *words, svg, ("look", *map(_words, found)), rows)


def _share(one: MeasureRow | None) -> float | None:
    """Of the limit; MMD is below 0 half the time when nothing is the matter."""
    if one is None or one.value is None or one.threshold is None:
        return None
    return max(0.0, one.value) / one.threshold if one.threshold > 0 else _HIGHEST * (one.value > 0)


def _cell(one: MeasureRow | None) -> str:
    return "–" if one is None or one.value is None else f"{one.value:.3g} (limit {one.threshold:.3g})"


def _words(metric: str) -> str:
    statistic, _, name = metric.partition(" ")
    return f"{statistic.upper()} {name}".strip() if statistic in ("psi", "ks", "mmd") else metric


@dataclass(frozen=True)
class Standing:
    """An alarm that stands.

    Attributes:
        sentence: what it says.
        since: the look that raised it, as far back as the looks go.
        is_late: whether it is about when results come, so that no baseline ends it.
    """

    sentence: str
    since: float
    is_late: bool


def standing(looks: Sequence[MeasureRow]) -> list[Standing]:
    """The alarms of a plugin's newest look. Args: looks: all of its measures, oldest first."""
    times = sorted({one.at for one in looks}, reverse=True)
    by_look = {(one.at, one.metric, one.subject): one for one in looks if one.verdict is Verdict.ALARM}
    found = []
    for one in (one for one in looks if one.at == times[0] and one.verdict is Verdict.ALARM):
        quiet = next((n for n, at in enumerate(times) if (at, one.metric, one.subject) not in by_look), len(times))
        found.append(Standing(plain(one), times[quiet - 1], one.is_late))
    return found


def watching(settings: WatchSettings, looks: Mapping[str, Sequence[MeasureRow]]) -> dict[str, Any]:
    """What the page says above its charts."""
    alarms = {plugin: standing(rows) for plugin, rows in looks.items()}
    return {
        "watches": settings.enabled,
        "alarms": {plugin: found for plugin, found in alarms.items() if found},
        "looked_at": {plugin: rows[-1].at for plugin, rows in looks.items()},
    }
