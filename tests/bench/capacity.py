"""deploy/CAPACITY.md: what a large enterprise and a country ask of the node, reckoned from what was measured.

`python -m tests.bench.capacity --write deploy/CAPACITY.md` reads deploy/performance.json. What it does not have is
assumed, and said to be. Nothing on the page is typed by hand.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.queueing import HOURS, peak_share, simulate

_FILMS, _SERIES = "films of 18 MB a minute", "series of 300 MR slices"
ROOT = Path(__file__).parents[2]
FIGURES, PAGE = ROOT / "deploy" / "performance.json", ROOT / "deploy" / "CAPACITY.md"


@dataclass(frozen=True)
class Kind:
    """A modality: its share of the studies, images in a study, MB of an image, and the share that a plugin looks at."""

    share: float
    images: float
    mb: float
    analysed: float = 0.0


#: In the order of the page; MB: rows x columns x bytes of usual matrices, uncompressed.
MIX: Mapping[str, Kind] = {
    "X-ray": Kind(0.48, 2.1, 15.0, analysed=0.4),
    "mammography": Kind(0.04, 4, 27.0),
    "ultrasound": Kind(0.22, 30, 2.4),
    "CT": Kind(0.13, 600, 0.53, analysed=0.3),
    "MR": Kind(0.085, 450, 0.3, analysed=0.3),
    "angiography, fluoroscopy": Kind(0.03, 10, 20.0),
    "nuclear medicine": Kind(0.015, 300, 0.07),
}
#: Name -> studies a year.
SITES = {"large enterprise, 5 million studies a year": 5e6, "country of 60 million people": 48e6}
#: Smaller ones, for which one machine is enough: name -> studies a year.
SIZES = {"clinic": 20_000, "hospital": 150_000, "group of hospitals": 1_000_000}
#: Cores of the measured machine, whose one worker has a thread for each.
CORES = 2

_STATISTICS = "https://www.england.nhs.uk/statistics/2014/08/06/annual-imaging-and-radiodiagnostics-statistics-2013-14/"
_LATER = "https://pmc.ncbi.nlm.nih.gov/articles/PMC7808358/table/T5"
BUSY_DAY, BURST, LOAD, DAYS_KEPT = 1.35, 2.0, 0.5, 30
SYNCS, LEDGER_KB, WAL_KB = 3, 1.6, (6, 35)
RESULT_MB, MEMORY_GB, SPREAD, DISK_TB = 1.0, 2.0, 0.35, 20.0
STAT_SECONDS, EVENT_SECONDS = 3.6e-6, 5.1e-6

#: What, how much, and where that comes from.
ASSUMED: Sequence[tuple[str, str, str]] = (
    (
        "examinations of a country of 60 million",
        "48 million a year",
        f"England: 42.9 million in 2013/14 ({_STATISTICS}), of CT, ultrasound and MR later ones ({_LATER}): 45 million "
        "a year for 56 million people",
    ),
    ("mix of modalities", "see below", "the same statistics; mammography is a share of their X-ray, assumed"),
    ("images in a study, MB of an image", "see below", "assumed; MB are rows x columns x bytes, uncompressed"),
    ("share that a plugin looks at", "see below", "assumed: chest films, and a part of CT and MR"),
    (
        "busiest day",
        f"{BUSY_DAY} times the average one",
        "assumed: Monday to Friday, as `HOURS` in `tests/bench/queueing.py`",
    ),
    ("busiest hour", f"{peak_share():.3f} of the day", "the same, assumed"),
    ("burst within that hour", f"{BURST:g} times its average", "assumed: what scanners hold back and send together"),
    ("load that is planned for", f"{LOAD:.0%} of what was measured", "assumed: the rest is for a node that is away"),
    ("syncs to the disk for an instance", f"{SYNCS}", "file, folder, ledger; fewer where commits are shared"),
    (
        "written beside the files",
        f"{WAL_KB[0]} to {WAL_KB[1]} KB an instance",
        "measured at the ledger: 16 instances in a commit, and one",
    ),
    ("ledger", f"{LEDGER_KB} KB an instance", "measured: 10.3 million instances with their trail are 16.2 GB"),
    (
        "looking at a file or at a line of the trail once a day",
        "3.6 and 5.1 µs",
        "measured on 200,000 files and 300,000 lines, one thread",
    ),
    ("disk of a node", f"{DISK_TB:g} TB", "assumed"),
    ("memory of a worker, or of all else in a node", f"{MEMORY_GB:g} GB", "assumed; PERFORMANCE.md, Footprint"),
    ("results of an analysis", f"{RESULT_MB:g} MB", "assumed: report and heatmap of a film"),
)


@dataclass(frozen=True)
class Figure:
    """A number from the bench, or one that stands in for it. Attributes: unit, source: for the page."""

    value: float
    unit: str
    source: str


def figures(table: Mapping[str, Any]) -> dict[str, Figure]:  # Any: JSON's edge
    """What one node does. Args: table: deploy/performance.json as it was read."""
    parts = table.get("parts", {})
    received = {one["load"]["name"]: one["instances_per_second"] for one in table.get("receiving", ())}
    received |= parts.get("receive", {}).get("rows", {})
    latency = parts.get("latency", {}).get("rows", {})

    def rate(load: str, assumed: float) -> Figure:
        return _figure(received.get(load, {}).get("radnode"), f"receiving, {load}", "a second", assumed)

    return {
        "CT slices received": rate("500 CT slices of 0.5 MB on 8 associations", 300.0),
        "films received": rate("20 films of 18 MB", 20.0),
        "films worked off": _figure(latency.get(_FILMS), f"latency, {_FILMS}", "a minute", 40.0),
        "a series worked off": _figure(latency.get(_SERIES), f"latency, {_SERIES}", "s", 15.0),
    }


def _figure(rounds: Sequence[float] | None, what: str, unit: str, assumed: float) -> Figure:
    if rounds:
        return Figure(statistics.median(rounds), unit, f"measured: {what}")
    return Figure(assumed, unit, f"assumed: deploy/performance.json has no `{what}`")


@dataclass(frozen=True)
class Need:
    """What a site asks for at its busiest, if one node did all of it."""

    studies: float
    instances: float
    mb: float
    films: float
    series: float
    results_mb: float
    tb_kept: float
    files_kept: float
    rows_a_year: float
    gb_ledger_a_year: float
    films_a_day: float


def need(studies_a_year: float) -> Need:
    """Of a site; rates are a second, in the busiest hour with its bursts."""
    a_day = studies_a_year / 365 * BUSY_DAY
    rate = a_day * peak_share() / 3600 * BURST
    images = sum(kind.share * kind.images for kind in MIX.values())
    mb = sum(kind.share * kind.images * kind.mb for kind in MIX.values())
    films = MIX["X-ray"].share * MIX["X-ray"].analysed
    series = sum(MIX[name].share * MIX[name].analysed for name in ("CT", "MR"))
    kept = studies_a_year / 365 * DAYS_KEPT
    return Need(
        studies=rate,
        instances=rate * images,
        mb=rate * mb,
        films=rate * films,
        series=rate * series,
        results_mb=rate * (films + series) * RESULT_MB,
        tb_kept=kept * mb / 1e6,
        files_kept=kept * images,
        rows_a_year=studies_a_year * images,
        gb_ledger_a_year=studies_a_year * images * LEDGER_KB / 1e6,
        films_a_day=a_day * films,
    )


def machines(wanted: Need, known: Mapping[str, Figure]) -> dict[str, float]:
    """Resource -> how many nodes like the measured one it asks for, at the load that is planned for."""
    return {
        "receiving, instances": wanted.instances / known["CT slices received"].value / LOAD,
        "receiving, bytes": wanted.mb / (known["films received"].value * 18) / LOAD,
        f"disks of {DISK_TB:g} TB": wanted.tb_kept / DISK_TB,
    }


def workers(wanted: Need, known: Mapping[str, Figure]) -> dict[str, float]:
    """What is worked off -> how many workers like the measured one it asks for, at the load that is planned for."""
    return {
        "films": wanted.films * 60 / known["films worked off"].value / LOAD,
        "series": wanted.series * known["a series worked off"].value / LOAD,
    }


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.capacity", description=__doc__)
    parser.add_argument("--json", type=Path, default=FIGURES)
    parser.add_argument("--write", type=Path, default=PAGE)
    asked = parser.parse_args()
    from tests.bench.capacity_page import page

    asked.write.write_text(page(json.loads(asked.json.read_text(encoding="utf-8"))), encoding="utf-8")


def workers_for(films_a_day: float, seconds: float, most_seconds: float = 1.0) -> int:
    """Fewest workers with which 99 of 100 films of the busiest hour wait no longer than that for one."""
    count = max(1, math.ceil(films_a_day * max(HOURS) / sum(HOURS) / 3600 * seconds))
    while simulate(films_a_day, count, seconds).p99 > most_seconds:
        count += 1
    return count


if __name__ == "__main__":
    main()
