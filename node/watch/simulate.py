"""`python -m node.watch.simulate PLUGIN`: how often a plugin that sees the same as ever would raise an alarm.

Years of a site are drawn from the plugin's own reference, with replacement: a baseline, then so many answers a day,
then looks, as the node makes them. An alarm that stands over several looks is one. :func:`detected` asks the opposite:
how often answers of another distribution are noticed once so many of them have come.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from node.classify.catalogue import Catalogue
from node.config import WatchSettings
from node.errors import PluginError
from node.ledger import Verdict
from node.watch import statistics
from node.watch.answers import Answers, joined, reference_of
from node.watch.looking import Comparison, compare

Generator = np.random.Generator
#: Of a drawn value: no two are the same, as no two films are.
_JITTER = 1e-3


@dataclass
class Discrepancy:
    """MMD whose limit is asked of permutations once for each pair of sizes: with one population it is always alike."""

    limits: dict[tuple[int, int, float], float] = field(default_factory=dict)

    def __call__(self, old: statistics.Floats, new: statistics.Floats, level: float) -> tuple[float, float]:
        """As :func:`node.watch.statistics.mmd`."""
        key = len(old), len(new), level
        if key not in self.limits:
            self.limits[key] = statistics.mmd(old, new, level)[1]
        kernel = statistics.kernel_of(np.concatenate([old, new]))
        return float(statistics.mmd_of(kernel, np.arange(len(kernel)) < len(old))[0]), self.limits[key]


@dataclass(frozen=True)
class Site:
    """How a site works. Attributes: per_day: answers; looks_per_year: evenly spaced."""

    per_day: int = 30
    looks_per_year: int = 52


def draw(population: Answers, count: int, generator: Generator) -> Answers:
    """Answers as a site would see them."""
    chosen = generator.integers(len(population), size=count)
    drawn = population.of(chosen)
    jittered = [
        {name: values + generator.normal(0, _JITTER, count) for name, values in table.items()}
        for table in (drawn.scores, drawn.inputs)
    ]
    return replace(
        drawn,
        scores=jittered[0],
        inputs=jittered[1],
        embeddings=population.embeddings[generator.integers(len(population.embeddings), size=count)],
    )


def alarms(old: Answers, new: Answers, settings: WatchSettings, discrepancy: Discrepancy) -> set[tuple[str, str]]:
    """Measure and subject of everything in alarm."""
    found = compare(Comparison("site", old, new, settings, discrepancy))
    return {(one.metric, one.subject) for one in found if one.verdict is Verdict.ALARM}


def false_alarms(population: Answers, settings: WatchSettings, site: Site, years: int, seed: int = 1) -> list[int]:
    """For each year how often an alarm is new, though nothing has changed."""
    generator, discrepancy = np.random.default_rng(seed), Discrepancy()
    return [sum(_year(population, settings, site, generator, discrepancy)) for _ in range(years)]


def _year(
    population: Answers, settings: WatchSettings, site: Site, generator: Generator, discrepancy: Discrepancy
) -> Iterator[bool]:
    old = draw(population, settings.baseline, generator)
    seen = draw(population, site.per_day * 365, generator)
    before: set[tuple[str, str]] = set()
    for look in range(1, site.looks_per_year + 1):
        end = look * len(seen) // site.looks_per_year
        found = alarms(old, seen.part(max(0, end - settings.window), end), settings, discrepancy)
        yield bool(found - before)
        before = found


@dataclass(frozen=True)
class Change:
    """What a site sees. Attributes: before: its baseline; after: what changed; rest: what comes beside that."""

    before: Answers
    after: Answers
    rest: Answers


def detected(change: Change, settings: WatchSettings, count: int, draws: int = 50, seed: int = 1) -> float:
    """Share of looks that raise an alarm once `count` of the newest answers are of the other kind."""
    generator, discrepancy, found = np.random.default_rng(seed), Discrepancy(), 0
    for _ in range(draws):
        old = draw(change.before, settings.baseline, generator)
        parts = [draw(change.after, count, generator)]
        if count < settings.window:
            parts.append(draw(change.rest, settings.window - count, generator))
        found += bool(alarms(old, joined(parts), settings, discrepancy))
    return found / draws


def main(names: list[str], years: int = 60) -> int:
    """Print a table. Args: names: of plugins that bring a reference; years: to draw."""
    print("| plugin | measures | looks | false alarms a year | most in one year |")
    print("|---|---|---|---|---|")
    for name in names:
        manifest = Catalogue().get(name).manifest
        population = reference_of(manifest.folder) if manifest else None
        if population is None:
            raise PluginError("the plugin brings no reference", about=name)
        settings = WatchSettings()
        count = 2 * len(population.scores) + len(population.inputs) + 2
        for looks, words in ((52, "weekly"), (365, "daily")):
            found = false_alarms(population, settings, Site(looks_per_year=looks), years if looks == 52 else years // 4)
            print(f"| {name} | {count} | {words} | {np.mean(found):.2f} | {max(found)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
