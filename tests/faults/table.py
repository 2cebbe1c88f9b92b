"""deploy/RELIABILITY.md: the campaign as a table that a person reads."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tests.faults.campaign import Row

_HEAD = """# Reliability

What breaks nodes like this one, done to radnode and, where it applies, to its peers in the same run. `make faults` does
it and writes this page; the short form of the rows marked * is part of `make test`. Nothing here is typed by hand.
"""


def page(rows: Sequence[Row], minutes: float) -> str:
    """The page."""
    withstood = sum(row.seen.passed for row in rows)
    lines = [
        _HEAD,
        f"{withstood} of {len(rows)} faults withstood, {minutes:.0f} minutes, {date.today().isoformat()}; {machine()}.",
        "",
        "| # | fault | injected how | expected | seen | |",
        "|---|---|---|---|---|---|",
        *(_line(row) for row in rows),
        "",
        "## The same, done to others",
        "",
        "Each in its usual configuration, on the same machine, with the same tools; a dash where it was not asked.",
        "",
        *_peers(rows),
    ]
    return "\n".join(lines).rstrip() + "\n"


def machine() -> str:
    """Where it ran: `Linux 6.1, x86_64, 2 CPUs, 24 GiB`."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    parts = (f"Linux {platform.release().split('-')[0]}", platform.machine(), f"{os.cpu_count()} CPUs")
    return ", ".join((*parts, f"{memory:.0f} GiB", f"Python {platform.python_version()}"))


def write(path: Path, rows: Sequence[Row], minutes: float) -> None:
    """Whole, or not at all."""
    part = path.with_suffix(".part")
    part.write_text(page(rows, minutes), encoding="utf-8")
    part.rename(path)


def _line(row: Row) -> str:
    fault, mark = row.fault, "*" if row.fault.quick else ""
    verdict = "withstood" if row.seen.passed else "**NOT**"
    cells = (f"{fault.number}{mark}", fault.name, fault.injected, fault.expected, row.seen.figure, verdict)
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _peers(rows: Sequence[Row]) -> list[str]:
    asked = [row for row in rows if row.seen.peers]
    names = sorted({name for row in asked for name in row.seen.peers})
    head = ["#", "fault", "radnode", *names]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in asked:
        told = [row.seen.peers.get(name, "-") for name in names]
        lines.append(
            f"| {' | '.join(_cell(cell) for cell in (str(row.fault.number), row.fault.name, row.seen.figure, *told))} |"
        )
    return lines


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
