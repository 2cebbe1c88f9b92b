"""Closed contours of a surface at a level (marching squares), and their simplification (Douglas and Peucker 1973)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from node.plugin import Array

#: (n, 2) columns and rows.
Points = npt.NDArray[np.float64]

# Edges of a square of four samples: 0 top, 1 right, 2 bottom, 3 left. Corners, by bit: 1 top left, 2 top right,
# 4 bottom right, 8 bottom left. Each case lists (from edge, to edge), what is inside lying to the left on the screen;
# the two saddles (5, 10) are read as two separate tips.
_CASES: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((3, 0),),
    2: ((0, 1),),
    3: ((3, 1),),
    4: ((1, 2),),
    5: ((3, 0), (1, 2)),
    6: ((0, 2),),
    7: ((3, 2),),
    8: ((2, 3),),
    9: ((2, 0),),
    10: ((0, 1), (2, 3)),
    11: ((2, 1),),
    12: ((1, 3),),
    13: ((1, 0),),
    14: ((0, 3),),
}

#: (is vertical, row offset, column offset) of the sample edge behind an edge of a square.
_EDGES = ((0, 0, 0), (1, 0, 1), (0, 1, 0), (1, 0, 0))

_Edge = tuple[int, int, int]


def outlines(values: Array, level: float) -> list[Points]:
    """Outer contours around everything above `level`, which must be positive, in sample coordinates.

    Sample (i, j) lies at column j + 0.5, row i + 0.5; around the array everything counts as zero, so every contour is
    closed. Holes are left out. The first point is not repeated.
    """
    padded = np.pad(values.astype(np.float64), 1)
    following = _steps(padded > level)
    found = []
    while following:
        loop = _walk(following)
        points = np.array([_crossing(padded, level, edge) for edge in loop]) - 0.5
        if signed_area(points) > 0:
            found.append(points)
    return found


def simplified(points: Points, tolerance: float) -> Points:
    """The closed contour with fewer points, none of the dropped ones farther away than `tolerance`."""
    far = int(np.argmax(np.hypot(*(points - points[0]).T)))
    halves = (points[: far + 1], np.concatenate([points[far:], points[:1]]))
    return np.concatenate([_thinned(half, tolerance)[:-1] for half in halves])


def signed_area(points: Points) -> float:
    """Area within the closed contour, positive where it runs counter-clockwise on a screen (rows downwards)."""
    x, y = points.T
    return float(np.dot(y, np.roll(x, -1)) - np.dot(x, np.roll(y, -1))) / 2.0


def _steps(above: npt.NDArray[np.bool_]) -> dict[_Edge, _Edge]:
    """Which crossed edge follows which, over all squares of four samples."""
    corners = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1]
    following: dict[_Edge, _Edge] = {}
    for row, column in np.argwhere((corners > 0) & (corners < 15)).tolist():
        for start, end in _CASES[int(corners[row, column])]:
            following[_edge(start, row, column)] = _edge(end, row, column)
    return following


def _edge(number: int, row: int, column: int) -> _Edge:
    vertical, down, right = _EDGES[number]
    return vertical, row + down, column + right


def _walk(following: dict[_Edge, _Edge]) -> list[_Edge]:
    """One closed loop, taken out of `following`."""
    start = edge = next(iter(following))
    loop = []
    while True:
        loop.append(edge)
        edge = following.pop(edge)
        if edge == start:
            return loop


def _crossing(values: npt.NDArray[np.float64], level: float, edge: _Edge) -> tuple[float, float]:
    """(column, row) where the level is met between the two samples of an edge, linearly."""
    vertical, row, column = edge
    here, there = values[row, column], values[row + vertical, column + 1 - vertical]
    part = (level - here) / (there - here)
    return (float(column), row + part) if vertical else (column + part, float(row))


def _thinned(points: Points, tolerance: float) -> Points:
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        distance = _distance(points[first + 1 : last], points[first], points[last])
        farthest = int(np.argmax(distance))
        if distance[farthest] > tolerance:
            middle = first + 1 + farthest
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return points[keep]


def _distance(points: Points, start: Points, end: Points) -> npt.NDArray[np.float64]:
    """Of each point from the segment from `start` to `end`."""
    along = end - start
    length = float(along @ along)
    part = np.zeros(len(points)) if length == 0 else np.clip((points - start) @ along / length, 0.0, 1.0)
    across, down = (points - (start + part[:, None] * along)).T
    return np.asarray(np.hypot(across, down))
