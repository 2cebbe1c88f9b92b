"""deploy/PERFORMANCE.md: what was measured, as tables that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from tests.bench.figures import Goal, digits, table, told

_HEAD = """# Performance

How fast the parts of the node are, beside others where others do the same, each in its usual configuration, in turn in
one run on one machine. `make bench` measures and writes this page, `make bench BENCH="decode report"` some parts of it
again; how fast a machine of one's own is, `radnode bench` says. Figures are the median of the rounds (least-most).
Nothing here is typed by hand; what is not on it was not measured.
"""

#: Part -> its module, in the order of the page. Each has `measure(folder, rounds)`, whose answer JSON can hold, and
#: may have `section(rows)`, its Markdown, and `goals(rows)`. One whose module is not there is left out.
PARTS: Mapping[str, str] = {
    "receive": "tests.bench.receiving",
    "decode": "tests.bench.decoding",
    "predict": "tests.bench.predicting",
    "explain": "tests.bench.explaining",
    "report": "tests.bench.reporting",
    "deliver": "tests.bench.delivering",
    "footprint": "tests.bench.footprint",
    "latency": "tests.bench.latency",
    "edge": "tests.bench.edge",
    "growth": "tests.bench.growth",
    "router": "tests.bench.router",
}

Part = Mapping[str, Any]  # JSON's edge: `rows`, `rounds`, `on`, `machine`


def module_of(part: str) -> ModuleType | None:
    """What measures a part; None when it is not there."""
    return import_module(PARTS[part]) if find_spec(PARTS[part]) else None


def page(measured: Mapping[str, Part]) -> str:
    """The page. Args: measured: by the name of the part, as it was measured last."""
    sections, reached = [], []
    for name in PARTS:
        module = module_of(name) if name in measured else None
        if module is not None:
            part = measured[name]
            sections.append(_section(module, name, part))
            reached += getattr(module, "goals", lambda rows: [])(part["rows"])
    return "\n".join([_HEAD, *([_goals(reached)] if reached else []), *sections])


def _goals(goals: list[Goal]) -> str:
    lines = [
        [
            goal.what,
            f"{'>=' if goal.least else '<'} {_with_unit(goal.limit, goal.unit)}",
            "-" if goal.figure is None else _with_unit(goal.figure, goal.unit),
            goal.verdict,
        ]
        for goal in goals
    ]
    met = sum(goal.verdict == "met" for goal in goals)
    return f"## Goals\n\n{met} of {len(goals)} met.\n\n{table(['what', 'goal', 'measured', ''], lines)}"


def _with_unit(value: float, unit: str) -> str:
    return f"{digits(value)} {unit}".rstrip()


def _section(module: ModuleType, name: str, part: Part) -> str:
    rounds = f"{part['rounds']} rounds" if part["rounds"] > 1 else "One round"
    text = module.section(part["rows"]) if hasattr(module, "section") else _plain(name, part["rows"])
    return f"{text.rstrip()}\n\n{rounds} on {part['on']}, {part['machine']}.\n"


def _plain(name: str, rows: Mapping[str, list[float]]) -> str:
    """Of a part that says nothing of itself."""
    return f"## {name.capitalize()}\n\n" + table(["what", "measured"], [[what, told(v)] for what, v in rows.items()])
