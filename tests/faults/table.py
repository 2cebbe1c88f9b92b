"""deploy/RELIABILITY.md: the campaign as a table that a person reads."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from tests.faults.campaign import Row

_HEAD = """# Reliability

What breaks nodes like this one, done to radnode and, where it applies, to its peers in the same run. `make faults` does
it and writes this page; `make faults FAULTS="7 8"` does some again, and the others stand as they were seen last. The
short form of the rows marked * is part of `make test`. Nothing here is typed by hand.
"""
_PEERS_HEAD = "## The same, done to others"
_PEERS = ("Orthanc", "storescp", "pynetdicom")
_NUMBER = re.compile(r"\| (\d+)\*? \|")

Lines = Mapping[int, str]


def page(rows: Sequence[Row], before: str = "") -> str:
    """The page. Args: rows: what was seen now; before: the page as it was, for what was not done this time."""
    own, _, others = before.partition(_PEERS_HEAD)
    lines = {**_numbered(own), **{row.fault.number: _line(row) for row in rows}}
    done = [row.fault.number for row in rows]
    asked = {number: line for number, line in _numbered(others).items() if number not in done}
    asked |= {row.fault.number: _peers(row) for row in rows if row.seen.peers}
    withstood = sum("| withstood |" in line for line in lines.values())
    head = ["#", "fault", "radnode", *_PEERS]
    parts = [
        _HEAD,
        f"{withstood} of {len(lines)} faults withstood; the last of them seen on {machine()}.",
        "",
        "| # | fault | injected how | expected | seen | | on | s |",
        "|---|---|---|---|---|---|---|---|",
        *(line for _, line in sorted(lines.items())),
        "",
        _PEERS_HEAD,
        "",
        "Each in its usual configuration, on the same machine, with the same tools; a dash where it was not asked.",
        "",
        f"| {' | '.join(head)} |",
        "|" + "---|" * len(head),
        *(line for _, line in sorted(asked.items())),
    ]
    return "\n".join(parts).rstrip() + "\n"


def machine() -> str:
    """Where it ran: `Linux 6.1, x86_64, 2 CPUs, 24 GiB`."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    parts = (f"Linux {platform.release().split('-')[0]}", platform.machine(), f"{os.cpu_count()} CPUs")
    return ", ".join((*parts, f"{memory:.0f} GiB", f"Python {platform.python_version()}"))


def write(path: Path, rows: Sequence[Row]) -> None:
    """Whole, or not at all."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    part = path.with_suffix(".part")
    part.write_text(page(rows, before), encoding="utf-8")
    part.rename(path)


def _numbered(text: str) -> Lines:
    """Rows of a table, by the number that they begin with."""
    found = [(match, line) for line in text.splitlines() if (match := _NUMBER.match(line))]
    return {int(match[1]): line for match, line in found}


def _line(row: Row) -> str:
    fault, mark = row.fault, "*" if row.fault.quick else ""
    verdict = "withstood" if row.seen.passed else "**NOT**"
    told = (fault.name, fault.injected, fault.expected, row.seen.figure, verdict)
    return _row(f"{fault.number}{mark}", *told, date.today().isoformat(), f"{row.seconds:.0f}")


def _peers(row: Row) -> str:
    return _row(
        str(row.fault.number), row.fault.name, row.seen.figure, *(row.seen.peers.get(name, "-") for name in _PEERS)
    )


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
