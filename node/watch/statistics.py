"""Is one sample of another distribution than the other? Pure functions over numpy arrays.

Each comes with its limit: the value that it exceeds by chance alone in a share `level` of the cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Bins of the population stability index.
BINS = 10
#: Added to the count of each bin, so that an empty one has a logarithm.
_SMOOTHING = 0.5
_DRAWS, _PERMUTATIONS, _CHUNK, _ROUND = 100_000, 10_000, 1000, 5


def edges_of(reference: Floats) -> Floats:
    """The inner edges of the bins: deciles of the reference; fewer where many values are the same."""
    return np.unique(np.quantile(reference, np.arange(1, BINS) / BINS))


def counts_in(edges: Floats, values: Floats) -> npt.NDArray[np.int64]:
    """How many values lie in each bin; an edge belongs to the bin above."""
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def psi(reference: npt.NDArray[np.int64], newer: npt.NDArray[np.int64]) -> Floats:
    """Population stability index of counts (..., bins): sum of (q - p) ln(q / p), the two-sided relative entropy.

    Lewis, An Introduction to Credit Scoring (1994); Kullback and Leibler, Ann. Math. Stat. 22 (1951) 79. Half a case is
    added to each bin.
    """
    p, q = (
        (counts + _SMOOTHING) / (counts.sum(axis=-1, keepdims=True) + _SMOOTHING * counts.shape[-1])
        for counts in (reference, newer)
    )
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


def psi_limit(reference: npt.NDArray[np.int64], newer: int, level: float) -> float:
    """What the index of `newer` values exceeds by chance in a share `level` of the cases.

    The rules of thumb 0.1 and 0.25 know no sample size: with 100 values the first is exceeded by chance all the time
    (Yurdakul and Naranjo, J. Risk Model Validation 14 (2020) 89). So it is drawn: the true shares of bins that the
    reference itself has set are Dirichlet, the newer counts multinomial; 100,000 draws with a fixed seed. Draws are
    remembered: the order of the bins is all the same, and a few values less make the limit a little higher.
    """
    return _psi_limit(tuple(sorted(int(count) for count in reference)), max(1, newer - newer % _ROUND), level)


@lru_cache(256)
def _psi_limit(reference: tuple[int, ...], newer: int, level: float) -> float:
    generator, counts = np.random.default_rng(1), np.array(reference)
    shares = generator.dirichlet(np.maximum(counts, _SMOOTHING), _DRAWS)
    drawn = generator.multinomial(newer, shares)
    return float(np.quantile(psi(counts, drawn), 1 - level))


def ks(reference: Floats, newer: Floats) -> float:
    """Two-sample Kolmogorov-Smirnov: the largest distance of the two distribution functions (Smirnov 1939)."""
    first, second = np.sort(reference), np.sort(newer)
    places = np.concatenate([first, second])
    below = (np.searchsorted(one, places, side="right") / len(one) for one in (first, second))
    return float(np.abs(next(below) - next(below)).max())


def ks_p(distance: float, reference: int, newer: int) -> float:
    """Probability of that distance or a larger one by chance: Kolmogorov's series, with Stephens' correction.

    Stephens, J. R. Stat. Soc. B 32 (1970) 115. Too large, so on the safe side, where values are tied.
    """
    root = math.sqrt(reference * newer / (reference + newer))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.3:  # where the series does not end soon, it is 1 to six digits
        return 1.0
    terms = ((2 if k % 2 else -2) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 26))
    return min(1.0, max(0.0, sum(terms)))


@lru_cache(1024)
def ks_limit(reference: int, newer: int, level: float) -> float:
    """The distance whose probability is `level`, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if ks_p(middle, reference, newer) > level else (low, middle)
    return high


def squared_distances(first: Floats, second: Floats) -> Floats:
    """(m, d), (n, d) -> (m, n)."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :] - 2 * first @ second.T
    return np.asarray(np.maximum(squares, 0.0))


def mmd(reference: Floats, newer: Floats, level: float) -> tuple[float, float]:
    """Squared maximum mean discrepancy of (m, d) and (n, d), unbiased, and the limit that permutations set.

    Gretton et al., J. Mach. Learn. Res. 13 (2012) 723, eq. 3, with a Gaussian kernel as wide as the median distance.
    Near 0, and below it half the time, for samples of one distribution. The limit is the quantile 1 - `level` of
    10,000 permutations with a fixed seed; when `level` asks for more than they can tell, their largest.
    """
    kernel = kernel_of(np.concatenate([reference, newer]))
    value = mmd_of(kernel, np.arange(len(kernel)) < len(reference))
    return float(value[0]), float(np.quantile(_permuted(kernel, len(reference)), 1 - level))


def kernel_of(values: Floats) -> npt.NDArray[np.float32]:
    """(n, d) -> (n, n), the likeness of each to each, without the diagonal: the unbiased estimate leaves that out."""
    distances = squared_distances(values, values)
    width = float(np.median(distances)) or 1.0
    kernel = np.exp(-distances / width).astype(np.float32)
    np.fill_diagonal(kernel, 0.0)
    return kernel


def mmd_of(kernel: npt.NDArray[np.float32], first: npt.NDArray[np.bool_]) -> Floats:
    """Of a kernel matrix (n, n) without its diagonal, for rows of `first` (..., n): which values are the reference."""
    member = np.atleast_2d(first).astype(np.float32)
    m = int(member[0].sum())
    n = member.shape[1] - m
    inner = member @ kernel
    within = (inner * member).sum(axis=1, dtype=np.float64)
    across = (inner * (1 - member)).sum(axis=1, dtype=np.float64)
    other = float(kernel.sum(dtype=np.float64)) - within - 2 * across
    return np.asarray(within / (m * (m - 1)) + other / (n * (n - 1)) - 2 * across / (m * n))


def _permuted(kernel: npt.NDArray[np.float32], first: int) -> Floats:
    generator = np.random.default_rng(1)
    member = np.tile(np.arange(len(kernel)) < first, (_CHUNK, 1))
    chunks = [mmd_of(kernel, generator.permuted(member, axis=1)) for _ in range(_PERMUTATIONS // _CHUNK)]
    return np.concatenate(chunks)


@lru_cache(65536)
def rise_limit(hits: int, reference: int, newer: int, level: float) -> float:
    """Share of `newer` cases that `hits` of `reference` cases make too high to be chance: Fisher's exact test.

    Fisher, Statistical Methods for Research Workers (1935), one-sided. The largest share that is still no rise; 1 when
    none would be.
    """
    whole = reference + newer
    return _largest(newer, lambda count: _at_least(count, hits + count, newer, whole) > level) / newer


@lru_cache(1024)
def excess_limit(expected: float, newer: int, level: float) -> float:
    """Share of `newer` cases that is too high to be chance where `expected` is due: the exact binomial test, one-sided.

    Clopper and Pearson, Biometrika 26 (1934) 404. The largest share that is still no excess; 1 when none would be.
    """
    return _largest(newer, lambda count: _binomial_at_least(count, newer, expected) > level) / newer


def _largest(count: int, is_chance: Callable[[int], bool]) -> int:
    """The largest of 0 to `count` that is chance, as all smaller ones are; 0 always is."""
    low, high = 0, count + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_chance(middle) else (low, middle)
    return low


def _binomial_at_least(count: int, drawn: int, share: float) -> float:
    return sum(
        math.exp(_log_choose(drawn, k) + k * math.log(share) + (drawn - k) * math.log1p(-share))
        for k in range(count, drawn + 1)
    )


def _at_least(count: int, hits: int, drawn: int, whole: int) -> float:
    """Hypergeometric: of `whole` cases with `hits` hits, `drawn` are drawn; at least `count` hits among them."""
    highest = min(hits, drawn)
    total = _log_choose(whole, drawn)
    lowest = max(count, drawn - (whole - hits))
    return sum(
        math.exp(_log_choose(hits, k) + _log_choose(whole - hits, drawn - k) - total)
        for k in range(lowest, highest + 1)
    )


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
