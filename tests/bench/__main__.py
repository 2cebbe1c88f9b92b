"""`make bench`: measure the node beside its peers, say what was measured, and write the page."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.bench.page import page
from tests.bench.receiving import LOADS, measure
from tests.faults.table import machine


def main() -> None:
    """Each load in turn; raises what a sender or receiver that fails raises."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="the page, e.g. deploy/PERFORMANCE.md")
    parser.add_argument("--json", type=Path, help="every round, for programs")
    asked = parser.parse_args()
    measured = {}
    for load in LOADS:
        with tempfile.TemporaryDirectory(prefix="radnode-bench-") as folder:
            measured[load] = measure(load, Path(folder), asked.rounds)
        told = ", ".join(f"{name} {rates.median:.4g}" for name, rates in measured[load].items())
        print(f"{load.name}: {told} instances/s", flush=True)
    if asked.write:
        asked.write.write_text(page(measured, asked.rounds), encoding="utf-8")
    if asked.json:
        rows = [
            {"load": asdict(load), "instances_per_second": {name: one.rounds for name, one in rates.items()}}
            for load, rates in measured.items()
        ]
        asked.json.write_text(json.dumps({"machine": machine(), "receiving": rows}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
