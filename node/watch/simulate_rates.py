"""`python -m node.watch.simulate_rates [YEARS]`: how often late results and subgroups raise an alarm for nothing.

Years of a site of 30 answers a day, drawn from no data: what these alarms ask is of counts alone. Late: each result by
chance, at the very share that the objective allows, the worst that is still right; alone, or so many at a time, as they
are when something stands still for a while. Subgroups: patients with sex, age, view, maker and sender by chance, and a
finding that is there or not, whatever they are. An alarm that stands over several looks is one. Then how soon a change
is noticed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from node.config import WatchSettings
from node.ledger import Measure, Verdict
from node.watch.answers import Answers
from node.watch.lateness import lateness
from node.watch.looking import Comparison
from node.watch.observing import DIMENSIONS, INPUTS
from node.watch.simulate import Generator, Site
from node.watch.subgroups import changed

#: Shares of patients, in the order of their names.
GROUPS = {
    "sex": {"F": 0.5, "M": 0.5},
    "age_band": {"0-17": 0.05, "18-39": 0.2, "40-59": 0.3, "60-79": 0.35, "80+": 0.1},
    "view": {"PA": 0.6, "AP": 0.4},
    "maker": {"A": 0.5, "B": 0.3, "C": 0.2},
    "sender": {"CR1": 0.4, "CR2": 0.3, "DX1": 0.2, "DX2": 0.1},
}
_ABSTENTIONS = 0.03
_AT_A_TIME, _LOOKS = (1, 3, 10), 1000
Newest = Callable[[int], Sequence[Measure]]  # the measures of a look once so many answers have come


def new_alarms(newest: Newest, site: Site) -> int:
    """In a year: how often one is new at a look."""
    before: set[tuple[str, str]] = set()
    count = 0
    for look in range(1, site.looks_per_year + 1):
        measures = newest(look * site.per_day * 365 // site.looks_per_year)
        found = {(one.metric, one.subject) for one in measures if one.verdict is Verdict.ALARM}
        count += bool(found - before)
        before = found
    return count


def results(count: int, late: float, at_a_time: int, generator: Generator) -> npt.NDArray[np.bool_]:
    """Whether each is late. Args: late: the share that is; at_a_time: so many in a row, on the average."""
    begins = late / at_a_time / (1 - late)
    found, is_late = np.zeros(count, dtype=bool), False
    for place, chance in enumerate(generator.random(count)):
        is_late = chance >= 1 / at_a_time if is_late else chance < begins
        found[place] = is_late
    return found


def late_year(settings: WatchSettings, at_a_time: int, site: Site, generator: Generator) -> int:
    """False alarms of one year in which the objective was just kept."""
    late = results(site.per_day * 365, 1 - settings.in_time_share, at_a_time, generator)

    def newest(end: int) -> list[Measure]:
        return lateness(late[max(0, end - settings.window) : end].tolist(), settings)

    return new_alarms(newest, site)


def patients(count: int, positives: float, generator: Generator) -> Answers:
    """Answers about patients of a site. Args: positives: share of the answered ones."""
    groups = {
        word: generator.choice(list(shares), size=count, p=list(shares.values())) for word, shares in GROUPS.items()
    }
    abstained = generator.random(count) < _ABSTENTIONS
    present = np.where(abstained, np.nan, generator.random(count) < positives)
    return Answers(
        senders=groups.pop("sender"),
        makers=groups.pop("maker"),
        abstained=abstained,
        scores={},
        inputs={name: np.full(count, np.nan) for name in INPUTS},
        embeddings=np.zeros((0, DIMENSIONS)),
        groups=groups,
        present={"finding": present},
    )


def subgroup_year(settings: WatchSettings, positives: float, site: Site, generator: Generator) -> int:
    """False alarms of one year in which nothing has changed."""
    old = patients(settings.baseline, positives, generator)
    seen = patients(site.per_day * 365, positives, generator)

    def newest(end: int) -> list[Measure]:
        some = seen.of(np.arange(max(0, end - settings.window), end))
        return changed(Comparison("site", old, some, settings))

    return new_alarms(newest, site)


def noticed_late(settings: WatchSettings, share: float, at_a_time: int, generator: Generator) -> float:
    """Share of looks that raise an alarm when that share of all results is late."""
    windows = results(_LOOKS * settings.window, share, at_a_time, generator).reshape(_LOOKS, settings.window)
    found = [lateness(one.tolist(), settings)[0].verdict for one in windows]
    return found.count(Verdict.ALARM) / _LOOKS


def noticed_in_a_subgroup(
    settings: WatchSettings, positives: tuple[float, float], draws: int, generator: Generator
) -> float:
    """Share of looks that raise an alarm once the films of women are called present as often as `positives[1]`."""
    count = 0
    for _ in range(draws):
        old, new = (patients(size, positives[0], generator) for size in (settings.baseline, settings.window))
        other = patients(len(new), positives[1], generator).present["finding"]
        mixed = np.where(new.groups["sex"] == "F", other, new.present["finding"])
        new = replace(new, present={"finding": mixed}, abstained=np.isnan(mixed))
        found = changed(Comparison("site", old, new, settings))
        count += any(one.verdict is Verdict.ALARM for one in found)
    return count / draws


def false_rows(settings: WatchSettings, years: int, seed: int = 1) -> Iterator[str]:
    """Rows of a table: false alarms a year. Args: years: of weekly looks; of daily ones a quarter of them."""
    cases: dict[str, Callable[[Site, Generator], int]] = {
        f"late results, {size} at a time": partial(late_year, settings, size) for size in _AT_A_TIME
    }
    cases |= {f"subgroups, {share:.0%} positive": partial(subgroup_year, settings, share) for share in (0.1, 0.4)}
    for words, year in cases.items():
        for looks, name, count in ((52, "weekly", years), (365, "daily", max(1, years // 4))):
            generator = np.random.default_rng(seed)
            found = [year(Site(looks_per_year=looks), generator) for _ in range(count)]
            yield f"| {words} | {name} | {np.mean(found):.2f} | {max(found)} |"


def main(arguments: list[str]) -> int:
    """Print the tables. Args: years to draw."""
    settings, years = WatchSettings(), int(arguments[0]) if arguments else 60
    print("| alarms of | looks | false alarms a year | most in one year |", "|---|---|---|---|", sep="\n")
    for row in false_rows(settings, years):
        print(row, flush=True)
    generator = np.random.default_rng(2)
    print("\n| late, of all results | looks that raise an alarm: 1, 3, 10 at a time |", "|---|---|", sep="\n")
    for share in (0.02, 0.03, 0.05, 0.1, 0.2):
        shares = (noticed_late(settings, share, size, generator) for size in _AT_A_TIME)
        print(f"| {share:.0%} | {', '.join(f'{one:.0%}' for one in shares)} |")
    print("\n| positives of women, before and now | looks that raise an alarm |", "|---|---|", sep="\n")
    for pair in ((0.1, 0.2), (0.1, 0.3), (0.1, 0.4), (0.4, 0.2), (0.4, 0.1)):
        share = noticed_in_a_subgroup(settings, pair, 100, generator)
        print(f"| {pair[0]:.0%}, {pair[1]:.0%} | {share:.0%} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
