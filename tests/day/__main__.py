"""`make day`: go through it, tell what was seen, and fail when a study is not accounted for."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from tests.day.books import Line
from tests.day.day import Day

_COLUMNS = ("kind", "studies", "images", "acknowledged", "states", "analyses", "results", "archived")


def main() -> int:
    """Exit status: 1 when the books do not balance or something that happened did not go well."""
    parser = argparse.ArgumentParser(prog="python -m tests.day", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("radnode-day"), help="folder for everything; must be new")
    parser.add_argument("--speed", type=float, default=10, help="minutes of the day in one of ours")
    parser.add_argument("--seed", type=int, default=1, help="of who comes when")
    asked = parser.parse_args()
    if asked.out.exists():
        parser.error(f"{asked.out} is there already: remove it, or give --out another folder")
    begun = time.monotonic()
    day = Day(asked.out.resolve(), asked.speed, asked.seed)
    lines = day.run()
    for row in _table(lines):
        print(row)
    wrong = [sentence for line in lines for sentence in line.wrong]
    wrong += [f"{one.what}: {one.told}" for one in day.seen if not one.went_well]
    print(f"{sum(line.studies for line in lines)} studies in {(time.monotonic() - begun) / 60:.1f} minutes")
    print("every study is accounted for" if not wrong else "\n".join(wrong))
    return 1 if wrong else 0


def _table(lines: list[Line]) -> list[str]:
    rows = [[getattr(line, name) for name in _COLUMNS] for line in lines]
    told = [[_told(cell) if isinstance(cell, Counter) else str(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (_COLUMNS, ["---"] * len(_COLUMNS), *told)]


def _told(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counted.items())) or "-"


if __name__ == "__main__":
    sys.exit(main())
