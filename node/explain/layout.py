"""Where things stand on a picture of fixed width: pure arithmetic in pixels."""

from __future__ import annotations

from dataclasses import dataclass

#: A viewport of this width shows the picture at 100 %.
WIDTH = 1024
MARGIN = 20
GAP = 16
#: Left empty at the upper and lower end, where viewers write into the corners.
TOP_MARGIN, BOTTOM_MARGIN = 84, 56
#: Room for the colour bar with its figures and unit, right of the panels.
BAR_ROOM = 104
#: Rows below the colour bar that its unit takes.
UNIT_ROOM = 76
#: From the left end of the first panel to that of the second, at least: its heading stands between.
HEADING_ROOM = 144
#: Most that both panels together may take, downwards; and what they keep however much is written below.
MAX_HEIGHT, MIN_HEIGHT = 580, 360


@dataclass(frozen=True)
class Box:
    """A rectangle: left, top, width, height."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column beyond it."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """First row beyond it."""
        return self.top + self.height


@dataclass(frozen=True)
class Panels:
    """The untouched image where it is shown by itself, the image with evidence, and the colour bar."""

    plain: Box | None
    evidence: Box
    bar: Box

    @property
    def bottom(self) -> int:
        """First row below all of them."""
        return max(self.evidence.bottom, self.bar.bottom + UNIT_ROOM)


def tallest(above: int, below: int) -> int:
    """Height of the panels with so many rows of words above and below: the picture as high as wide, if it can be."""
    return max(MIN_HEIGHT, min(MAX_HEIGHT, WIDTH - above - below))


def panels(aspect: float, top: int, heading: int, height: int = MAX_HEIGHT) -> Panels:
    """Two equal panels of that aspect (width / height), side by side or, for wide images, one below the other.

    Args:
        aspect: of the image as it is to be seen.
        top: first row that is free.
        heading: rows that each panel's heading takes above it.
        height: most that both panels together may take.
    """
    room = WIDTH - 2 * MARGIN - GAP - BAR_ROOM
    beside = _fit(aspect, (room - GAP) // 2, height)
    below = _fit(aspect, room, height // 2)
    first = top + heading
    if beside[0] * beside[1] >= below[0] * below[1]:
        between = max(GAP, HEADING_ROOM - beside[0])
        left = MARGIN + (room - between - 2 * beside[0]) // 2
        plain = Box(left, first, *beside)
        evidence = Box(plain.right + between, first, *beside)
    else:
        left = MARGIN + (room - below[0]) // 2
        plain = Box(left, first, *below)
        evidence = Box(left, plain.bottom + heading + GAP // 2, *below)
    return Panels(plain, evidence, _bar(evidence))


def overlaid(aspect: float, top: int, heading: int, height: int = MAX_HEIGHT) -> Panels:
    """One panel with the evidence over the image, as large as it can be; arguments as of :func:`panels`."""
    room = WIDTH - 2 * MARGIN - GAP - BAR_ROOM
    size = _fit(aspect, room, height)
    evidence = Box(MARGIN + (room - size[0]) // 2, top + heading, *size)
    return Panels(None, evidence, _bar(evidence))


def single(aspect: float, top: int, heading: int, height: int = MAX_HEIGHT) -> Box:
    """One panel alone, for an image of that aspect, where there is nothing to set beside it."""
    size = _fit(aspect, WIDTH - 2 * MARGIN, height)
    return Box((WIDTH - size[0]) // 2, top + heading, *size)


def _bar(panel: Box) -> Box:
    """The colour bar right of a panel, its unit within the panel's height where that is enough."""
    height = min(240, max(72, panel.height - UNIT_ROOM))
    return Box(panel.right + GAP, panel.top + max(8, (panel.height - height - UNIT_ROOM) // 2), 18, height)


def _fit(aspect: float, width: int, height: int) -> tuple[int, int]:
    scale = min(width / aspect, float(height))
    return max(1, round(scale * aspect)), max(1, round(scale))
