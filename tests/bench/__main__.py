"""`make bench`: measure the parts of the node beside its peers, say what was measured, and write the page."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from node.worker import memory
from radnode_kit.engines.machine import this_machine
from tests.bench.page import PARTS, Part, module_of, page

_ROOT = Path(__file__).parents[2]


def main() -> None:
    """Each part in turn; raises what a program that fails raises. Parts that are not asked for stay as they were."""
    asked = _asked()
    _compile()
    _be_as_a_worker()
    measured: dict[str, Part] = {}
    if asked.json and asked.json.exists():
        measured = json.loads(asked.json.read_text(encoding="utf-8")).get("parts", {})
    for name in asked.only:
        if module := module_of(name):
            measured[name] = _measured(name, module, asked.rounds)
            _write(measured, asked)


def _compile() -> None:
    """As pip does when it installs: where Python may write no bytecode, each process would compile all it loads."""
    for folder in ("node", "plugins"):
        compileall.compile_dir(_ROOT / folder, quiet=2)


def _be_as_a_worker() -> None:
    """Whose parts run in this process: its memory, and its threads for products of numpy, which is not loaded yet."""
    memory.reuse_freed()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", type=_parts, default=list(PARTS), help=f"of {', '.join(PARTS)}; with commas between")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="the page, e.g. deploy/PERFORMANCE.md")
    parser.add_argument("--json", type=Path, help="every round, for programs; what it has of other parts stays")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    names = text.replace(",", " ").split()
    if strange := sorted(set(names) - set(PARTS)):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(strange)}; there are {', '.join(PARTS)}")
    return names or list(PARTS)


def _measured(name: str, module: Any, rounds: int) -> Part:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="radnode-bench-") as folder:
        rows = module.measure(Path(folder), rounds)
    seconds = round(time.monotonic() - began)
    print(f"{name}: {seconds} s", flush=True)
    return {"rows": rows, "rounds": rounds, "on": date.today().isoformat(), "machine": _machine(), "seconds": seconds}


def _machine() -> str:
    from tests.faults.table import machine  # loads numpy

    return f"{this_machine().cpu}, {machine()}"


def _write(measured: dict[str, Part], asked: argparse.Namespace) -> None:
    """After each part, so that one that fails takes nothing of the others with it."""
    if asked.json:
        asked.json.write_text(json.dumps({"parts": measured}, indent=1) + "\n", encoding="utf-8")
    if asked.write:
        asked.write.write_text(page(measured), encoding="utf-8")


if __name__ == "__main__":
    main()
