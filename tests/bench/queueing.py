"""How long films wait at peak: a simulation of events with one queue and as many workers as there are.

Films come as a Poisson process whose rate follows the hours of a day, and are worked off in their order. How long one
takes varies from film to film as a lognormal distribution with the measured median. Seeded: the same every time.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

#: Share of a day's studies in each of its hours: assumed, see `ASSUMED` in `tests/bench/capacity.py`.
HOURS = (10, 8, 7, 6, 6, 8, 14, 35, 70, 88, 98, 100, 88, 84, 90, 82, 68, 46, 34, 28, 24, 20, 16, 12)
_HOUR, _MOST_FILMS = 3600.0, 2_000_000


@dataclass(frozen=True)
class Waits:
    """What one day was like.

    Attributes:
        films: how many came.
        utilisation: of the workers in the busiest hour, 0..1; more than 1: work was left over.
        median, p95, p99: seconds that films of the busiest hour waited for a worker.
        longest: the most films that waited at one time, all day.
    """

    films: int
    utilisation: float
    median: float
    p95: float
    p99: float
    longest: int


def peak_share() -> float:
    """Share of a day that falls into its busiest hour."""
    return max(HOURS) / sum(HOURS)


def simulate(films_a_day: float, workers: int, seconds: float, spread: float = 0.35, seed: int = 1) -> Waits:
    """One day.

    Args:
        films_a_day: expected.
        workers: that work at the same time.
        seconds: that a film takes, median.
        spread: sigma of its logarithm.
        seed: of the dice.
    """
    dice, free = random.Random(seed), [0.0] * workers
    begun: list[float] = []
    waits, worked, longest = [], 0.0, 0
    busiest = HOURS.index(max(HOURS))
    films = _arrivals(films_a_day, dice)
    for at in films:
        start = max(at, heapq.heappop(free))
        takes = seconds * math.exp(dice.gauss(0, spread))
        heapq.heappush(free, start + takes)
        while begun and begun[0] <= at:
            heapq.heappop(begun)
        heapq.heappush(begun, start)
        longest = max(longest, len(begun) - (start <= at))
        if busiest * _HOUR <= at < (busiest + 1) * _HOUR:
            waits.append(start - at)
            worked += takes
    utilisation = worked / (workers * _HOUR)
    return Waits(len(films), utilisation, *(_quantile(waits, share) for share in (0.5, 0.95, 0.99)), longest)


def _arrivals(films_a_day: float, dice: random.Random) -> list[float]:
    """Seconds since midnight, ascending; by thinning a process of the busiest hour's rate."""
    most = films_a_day * peak_share() / _HOUR
    if films_a_day > _MOST_FILMS:
        raise ValueError(f"more than {_MOST_FILMS} films a day take too long to simulate")
    found, at = [], 0.0
    while (at := at + dice.expovariate(most)) < 24 * _HOUR:
        if dice.random() * max(HOURS) < HOURS[int(at // _HOUR)]:
            found.append(at)
    return found


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
