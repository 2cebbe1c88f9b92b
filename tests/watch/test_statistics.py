"""The figures are those of scipy and of the papers, and their limits are exceeded as seldom as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from node.watch import statistics


def samples(shift: float = 0.0, seed: int = 1, sizes: tuple[int, int] = (300, 200)) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=sizes[0]), generator.normal(shift, size=sizes[1])]


@pytest.mark.parametrize("shift", [0.0, 0.2, 1.0])
def test_ks_is_that_of_scipy(shift: float) -> None:
    old, new = samples(shift)
    wanted = stats.ks_2samp(old, new, method="exact")
    found = statistics.ks(old, new)
    assert found == pytest.approx(wanted.statistic)
    assert statistics.ks_p(found, len(old), len(new)) == pytest.approx(wanted.pvalue, rel=0.15)


@pytest.mark.parametrize("level", [1e-2, 1e-4])
def test_the_limit_of_ks_has_the_probability_that_was_asked_for(level: float) -> None:
    assert statistics.ks_p(statistics.ks_limit(300, 200, level), 300, 200) == pytest.approx(level, rel=1e-3)


def test_ks_of_the_same_values_is_nothing_and_of_others_all() -> None:
    values = np.arange(5.0)
    assert statistics.ks(values, values) == 0
    assert statistics.ks_p(0.0, 5, 5) == 1
    assert statistics.ks(values, values + 10) == 1


def test_psi_is_the_sum_over_bins() -> None:
    old, new = np.array([10, 30, 60]), np.array([30, 30, 40])
    p, q = (old + 0.5) / 101.5, (new + 0.5) / 101.5
    assert statistics.psi(old, new) == pytest.approx(stats.entropy(q, p) + stats.entropy(p, q))


def test_bins_are_deciles_and_fewer_where_values_are_the_same() -> None:
    old = np.arange(100.0)
    edges = statistics.edges_of(old)
    assert statistics.counts_in(edges, old).tolist() == [10] * 10
    assert statistics.counts_in(edges, old - 1000).tolist() == [100] + [0] * 9
    saturated = np.array([0.0] * 95 + [0.5] * 5)
    assert statistics.counts_in(statistics.edges_of(saturated), saturated).sum() == 100


def test_the_limit_of_psi_is_that_of_yurdakul_and_naranjo() -> None:
    old, _ = samples()
    counts = statistics.counts_in(statistics.edges_of(old), old)
    wanted = (1 / 300 + 1 / 300) * stats.chi2.isf(1e-3, 9)
    assert statistics.psi_limit(counts, 300, 1e-3) == pytest.approx(wanted, rel=0.03)


def test_mmd_is_that_of_its_definition() -> None:
    generator = np.random.default_rng(2)
    old, new = generator.normal(size=(6, 3)), generator.normal(size=(5, 3))
    both = np.concatenate([old, new])
    squares = ((both[:, None] - both[None]) ** 2).sum(axis=2)
    kernel = np.exp(-squares / np.median(squares))
    inner = [kernel[i, j] for i in range(6) for j in range(6) if i != j]
    other = [kernel[i, j] for i in range(6, 11) for j in range(6, 11) if i != j]
    wanted = np.mean(inner) + np.mean(other) - 2 * kernel[:6, 6:].mean()
    found = statistics.mmd_of(statistics.kernel_of(both), np.arange(11) < 6)
    assert found[0] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("shift", "is_beyond"), [(0.0, False), (0.4, True)])
def test_mmd_tells_embeddings_apart(shift: float, is_beyond: bool) -> None:
    generator = np.random.default_rng(3)
    value, limit = statistics.mmd(generator.normal(size=(100, 16)), generator.normal(shift, 1, (100, 16)), 1e-3)
    assert (value > limit) == is_beyond


@pytest.mark.parametrize("level", [1e-2, 1e-4])
def test_a_rise_is_one_by_fishers_exact_test(level: float) -> None:
    limit = statistics.rise_limit(10, 300, 200, level)
    still, more = round(limit * 200), round(limit * 200) + 1
    p = [stats.fisher_exact([[hits, 200 - hits], [10, 290]], alternative="greater").pvalue for hits in (still, more)]
    assert p[1] <= level < p[0]


@pytest.mark.parametrize(("expected", "level"), [(0.01, 1e-3), (0.05, 1e-2), (0.4, 1e-4)])
def test_an_excess_is_one_by_the_exact_binomial_test(expected: float, level: float) -> None:
    limit = round(statistics.excess_limit(expected, 300, level) * 300)
    p = [stats.binomtest(hits, 300, expected, alternative="greater").pvalue for hits in (limit, limit + 1)]
    assert p[1] <= level < p[0]


def test_nothing_is_a_rise_from_all() -> None:
    assert statistics.rise_limit(300, 300, 200, 1e-3) == 1.0


def test_limits_are_exceeded_by_chance_as_seldom_as_they_say() -> None:
    generator, level, turns = np.random.default_rng(4), 0.02, 500
    beyond = {"ks": 0, "psi": 0}
    for _ in range(turns):
        old, new = generator.random(200), generator.random(150)
        edges = statistics.edges_of(old)
        before, now = statistics.counts_in(edges, old), statistics.counts_in(edges, new)
        beyond["ks"] += statistics.ks(old, new) > statistics.ks_limit(200, 150, level)
        beyond["psi"] += statistics.psi(before, now) > statistics.psi_limit(before, 150, level)
    most = stats.binom.isf(1e-4, turns, level)
    assert all(count <= most for count in beyond.values()), beyond
    assert all(count >= level * turns / 4 for count in beyond.values()), beyond
