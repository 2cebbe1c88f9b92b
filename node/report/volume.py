"""Volumes: the slices of one source series that share a geometry, in the order of space.

A result over a volume lies in the same Frame of Reference, planes and pixels as its source: PS3.3 C.7.4.1, C.7.6.2 and,
of enhanced multi-frame sources, C.7.6.16.2.1, C.7.6.16.2.3 and C.7.6.16.2.4. What cannot be read that way is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from node.plugin import Image
from node.report import source
from node.study import Analysed

Vector = tuple[float, float, float]

#: How far cosines, and millimetres of spacing, may differ between slices of one volume: writers round them.
_SAME = 1e-3
#: How far row and column may be from unit vectors at a right angle.
_SQUARE = 1e-2
#: Millimetres along the normal from which two slices lie at different places.
_APART = 1e-2
#: Decimals to which places are put in order, so that what writers round does not.
_DECIMALS = 2
#: Share by which distances between neighbours may differ and still count as even.
_EVEN = 1e-2
_IGNORE = 0  # pydicom.config.IGNORE


@dataclass(frozen=True)
class Grid:
    """What all slices of a volume share.

    Attributes:
        frame_of_reference_uid: (0020,0052).
        orientation: cosines of row and column, as in Image Orientation (Patient).
        spacing: millimetres between rows and between columns.
        shape: rows and columns.
    """

    frame_of_reference_uid: str
    orientation: tuple[float, ...]
    spacing: tuple[float, float]
    shape: tuple[int, int]

    @property
    def normal(self) -> Vector:
        """Unit vector from slice to slice in the patient's coordinates."""
        across = np.cross(self.orientation[:3], self.orientation[3:])
        x, y, z = (across / np.linalg.norm(across)).tolist()
        return x, y, z

    def matches(self, other: Grid) -> bool:
        """Whether slices of the two can lie in one volume."""
        if (self.frame_of_reference_uid, self.shape) != (other.frame_of_reference_uid, other.shape):
            return False
        pairs = zip((*self.orientation, *self.spacing), (*other.orientation, *other.spacing), strict=True)
        return all(abs(one - another) <= _SAME for one, another in pairs)


@dataclass(frozen=True)
class Slice:
    """One frame of a source and where it lies.

    Attributes:
        image: the decoded frame.
        grid: its own.
        position: millimetres, of the centre of the top left pixel, as in Image Position (Patient).
        thickness: millimetres; None when unknown.
    """

    image: Image
    grid: Grid
    position: Vector
    thickness: float | None

    @property
    def key(self) -> tuple[str, int]:
        """SOP Instance UID and frame."""
        return self.image.sop_instance_uid, self.image.frame

    @property
    def depth(self) -> float:
        """Millimetres along the normal."""
        return float(np.dot(self.position, self.grid.normal))


@dataclass(frozen=True)
class Volume:
    """Slices of one series at different places along one normal, in ascending order; never none.

    Attributes:
        series_instance_uid: of the source series.
        number: counts the volumes of that series, from 0.
        slices: see :class:`Slice`.
    """

    series_instance_uid: str
    number: int
    slices: tuple[Slice, ...]

    @property
    def grid(self) -> Grid:
        """Of the first slice; the others differ by less than writers round."""
        return self.slices[0].grid

    @property
    def spacing_between_slices(self) -> float | None:
        """Millimetres from slice to slice; None for a single slice, or where they are not even."""
        gaps = self._gaps
        if not gaps or max(gaps) - min(gaps) > _EVEN * max(gaps):
            return None
        return sum(gaps) / len(gaps)

    @property
    def thickness(self) -> float | None:
        """Slice Thickness as the source tells it, else the smallest distance of two slices; None when unknown."""
        told = self.slices[0].thickness
        return told if told is not None else min(self._gaps, default=None)

    @property
    def _gaps(self) -> list[float]:
        depths = [one.depth for one in self.slices]
        return [after - before for before, after in pairwise(depths)]


def volumes(item: Analysed, sources: Mapping[str, Dataset]) -> tuple[Volume, ...]:
    """The volumes of one analysed series; none when its geometry cannot be read.

    Slices of another orientation, size or spacing make a volume of their own. So do further slices at the same place,
    such as the phases of a dynamic series: the first at each place are the first volume.

    Args:
        item: the series with its decoded frames, of one place in the order of their instance numbers.
        sources: header of each source instance by SOP Instance UID.
    """
    stacks: list[list[Slice]] = []
    for one in sorted(_slices(item, sources), key=lambda one: round(one.depth, _DECIMALS)):
        home = next((stack for stack in stacks if _follows(one, stack[-1])), None)
        if home is None:
            stacks.append([one])
        else:
            home.append(one)
    series_instance_uid = item.image_set.series_instance_uid
    return tuple(Volume(series_instance_uid, number, tuple(stack)) for number, stack in enumerate(stacks))


def _follows(one: Slice, last: Slice) -> bool:
    return one.grid.matches(last.grid) and one.depth - last.depth > _APART


def _slices(item: Analysed, sources: Mapping[str, Dataset]) -> Iterator[Slice]:
    headers: dict[str, _Header] = {}
    for image in item.image_set.images:
        uid = image.sop_instance_uid
        if uid not in headers:
            headers[uid] = _Header(sources.get(uid, Dataset()))
        found = _slice(image, headers[uid])
        if found is not None:
            yield found


class _Header:
    """A source header with its functional groups at hand: each is looked up once for every frame."""

    def __init__(self, ds: Dataset) -> None:
        self.ds = ds
        self._own = source.places(ds, "PerFrameFunctionalGroupsSequence")
        self._shared = source.places(ds, "SharedFunctionalGroupsSequence")
        self._several = source.is_multi_frame(ds)

    def numbers(self, frame: int, macro: str, keyword: str, count: int) -> tuple[float, ...]:
        """That many finite numbers of the frame's own group, else of the shared one; empty when there are not.

        The data set itself speaks for the only frame of an object.
        """
        found = [
            item for group in (*self._own[frame - 1 : frame], *self._shared[:1]) for item in source.places(group, macro)
        ]
        for place in found if self._several or found else [self.ds]:
            values = source.numbers(place, keyword)
            if len(values) == count and all(map(isfinite, values)):
                return values
        return ()


def _slice(image: Image, header: _Header) -> Slice | None:
    position = header.numbers(image.frame, "PlanePositionSequence", "ImagePositionPatient", 3)
    grid = _grid(image, header)
    if grid is None or not position:
        return None
    x, y, z = position
    thickness = header.numbers(image.frame, "PixelMeasuresSequence", "SliceThickness", 1)
    return Slice(image, grid, (x, y, z), thickness[0] if thickness and thickness[0] > 0.0 else None)


def _grid(image: Image, header: _Header) -> Grid | None:
    uid = UID(source.value(header.ds, "FrameOfReferenceUID"), _IGNORE)
    orientation = header.numbers(image.frame, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
    spacing = header.numbers(image.frame, "PixelMeasuresSequence", "PixelSpacing", 2)
    if not (uid.is_valid and _is_square(orientation) and spacing and min(spacing) > 0.0):
        return None
    rows, columns = image.pixels.shape[:2]
    return Grid(uid, orientation, (spacing[0], spacing[1]), (rows, columns))


def _is_square(orientation: tuple[float, ...]) -> bool:
    if len(orientation) != 6:
        return False
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    off = (row @ row - 1.0, column @ column - 1.0, row @ column)
    return bool(np.abs(off).max() <= _SQUARE)
