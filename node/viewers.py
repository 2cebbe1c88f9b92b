"""What a reader's viewer shows of each kind of result: tables, and what follows from them for a destination's profile.

What is said of OHIF was seen: `make test-viewer` opens the results in it and compares. What is said of the others was
not tried.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from node.kinds import KINDS, PROFILES


class Sight(StrEnum):
    """Whether a viewer shows a kind of result."""

    SHOWN = "shown"
    NOT_SHOWN = "not shown"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Cell:
    """One cell of a viewer's table. `reason`: how it is shown, or what is seen instead."""

    sight: Sight
    reason: str


@dataclass(frozen=True)
class Row:
    """One kind in a viewer. Attributes: projections: on DX, CR, MG; volumes: on CT, MR."""

    projections: Cell
    volumes: Cell


@dataclass(frozen=True)
class Viewer:
    """A viewer. Attributes: title: for a person; tried: whether the table was seen, by test; rows: kind -> row."""

    title: str
    tried: bool
    rows: Mapping[str, Row]


@dataclass(frozen=True)
class Objection:
    """A kind that a destination takes and its viewer does not show. `reason`: what is seen instead."""

    kind: str
    reason: str


#: Made of volumes only: what a viewer does with one over a projection is never met.
ONLY_OF_VOLUMES = frozenset({"seg", "pm"})


def _both(sight: Sight, reason: str) -> Row:
    return Row(Cell(sight, reason), Cell(sight, reason))


def _volumes(sight: Sight, reason: str, projections: str = "none is made of a projection") -> Row:
    return Row(Cell(Sight.NOT_SHOWN, projections), Cell(sight, reason))


_IMAGE = _both(Sight.SHOWN, "an image like any other, with a picture in the list of series")
_BLACK = _both(
    Sight.NOT_SHOWN,
    "a black viewport, as soon as one finding has no marked place; drawn where each has one",
)
_UNSUPPORTED = _both(Sight.NOT_SHOWN, "listed with a warning sign; a double click brings a notice and no other image")

_OHIF = Viewer(
    "OHIF 3.13 with Orthanc's DICOMweb",
    True,
    {
        "sc": _IMAGE,
        "sr": _BLACK,
        "comprehensive-sr": _BLACK,
        "viewer-sr": _both(
            Sight.SHOWN,
            "each marked place with its finding and probability, over the source image; now and then only once the"
            " image is drawn anew (zoom, wheel)",
        ),
        "gsps": _UNSUPPORTED,
        "seg": _volumes(
            Sight.SHOWN,
            "coloured over the source, each segment named in the panel on the right",
            "none is made of a projection; OHIF would wait without end",
        ),
        "pm": _volumes(
            Sight.SHOWN,
            "coloured over the source; in about a quarter of openings only once the wheel is turned",
            "none is made of a projection; OHIF draws one over volumes only",
        ),
        "pdf": _both(Sight.SHOWN, "the page, by the browser's own reader"),
        "ko": _UNSUPPORTED,
    },
)

_TEXT = _both(Sight.SHOWN, "the report as text")
_WEASIS = Viewer(
    "Weasis 4, by its own list of features",
    False,
    {
        "sc": _IMAGE,
        "sr": _TEXT,
        "comprehensive-sr": _TEXT,
        "viewer-sr": _TEXT,
        "gsps": _both(Sight.SHOWN, "applied to the source image, can be switched off"),
        "seg": _volumes(Sight.SHOWN, "over the source"),
        "pm": _volumes(Sight.UNKNOWN, "images of floats are shown; whether over the source is not known"),
        "pdf": _both(Sight.SHOWN, "handed to the system's own reader"),
        "ko": _both(Sight.SHOWN, "as a selection of images"),
    },
)

_LISTED = _both(Sight.NOT_SHOWN, "no image: at most it is listed")
_PLAIN = Viewer(
    "any viewer of images only",
    False,
    {kind: _IMAGE if kind == "sc" else _LISTED for kind in KINDS}
    | {kind: _volumes(Sight.NOT_SHOWN, "no plain image: at most it is listed") for kind in ONLY_OF_VOLUMES},
)

#: Name on the command line -> viewer.
VIEWERS: Mapping[str, Viewer] = {"ohif": _OHIF, "weasis": _WEASIS, "plain": _PLAIN}


def objections(viewer: Viewer, kinds: Collection[str]) -> tuple[Objection, ...]:
    """What a destination that takes these kinds sends and the viewer does not show, in the order of `KINDS`."""
    return tuple(_objections(viewer, kinds))


def _objections(viewer: Viewer, kinds: Collection[str]) -> Iterator[Objection]:
    for kind, row in viewer.rows.items():
        cells = (row.volumes,) if kind in ONLY_OF_VOLUMES else (row.projections, row.volumes)
        unseen = [cell.reason for cell in cells if cell.sight is Sight.NOT_SHOWN]
        if kind in kinds and unseen:
            yield Objection(kind, "; ".join(dict.fromkeys(unseen)))


def suggested_profile(viewer: Viewer) -> str | tuple[str, ...]:
    """The profile of the most kinds of which the viewer shows every one; the list of kinds where there is none."""
    fitting = [name for name, kinds in PROFILES.items() if not objections(viewer, kinds)]
    if fitting:
        return max(fitting, key=lambda name: len(PROFILES[name]))
    return tuple(kind for kind in KINDS if not objections(viewer, (kind,)))
