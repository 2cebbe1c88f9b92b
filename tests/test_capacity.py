"""deploy/CAPACITY.md is what the script makes of deploy/performance.json; the queue behind it behaves as queues do."""

from __future__ import annotations

import json
import math

import pytest

from tests.bench.capacity import FIGURES, MIX, PAGE, SITES, SIZES, figures, machines, need, workers, workers_for
from tests.bench.capacity_page import page
from tests.bench.queueing import HOURS, peak_share, simulate


def test_the_page_is_what_the_script_writes() -> None:
    told = page(json.loads(FIGURES.read_text(encoding="utf-8")))
    assert PAGE.read_text(encoding="utf-8") == told, "write it again: python -m tests.bench.capacity"


def test_figures_come_from_the_bench_where_it_has_them_in_either_shape() -> None:
    load = "20 films of 18 MB"
    old = {"receiving": [{"load": {"name": load}, "instances_per_second": {"radnode": [7.0, 9.0, 8.0]}}]}
    new = {
        "parts": {
            "receive": {"rows": {load: {"radnode": [8.0]}}},
            "latency": {"rows": {"films of 18 MB a minute": [60.0]}},
        }
    }
    for table in (old, new):
        known = figures(table)["films received"]
        assert (known.value, known.source) == (8.0, f"measured: receiving, {load}")
    assert figures(new)["films worked off"].value == 60
    assert figures(old)["films worked off"].source.startswith("assumed")


def test_shares_are_whole_and_twice_the_studies_need_twice_the_nodes() -> None:
    assert sum(kind.share for kind in MIX.values()) == pytest.approx(1)
    known = figures({})
    small, large = (machines(need(studies), known) for studies in (1e6, 2e6))
    assert all(large[what] == pytest.approx(2 * small[what]) for what in small)
    assert list(SITES.values()) == [5e6, 48e6]


def test_sizes_to_begin_with_are_within_one_machine_and_grow_with_the_site() -> None:
    known = figures(json.loads(FIGURES.read_text(encoding="utf-8")))
    wanted = [need(studies) for studies in SIZES.values()]
    assert all(max(machines(one, known).values()) + sum(workers(one, known).values()) < 1 for one in wanted)
    assert [one.tb_kept for one in wanted] == sorted(one.tb_kept for one in wanted)


def test_one_worker_waits_as_the_theory_of_queues_says() -> None:
    """M/G/1: of those who come, as many find the worker busy as it is busy, here half; the others wait for nothing."""
    mean = 2.0 * math.exp(0.35**2 / 2)
    films_a_day = 0.5 / mean * 3600 / peak_share()
    seen = [simulate(films_a_day, 1, 2.0, seed=seed) for seed in range(30)]
    assert sum(one.utilisation for one in seen) / len(seen) == pytest.approx(0.5, abs=0.02)
    assert sorted(one.median for one in seen)[15] < 0.5 * mean
    assert all(mean < one.p95 < one.p99 for one in seen)


def test_too_few_workers_let_the_queue_grow_and_enough_do_not() -> None:
    assert simulate(60_000, 1, 2.0).p99 > 3600
    enough = workers_for(60_000, 2.0)
    assert simulate(60_000, enough, 2.0).p99 <= 1 < simulate(60_000, enough - 1, 2.0).p99


def test_the_same_seed_gives_the_same_day() -> None:
    assert simulate(5_000, 2, 1.0) == simulate(5_000, 2, 1.0)
    assert simulate(5_000, 2, 1.0) != simulate(5_000, 2, 1.0, seed=2)
    assert simulate(5_000, 2, 1.0).films == pytest.approx(5_000, rel=0.05)
    assert len(HOURS) == 24
    with pytest.raises(ValueError, match="too long"):
        simulate(1e9, 1, 1.0)
