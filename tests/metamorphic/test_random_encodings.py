"""A small picture written in any way that the standard allows is the same picture, to one of 256 grey values."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ComputedRadiographyImageStorage, generate_uid

from node.assemble import read_images
from tests.metamorphic.film import Film, save, table, window

FEW = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))


@dataclass(frozen=True)
class Cell:
    """How a value is stored: of so many bits, its top one at `high_bit`, signed or not, beside junk or zeros."""

    bits: int
    allocated: int
    high_bit: int
    signed: bool

    @property
    def low(self) -> int:
        """The least value."""
        return -(1 << self.bits - 1) if self.signed else 0

    def put(self, values: npt.NDArray[Any], junk: int) -> npt.NDArray[Any]:
        """Cells with these values, and the bits of `junk` where there is no value (PS3.5 8.1.1)."""
        mask, shift = (1 << self.bits) - 1, self.high_bit + 1 - self.bits
        cells = ((values.astype(np.int64) & mask) << shift) | (junk & ~(mask << shift))
        return (cells & ((1 << self.allocated) - 1)).astype(f"<u{self.allocated // 8}")


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    allocated = draw(st.sampled_from([8, 16]))
    bits = draw(st.integers(8, allocated))
    return Cell(bits, allocated, draw(st.integers(bits - 1, allocated - 1)), draw(st.booleans()))


@dataclass(frozen=True)
class Steps:
    """From grey values to stored ones: `spread` values for each grey value and `offset` above the least of the cell."""

    cell: Cell
    spread: int
    offset: int
    turned: bool

    def __call__(self, grey: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        seen = 255 - grey.astype(np.int64) if self.turned else grey.astype(np.int64)
        return self.cell.low + self.offset + seen * self.spread

    @property
    def ends(self) -> tuple[int, int]:
        """Stored values of the two ends of the scale, the lower one first."""
        first = self.cell.low + self.offset
        return first, first + 255 * self.spread


@st.composite
def steps(draw: st.DrawFn) -> Steps:
    cell = draw(cells())
    spread = draw(st.integers(1, ((1 << cell.bits) - 1) // 255))
    return Steps(cell, spread, draw(st.integers(0, (1 << cell.bits) - 1 - 255 * spread)), draw(st.booleans()))


def picture(size: tuple[int, int, int]) -> Film:
    rows, columns, seed = size
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = ComputedRadiographyImageStorage, generate_uid()
    header.Modality, header.SamplesPerPixel, header.PhotometricInterpretation = "CR", 1, "MONOCHROME2"
    grey = np.random.default_rng(seed).integers(0, 256, (rows, columns), dtype=np.uint8)
    return Film("random", header, grey)


def written(film: Film, way: Steps, junk: int = 0, **changes: Any) -> Dataset:
    """Through these steps, without a window."""
    cell = way.cell
    stored = cell.put(way(film.grey), junk)
    facts = {
        "BitsStored": cell.bits,
        "HighBit": cell.high_bit,
        "PixelRepresentation": int(cell.signed),
        "PhotometricInterpretation": "MONOCHROME1" if way.turned else "MONOCHROME2",
    }
    return film.written(stored, **{**facts, **changes})


def shown(ds: Dataset) -> npt.NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as folder:
        (image,) = read_images(save(ds, Path(folder)), 1 << 20)
    return image.pixels


def assert_same(ds: Dataset, film: Film, tolerance: float = 1 / 255) -> None:
    np.testing.assert_allclose(shown(ds), film.grey / 255, rtol=0, atol=tolerance)


def linear(low: float, high: float) -> dict[str, Any]:
    """A LINEAR window with these ends, at least 1 wide by the formula itself."""
    center, width = window(low, high)
    return {"WindowCenter": f"{center:.10g}", "WindowWidth": f"{width:.10g}", "VOILUTFunction": "LINEAR"}


def linear_exact(low: float, high: float) -> dict[str, Any]:
    center, width = (low + high) / 2, high - low
    return {"WindowCenter": f"{center:.10g}", "WindowWidth": f"{width:.10g}", "VOILUTFunction": "LINEAR_EXACT"}


@FEW
@given(size=SIZES, way=steps(), junk=st.integers(0, 65535), exact=st.booleans())
def test_any_cell_and_its_window_show_the_same_picture(
    size: tuple[int, int, int], way: Steps, junk: int, exact: bool
) -> None:
    film = picture(size)
    ends = linear_exact(*way.ends) if exact else linear(*way.ends)
    assert_same(written(film, way, junk, **ends), film, 1e-5)


@FEW
@given(
    size=SIZES,
    way=steps(),
    slope=st.floats(0.01, 100).map(lambda number: float(f"{number:.6g}")),
    intercept=st.integers(-5000, 5000),
    falling=st.booleans(),
)
def test_any_rescale_and_its_window_show_the_same_picture(
    size: tuple[int, int, int], way: Steps, slope: float, intercept: int, falling: bool
) -> None:
    film = picture(size)
    slope = -slope if falling else slope
    low, high = sorted(end * slope + intercept for end in way.ends)
    photometric = "MONOCHROME1" if way.turned != falling else "MONOCHROME2"
    rescale = {"RescaleSlope": f"{slope:.6g}", "RescaleIntercept": intercept, "PhotometricInterpretation": photometric}
    assert_same(written(film, way, **linear(low, high), **rescale), film)


@FEW
@given(size=SIZES, way=steps(), bits=st.integers(8, 16))
def test_any_voi_lut_over_the_same_values_shows_the_same_picture(
    size: tuple[int, int, int], way: Steps, bits: int
) -> None:
    film = picture(size)
    first, last = way.ends
    entries = np.rint(np.linspace(0, (1 << bits) - 1, last - first + 1)).astype(int)
    assume(len(entries) < 65536)
    ds = written(film, way, WindowCenter=None, WindowWidth=None)
    ds.VOILUTSequence = [table(first & 0xFFFF, bits, entries)]
    assert_same(ds, film)


@FEW
@given(size=SIZES, way=steps(), bits=st.integers(8, 16))
def test_any_modality_lut_over_the_same_values_shows_the_same_picture(
    size: tuple[int, int, int], way: Steps, bits: int
) -> None:
    film = picture(size)
    first, last = way.ends
    top = (1 << bits) - 1
    entries = np.rint(np.linspace(0, top, last - first + 1)).astype(int)
    assume(len(entries) < 65536)
    ds = written(film, way, **linear(0, top))
    ds.ModalityLUTSequence = [table(first & 0xFFFF, bits, entries, ModalityLUTType="US")]
    assert_same(ds, film)


@FEW
@given(size=SIZES, way=steps(), outside=st.booleans())
def test_a_padding_value_that_no_pixel_has_shows_the_same_picture(
    size: tuple[int, int, int], way: Steps, outside: bool
) -> None:
    film = picture(size)
    first, last = way.ends
    padding = first - 1 if outside else last + 1
    assume(way.cell.low <= padding < way.cell.low + (1 << way.cell.bits))
    ds = written(film, way, **linear(*way.ends))
    ds.add_new("PixelPaddingValue", "SS" if way.cell.signed else "US", padding)
    assert_same(ds, film, 1e-5)


def test_the_steps_go_there_and_back() -> None:
    cell = Cell(bits=12, allocated=16, high_bit=13, signed=True)
    assert cell.put(np.array([-1, 5]), junk=0xFFFF).tolist() == [0xFFFF, 0xC017]
    assert Steps(cell, 2, 10, turned=True).ends == (-2038, -1528)
