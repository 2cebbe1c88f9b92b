"""`radnode doctor --viewer`: what readers will see of the results, and which destination sends what they will not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import print_json, print_table
from node.kinds import KINDS
from node.viewers import VIEWERS, Cell, Viewer, objections, suggested_profile

if TYPE_CHECKING:
    from node.config import Settings


class ViewerName(StrEnum):
    """The viewers that are known, as a choice on the command line."""

    OHIF = "ohif"
    WEASIS = "weasis"
    PLAIN = "plain"


ViewerOption = Annotated[
    ViewerName | None, typer.Option("--viewer", help="Say instead what this viewer will show of each kind of result.")
]


@dataclass(frozen=True)
class Warned:
    """A destination that sends what its viewer does not show. `profile`: what to write instead."""

    destination: str
    kind: str
    reason: str
    profile: str


def tell(settings: Settings, name: ViewerName, as_json: bool) -> None:
    """Print the viewer's table, and a warning for each destination and kind that it does not show."""
    viewer = VIEWERS[name]
    warnings = list(_warnings(settings, viewer))
    if as_json:
        facts = {"viewer": name, "title": viewer.title, "tried": viewer.tried, "kinds": viewer.rows}
        print_json({**facts, "warnings": warnings, "profile": suggested_profile(viewer)})
        return
    typer.echo(f"{viewer.title}: {'seen by test' if viewer.tried else 'not tried'}")
    rows = [(kind, _words(row.projections), _words(row.volumes), KINDS[kind]) for kind, row in viewer.rows.items()]
    print_table(("KIND", "DX, CR, MG", "CT, MR", "WHAT"), rows, "")
    for one in warnings:
        typer.echo(f"WARN destination {one.destination}: {one.kind}: {one.reason}; better: profile = {one.profile}")


def _words(cell: Cell) -> str:
    return f"{cell.sight}: {cell.reason}"


def _warnings(settings: Settings, viewer: Viewer) -> Iterator[Warned]:
    better = suggested_profile(viewer)
    profile = f'"{better}"' if isinstance(better, str) else "[" + ", ".join(f'"{kind}"' for kind in better) + "]"
    for destination in settings.destinations:
        for one in objections(viewer, destination.kinds):
            yield Warned(destination.name, one.kind, one.reason, profile)
