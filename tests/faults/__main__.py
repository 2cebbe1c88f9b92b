"""`make faults`: carry all faults out, say what was seen, write the page, and fail when one was not withstood."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.campaign import Row, carry_out
from tests.faults.faults import FAULTS
from tests.faults.table import write


def main() -> int:
    """Exit status: how many faults were not withstood, at most 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, help="of the faults; none: all")
    parser.add_argument("--short", action="store_true", help="fewer times each, no peers")
    parser.add_argument("--write", type=Path, help="the page, e.g. deploy/RELIABILITY.md")
    asked = parser.parse_args()
    chosen = [fault for fault in FAULTS if fault.number in asked.numbers or not asked.numbers]
    began, rows = time.monotonic(), []
    for fault in chosen:
        with tempfile.TemporaryDirectory(prefix="radnode-fault-") as folder:
            row = carry_out(fault, Path(folder) / str(fault.number), short=asked.short)
        rows.append(row)
        _tell(row)
    minutes = (time.monotonic() - began) / 60
    failed = [row.fault.number for row in rows if not row.seen.passed]
    print(f"{len(rows) - len(failed)} of {len(rows)} withstood in {minutes:.1f} minutes; not: {failed or 'none'}")
    if asked.write:
        write(asked.write, rows)
    return 1 if failed else 0


def _tell(row: Row) -> None:
    mark = "ok " if row.seen.passed else "NOT"
    print(f"{mark} {row.fault.number:2} {row.fault.name}: {row.seen.figure} ({row.seconds:.0f} s)", flush=True)
    for name, told in row.seen.peers.items():
        print(f"        {name}: {told}", flush=True)
    if row.trouble:
        print(row.trouble, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
