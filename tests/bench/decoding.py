"""Decoding: images a second from a file to pixels, by transfer syntax.

Ours are pictures as a viewer shows them: Modality LUT and window applied, sizes checked before any decoder runs.
pydicom gives stored values by the decoder that it chooses itself. DCMTK's programs write a file, so that they are timed
with their start.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from node.assemble import read_images
from node.samples import sample_paths
from tests.bench.figures import Rows, in_turn, mid, rate, table, told
from tests.conformance.sources import codec
from tests.peers import compress, system_program

_CT = Path(__file__).parents[1] / "data" / "images" / "ct_chest_tcga" / "ID_0001.dcm"
_MOST_PIXELS = 1 << 30
_NAMES = ("radnode", "pydicom", "DCMTK")
Encode = Callable[[Path, Path], Path]

_WORDS = """## Decoding

Images a second from a file to pixels: a real CT slice (512 x 512, 12 bits) and a film (2048 x 2048, 12 bits, made of a
packaged one; JPEG baseline has 8 bits). Ours are pictures as a viewer shows them, Modality LUT and window applied, with
every size checked before a decoder runs; pydicom gives stored values, by the decoder that it takes by itself; DCMTK's
programs write a file, and are timed with their start. A dash: it cannot, or there is no program for it.

"""


def _dcmtk(program: str, *options: str) -> Encode:
    return lambda path, target: compress(program, path, target, *options)


#: Transfer syntax -> how files of it are made, and which program of DCMTK's undoes it; empty: none.
SYNTAXES: Mapping[str, tuple[Encode, str]] = {
    "uncompressed": (lambda path, target: path, ""),
    "deflated": (_dcmtk("dcmconv", "+td"), "dcmconv"),
    "RLE": (codec(RLELossless), "dcmdrle"),
    "JPEG baseline": (_dcmtk("dcmcjpeg", "+eb", "+q", "90", "+un"), "dcmdjpeg"),
    "JPEG extended": (_dcmtk("dcmcjpeg", "+ee", "+q", "90", "+un"), "dcmdjpeg"),
    "JPEG lossless": (_dcmtk("dcmcjpeg", "+e1"), "dcmdjpeg"),
    "JPEG-LS": (codec(JPEGLSLossless), "dcmdjpls"),
    "JPEG 2000": (codec(JPEG2000Lossless), ""),
}


def measure(folder: Path, rounds: int, seconds: float = 0.3, side: int = 2048) -> Rows:
    """Image and transfer syntax -> images a second. Args: seconds: of each measurement; side: of the film, pixels."""
    found = {}
    for name, image in (("CT slice", _ct()), ("film", _film(side))):
        plain = folder / f"{name.split()[0]}.dcm"
        image.save_as(plain, enforce_file_format=True)
        for syntax, (encode, program) in SYNTAXES.items():
            path = encode(plain, folder / f"{plain.stem}-{syntax.replace(' ', '-')}.dcm")
            ways: dict[str, Callable[[], object]] = {
                "radnode": partial(read_images, path, _MOST_PIXELS),
                "pydicom": partial(_stored, path),
            }
            if program:
                ways["DCMTK"] = partial(_run, program, path, folder / "decoded.dcm")
            acts = {one: partial(rate, way, seconds) for one, way in ways.items() if _can(way)}
            found[f"{name}, {syntax}"] = {**in_turn(acts, rounds), "megapixels": [image.Rows * image.Columns / 1e6]}
    return found


def section(rows: Rows) -> str:
    """Its part of the page."""
    lines = []
    for what, figures in rows.items():
        cells = [told(figures[name]) if name in figures else "-" for name in _NAMES]
        own = mid(figures["radnode"])
        times = [f"{own / mid(figures[name]):.1f}" if name in figures else "-" for name in _NAMES[1:]]
        lines.append([what, *cells, f"{own * figures['megapixels'][0]:.0f}", *times])
    return _WORDS + table(["what", *_NAMES, "megapixels/s", *(f"x {name}" for name in _NAMES[1:])], lines)


def _ct() -> Dataset:
    ds = pydicom.dcmread(_CT)
    ds.decompress()
    return ds


def _film(side: int) -> Dataset:
    """A packaged film with as many pixels as a detector has, and its noise."""
    ds = pydicom.dcmread(sample_paths()[0])
    small = ds.pixel_array
    times = side // small.shape[0]
    large = np.kron(small.astype(np.float32), np.ones((times, times), np.float32)) * 15.5
    noisy = large + np.random.default_rng(1).normal(scale=8, size=large.shape)
    ds.PixelData = np.clip(noisy, 0, 4095).astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    ds.Rows, ds.Columns = large.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.WindowCenter, ds.WindowWidth = 2048, 4096
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def _stored(path: Path) -> object:
    return pydicom.dcmread(path).pixel_array


def _run(program: str, path: Path, target: Path) -> None:
    subprocess.run([system_program(program), str(path), str(target)], check=True, capture_output=True, timeout=60)


def _can(way: Callable[[], object]) -> bool:
    """Whether it decodes this at all; what it needs is loaded afterwards."""
    try:
        way()
    except RuntimeError:  # pydicom: there is no decoder
        return False
    return True
