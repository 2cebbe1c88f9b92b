"""deploy/PERFORMANCE.md: what was measured, as tables that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from tests.bench.receiving import Load, Rates
from tests.faults.table import machine

_HEAD = """# Performance

How fast the node is beside others, each in its usual configuration, in turn in one run on one machine. `make bench`
measures and writes this page. Nothing here is typed by hand; what is not on it was not measured.
"""
_RECEIVING = """## Receiving

Instances a second that DCMTK's `storescu` gets rid of: median of the rounds (least to most). Success from radnode means
that file, folder and row are synced to the disk; from Orthanc, the file; storescp and pynetdicom sync nothing.
"""

Measured = Mapping[Load, Mapping[str, Rates]]


def page(measured: Measured, rounds: int) -> str:
    """The page of one run."""
    peers = [name for name in next(iter(measured.values())) if name != "radnode"]
    head = ["what is sent", "radnode", *peers, *(f"x {name}" for name in peers)]
    lines = [_row(head), "|" + "---|" * len(head), *(_line(load, rates, peers) for load, rates in measured.items())]
    seen = f"{rounds} rounds on {date.today().isoformat()}, {machine()}."
    return "\n".join([_HEAD, _RECEIVING, seen, "", *lines]) + "\n"


def _line(load: Load, rates: Mapping[str, Rates], peers: list[str]) -> str:
    own = rates["radnode"].median
    return _row(
        [
            load.name,
            _told(rates["radnode"]),
            *(_told(rates[name]) for name in peers),
            *(f"{own / rates[name].median:.1f}" for name in peers),
        ]
    )


def _told(rates: Rates) -> str:
    return f"{rates.median:.4g} ({min(rates.rounds):.4g}-{max(rates.rounds):.4g})"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
