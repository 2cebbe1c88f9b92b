"""deploy/CAPACITY.md as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.bench import capacity
from tests.bench.capacity import ASSUMED, MIX, SITES, Figure, Need, figures, machines, need, workers_for
from tests.bench.queueing import simulate

_HEAD = """# Capacity

What a large enterprise and a country ask of the node, reckoned from what one machine did (deploy/performance.json) and
from assumptions that are named below; `python -m tests.bench.capacity` reckons and writes this page. A site puts in its
own figures there. Nothing here was tried at that size.
"""
_ENDS = """## Where one node ends, and what to do then

One node is one machine: its receivers share a port, its workers a queue, and all of them one ledger, a file of SQLite
with one writer at a time. There is no PostgreSQL in the product, and no ledger that two machines share. So a site that
is too large for one machine has several nodes, each with a spool, a ledger and AE titles of its own, and each sees
whole studies: modalities are pointed at them by room, by modality or by site, or a router in front does that by its
rules. The nodes know nothing of each other: `radnode status` and `/metrics` are asked of each, and a study that is sent
to two of them is analysed by both.

The table above says what ends first. Then:

- **The disk.** Files stay for `storage.keep_days`; `storage.purge_below_mb` purges delivered studies before that where
  space runs out. Fewer days, or larger disks, come before a further node.
- **The ledger.** Its rows are kept for ever, unless `storage.keep_rows_days` says how long. They do not slow the node
  down (PERFORMANCE.md, Growth, at 10 million instances), but a copy of it, `radnode db check` and the daily look at the
  whole trail take as long as it is large. What is left of a study is a row, and 16 bytes for each instance.
- **Receiving.** It asks for processor time (`receive.processes`) and a disk that syncs quickly. More cores help until
  the one writer of the ledger is busy.
- **Films and series.** More workers (`worker.processes`). By these figures processors are enough; a GPU is used where
  there is one.
"""


_SIZES = """## Three sizes to begin with

What one machine has to have, by the same figures as below; bursts and the planned load are in them. A share of 100 % is
all that the measured machine of {cores} cores is planned for. Where the shares together are more than that, more cores
and as many workers are reckoned; else the defaults of `receive` and `worker` are enough. What grows first is the disk.
A second machine is for when one is away.

"""
_MACHINES = f"""## Machines

How many nodes like the measured one, sender and node together on it, the bursts ask for at {capacity.LOAD:.0%} of
what it did, and how many workers. What asks for most counts.

"""
_QUEUE = """## How long films wait

A simulated busiest day (`tests/bench/queueing.py`): films come by chance, as often as the hour has it, and are worked
off in their order, {seconds} s each (median; lognormal, sigma {spread}). Seconds that films of the busiest hour wait
for a worker; the quiet time of their study comes before that. Above 100 %, the queue grows until the hour is over.

"""


def page(table: Mapping[str, Any]) -> str:
    """The page. Args: table: deploy/performance.json as it was read."""
    known, wanted = figures(table), {name: need(studies) for name, studies in SITES.items()}
    parts = [_HEAD, _sizes(known), _measured(known), _assumed(), _mix(), _needs(wanted), _machines(wanted, known)]
    return "\n".join([*parts, _queue(wanted, known), _ENDS])


def _sizes(known: Mapping[str, Figure]) -> str:
    wanted = {name: need(studies) for name, studies in capacity.SIZES.items()}
    receiving = {
        name: max(share for what, share in machines(one, known).items() if what.startswith("receiving"))
        for name, one in wanted.items()
    }
    working = {name: sum(capacity.workers(one, known).values()) for name, one in wanted.items()}
    count = {name: max(1, math.ceil(receiving[name] + working[name])) for name in wanted}
    lines = [
        ("studies a year", *(f"{studies:,}" for studies in capacity.SIZES.values())),
        ("films analysed on the busiest day", *(f"{one.films_a_day:,.0f}" for one in wanted.values())),
        ("received in the bursts, MB/s", *(f"{one.mb:.2g}" for one in wanted.values())),
        ("share of receiving", *(f"{share:.1%}" for share in receiving.values())),
        ("share of a worker", *(f"{share:.1%}" for share in working.values())),
        ("**cores**", *(f"**{capacity.CORES * one}**" for one in count.values())),
        ("**`worker.processes`**", *(f"**{one}**" for one in count.values())),
        ("**memory, GB, and the page cache**", *(f"**{capacity.MEMORY_GB * (1 + one):g}**" for one in count.values())),
        (
            f"**disk, TB: files of `storage.keep_days` = {capacity.DAYS_KEPT}**",
            *(f"**{one.tb_kept:.2g}**" for one in wanted.values()),
        ),
        ("ledger, GB more each year", *(f"{one.gb_ledger_a_year:,.0f}" for one in wanted.values())),
    ]
    return _SIZES.format(cores=capacity.CORES) + _table(("", *wanted), lines)


def _measured(known: Mapping[str, Figure]) -> str:
    rows = [(name, f"{one.value:.3g} {one.unit}", one.source) for name, one in known.items()]
    return "## What one machine does\n\n" + _table(("", "", "source"), rows)


def _assumed() -> str:
    return "## What is assumed\n\n" + _table(("", "", "source"), ASSUMED)


def _mix() -> str:
    rows = [
        (
            name,
            f"{one.share:.1%}",
            f"{one.images:g}",
            f"{one.mb:g}",
            f"{one.images * one.mb:.0f}",
            f"{one.analysed:.0%}",
        )
        for name, one in MIX.items()
    ]
    return _table(("", "of the studies", "images a study", "MB an image", "MB a study", "analysed"), rows)


def _needs(wanted: Mapping[str, Need]) -> str:
    lines: list[tuple[str, ...]] = [(what, *(text(one) for one in wanted.values())) for what, text in _NEEDS.items()]
    return (
        "## What is asked for, all of it together\n\nRates are those of the bursts in the busiest hour.\n\n"
        + _table(("", *wanted), lines)
    )


_NEEDS = {
    "studies a second": lambda one: f"{one.studies:.2g}",
    "instances a second": lambda one: f"{one.instances:,.0f}",
    "received, MB/s": lambda one: f"{one.mb:,.0f}",
    "network inwards, Gbit/s": lambda one: f"{one.mb * 8 / 1000:.1f}",
    "network outwards, results, Mbit/s, for each destination": lambda one: f"{one.results_mb * 8:.2g}",
    "syncs to the disk a second, at most": lambda one: f"{one.instances * capacity.SYNCS:,.0f}",
    "written, ledger, MB/s": lambda one: " to ".join(f"{one.instances * kb / 1000:.3g}" for kb in capacity.WAL_KB),
    "written, all, MB/s": lambda one: f"{one.mb + one.instances * capacity.WAL_KB[1] / 1000:,.0f}",
    f"files of {capacity.DAYS_KEPT} days, TB": lambda one: f"{one.tb_kept:,.0f}",
    f"files of {capacity.DAYS_KEPT} days, millions": lambda one: f"{one.files_kept / 1e6:,.0f}",
    "instances a year, millions": lambda one: f"{one.rows_a_year / 1e6:,.0f}",
    "ledger, TB more each year": lambda one: f"{one.gb_ledger_a_year / 1000:.2g}",
    "looking at all files once a day, core minutes": lambda one: f"{one.files_kept * capacity.STAT_SECONDS / 60:.1f}",
    "looking at the trail once a day, core minutes, for each year in it": lambda one: (
        f"{one.rows_a_year * capacity.EVENT_SECONDS / 60:,.0f}"
    ),
    "films analysed on the busiest day": lambda one: f"{one.films_a_day:,.0f}",
}


def _machines(wanted: Mapping[str, Need], known: Mapping[str, Figure]) -> str:
    nodes, workers = ({name: f(one, known) for name, one in wanted.items()} for f in (machines, capacity.workers))
    count = {name: math.ceil(max(one.values())) for name, one in nodes.items()}
    working = {name: math.ceil(sum(one.values())) for name, one in workers.items()}
    lines = [
        *((f"nodes, by {what}", *(f"{one[what]:.2g}" for one in nodes.values())) for what in _first(nodes)),
        ("**nodes, with one for when one is away**", *(f"**{one + 1}**" for one in count.values())),
        *((f"workers, for {what}", *(f"{one[what]:.2g}" for one in workers.values())) for what in _first(workers)),
        ("**workers of a node**", *(f"**{math.ceil(working[name] / count[name])}**" for name in wanted)),
        ("GPUs", *("0" for _ in wanted)),
        (
            "memory of a node, GB, and the page cache",
            *(f"{capacity.MEMORY_GB * (1 + math.ceil(working[name] / count[name])):g}" for name in wanted),
        ),
        ("network into a node, Gbit/s", *(f"{one.mb * 8 / 1000 / count[name]:.2g}" for name, one in wanted.items())),
    ]
    return _MACHINES + _table(("", *wanted), lines) + "\n" + _limits(known)


def _limits(known: Mapping[str, Figure]) -> str:
    """What one machine ends at, by resource, the first one first."""
    one = need(1e6)
    found = {f"{what}": 1e6 / count for what, count in machines(one, known).items()}
    found |= {f"{what}, one worker": 1e6 / count for what, count in capacity.workers(one, known).items()}
    found["the ledger, 1 TB more in a year"] = 1e6 * 1000 / one.gb_ledger_a_year
    lines = [(what, f"{count / 1e6:.2g}") for what, count in sorted(found.items(), key=lambda pair: pair[1])]
    return _table(("one node ends by", "at million studies a year"), lines)


def _first(by_site: Mapping[str, Mapping[str, float]]) -> list[str]:
    return list(next(iter(by_site.values())))


def _queue(wanted: Mapping[str, Need], known: Mapping[str, Figure]) -> str:
    seconds = 60 / known["films worked off"].value
    lines = []
    for name, one in wanted.items():
        enough = workers_for(one.films_a_day, seconds)
        for workers in sorted({1, max(1, enough - 1), enough, enough + 1}):
            seen = simulate(one.films_a_day, workers, seconds, capacity.SPREAD)
            waits = (f"{wait:,.1f}" for wait in (seen.median, seen.p95, seen.p99))
            lines.append((name, str(workers), f"{seen.utilisation:.0%}", *waits, f"{seen.longest:,}"))
    words = _QUEUE.format(seconds=f"{seconds:.2g}", spread=f"{capacity.SPREAD:g}")
    head = ("", "workers", "busy in that hour", "median, s", "95 %, s", "99 %, s", "most that waited")
    return words + _table(head, lines)


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "\n".join(_rows(head, lines)) + "\n"


def _rows(head: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *lines):
        yield f"| {' | '.join(cells)} |"
