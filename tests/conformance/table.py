"""The matrix as a table for a person: kinds of object and modalities downwards, character sets across."""

from __future__ import annotations

from collections.abc import Sequence

from node.kinds import KINDS
from tests.conformance.matrix import VALIDATORS, Cell, expected, kind_of
from tests.conformance.sources import CHARACTER_SETS, MODALITIES


def verdict(cell: Cell, kind: str) -> str:
    """``ok``, ``-`` where that modality has no such object, else ``FAIL``."""
    if kind not in expected(cell.modality):
        return "-" if kind not in cell.complaints else "FAIL"
    return "ok" if cell.complaints.get(kind) == [] else "FAIL"


def failures(cells: Sequence[Cell]) -> list[str]:
    """A line for every object that is missing, that should not be there, or of which a validator complains."""
    return [
        f"{cell.modality}, {cell.character_set}, {cell.syntax}, {kind}: "
        + ("; ".join(cell.complaints.get(kind, [])) or cell.not_assessed or "not made, or not wanted")
        for cell in cells
        for kind in KINDS
        if verdict(cell, kind) == "FAIL"
    ]


def lines(cells: Sequence[Cell]) -> list[str]:
    """The table as Markdown, with the transfer syntax of each column's source in the first row of a modality."""
    found = {(cell.modality, cell.character_set): cell for cell in cells}
    head = ["modality", "object", *CHARACTER_SETS]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for modality in MODALITIES:
        row = [found.get((modality, character_set)) for character_set in CHARACTER_SETS]
        rows.append(_row(f"**{modality}**", "*sent as*", [cell.syntax if cell else "" for cell in row]))
        rows += [_row(modality, kind, [verdict(cell, kind) if cell else "" for cell in row]) for kind in KINDS]
    return rows


def _row(modality: str, kind: str, cells: Sequence[str]) -> str:
    return f"| {modality} | {kind} | {' | '.join(cells)} |"


def validators(cells: Sequence[Cell]) -> list[str]:
    """A table of what each validator was asked of."""
    kinds = [kind_of(path) for cell in cells for path in cell.files]
    rows = ["| validator | files | kinds |", "|---|---|---|"]
    for name, asked in VALIDATORS.items():
        objects = f"{sum(kind in asked for kind in kinds):,}"
        if name == "DicomSRValidator":
            objects += f" of {len({tree for cell in cells for tree in cell.trees.values()})} different trees"
        rows.append(f"| {name} | {objects} | {', '.join(asked)} |")
    return rows


def summary(cells: Sequence[Cell]) -> str:
    """How many of how many."""
    told = [verdict(cell, kind) for cell in cells for kind in KINDS]
    wanted = len(told) - told.count("-")
    return f"{told.count('ok')} of {wanted} objects pass; {len(cells)} sources"
