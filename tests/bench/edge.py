"""Edge: how small a node can be, and how soon a machine that was just switched on has its first result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from node.samples import FOLDER
from tests.bench.figures import Goal, Rows, mid, table, told
from tests.peers import RunningNode, dcmtk, until

FILM = FOLDER / "2-adult-pneumonia"
_MEMORY, _RSS = "memory of all processes together, after a film (PSS)", "the same, summed as `ps` shows it (RSS)"
_RECEIVES, _FIRST = "from the start to the first answered C-ECHO", "from the start to the first result in a folder"
_NEXT = "from a film to its result, models warm"
_WORDS = """## Edge

`radnode serve --edge` with the chest plugin, ONNX Runtime and a folder as destination. A film is sent with DCMTK's
`storescu` as soon as the node answers C-ECHO; its study is complete after 2 s (`study.quiet_seconds`), which are
in the figures. PSS: what each process has in RAM, a page that several share counted once. No process has loaded torch.

"""


def measure(folder: Path, rounds: int) -> Rows:
    """What -> its figures, under their unit."""
    found: Rows = {}
    for number in range(rounds):
        for what, unit, value in _round(folder / str(number)):
            found.setdefault(what, {}).setdefault(unit, []).append(value)
    return found


def section(rows: Rows) -> str:
    """Its part of the page."""
    lines = [[what, told(values), unit] for what, figures in rows.items() for unit, values in figures.items()]
    return _WORDS + table(["what", "measured", "unit"], lines)


def goals(rows: Rows) -> list[Goal]:
    """What a small machine has to give."""
    figures = {what: mid(values) for what, by_unit in rows.items() for values in by_unit.values()}
    return [Goal(_MEMORY, figures.get(_MEMORY), 700, "MB"), Goal(_FIRST, figures.get(_FIRST), 5, "s")]


def edge_node(folder: Path) -> RunningNode:
    """One that nobody has started, and that writes its results into `results`."""
    route = {"name": "films", "plugin": "chest-radiograph", "accept_missing": True, "destinations": ["results"]}
    return RunningNode(
        folder,
        destinations=[{"name": "results", "kind": "folder", "path": "results"}],
        routes=[route],
        plugins=[],
        node={"edge": True},
        study={"quiet_seconds": {"default": 10, "DX": 2, "CR": 2}, "settled_seconds": 1},
    )


def first_result(node: RunningNode, path: Path) -> float:
    """Send a film; seconds until a result of it lies in the folder."""
    before, began = set(_results(node)), time.perf_counter()
    sent = dcmtk.storescu(node.port, [path], called=node.ae_title)
    assert sent.exit_status == 0, sent
    until(lambda: set(_results(node)) - before, lambda: f"there is a result:\n{node.log()[-2000:]}", 60)
    return time.perf_counter() - began


def megabytes(node: RunningNode, key: str) -> float:
    """Of all processes of a node. Args: key: `Pss` or `Rss`, as in smaps_rollup."""
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in node.processes()]
    return sum(int(line.split()[1]) for lines in rollups for line in lines if line.startswith(f"{key}:")) / 1000


def _results(node: RunningNode) -> list[Path]:
    return [path for path in (node.folder / "results").rglob("*") if path.is_file() and path.suffix == ".dcm"]


def _round(folder: Path) -> Iterator[tuple[str, str, float]]:
    films = sorted(FILM.glob("*.dcm"))
    node, began = edge_node(folder), time.perf_counter()
    with node:
        yield _RECEIVES, "s", time.perf_counter() - began
        first_result(node, films[0])
        yield _FIRST, "s", time.perf_counter() - began
        yield _MEMORY, "MB", megabytes(node, "Pss")
        yield _RSS, "MB", megabytes(node, "Rss")
        other = sorted(FOLDER.glob("1-adult-no-finding/*.dcm"))[0]
        yield _NEXT, "s", first_result(node, other)
