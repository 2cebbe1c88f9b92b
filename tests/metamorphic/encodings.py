"""The same picture in every transfer syntax (PS3.5 A), written by pydicom and DCMTK with the codecs that they have."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from tests.metamorphic.film import EXACT, LOSSY, Film, Form, as_its_own_study, save, shipped
from tests.peers.dcmtk import compress

_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"

#: What storescu cannot be told to propose.
NOT_OF_STORESCU = frozenset({_DEFLATED_FRAMES, str(JPEGLossless)})

Make, Encode = Callable[[Film], Dataset], Callable[[Dataset, Path], Path]


def _eight(film: Film) -> Dataset:
    return film.written()


def _twelve(film: Film) -> Dataset:
    return film.deep()


def _signed_twelve(film: Film) -> Dataset:
    return film.deep(
        PixelData=(film.grey.astype(np.int16) * 16 - 2048).astype("<i2").tobytes(),
        PixelRepresentation=1,
        RescaleSlope=1,
        RescaleIntercept=2048,
    )


def _dcmtk(program: str, *options: str) -> Encode:
    """By one of DCMTK's programs."""

    def encode(ds: Dataset, folder: Path) -> Path:
        plain = save(ds, folder)
        return compress(program, plain, plain.with_suffix(f".{program}.dcm"), *options)

    return encode


def _pydicom(syntax: str, **options: object) -> Encode:
    """By pydicom, through the codec that it has for that syntax."""

    def encode(ds: Dataset, folder: Path) -> Path:
        ds.compress(syntax, generate_instance_uid=False, **options)
        return save(ds, folder)

    return encode


def _as_shipped(film: Film) -> Dataset:
    """The compressed bytes of the sample itself."""
    return as_its_own_study(pydicom.dcmread(shipped(film.name)), JPEGBaseline8Bit)


def _in_fragments(ds: Dataset, folder: Path) -> Path:
    """One frame of JPEG 2000 in several fragments, without a Basic Offset Table."""
    ds.compress(JPEG2000Lossless, generate_instance_uid=False)
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    ds.PixelData = encapsulate([frame], fragments_per_frame=5, has_bot=False)
    return save(ds, folder)


def _deflated_frames(ds: Dataset, folder: Path) -> Path:
    """Deflated Image Frame Compression (PS3.5 A.4.11), which neither DCMTK nor pydicom writes yet."""
    squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = squeezer.compress(ds.PixelData) + squeezer.flush()
    ds.PixelData = encapsulate([body + b"\0" * (len(body) % 2)])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit  # pydicom refuses what it does not know
    path = save(ds, folder)
    padded = _DEFLATED_FRAMES.encode() + b"\0"
    path.write_bytes(path.read_bytes().replace(JPEGBaseline8Bit.encode(), padded, 1))
    return path


DEPTHS = {"8 bits": _eight, "12 bits": _twelve, "signed 12 bits": _signed_twelve}

_LOSSLESS: dict[str, Encode] = {
    "implicit VR": _dcmtk("dcmconv", "+ti"),
    "big endian": _dcmtk("dcmconv", "+tb"),
    "deflated": _dcmtk("dcmconv", "+td"),
    "RLE": _pydicom(RLELossless),
    "RLE of DCMTK": _dcmtk("dcmcrle"),
    "JPEG lossless SV1": _dcmtk("dcmcjpeg", "+e1"),
    "JPEG lossless process 14": _dcmtk("dcmcjpeg", "+el"),
    "JPEG-LS": _dcmtk("dcmcjpls", "+el"),
    "JPEG 2000": _pydicom(JPEG2000Lossless),
}

#: Qualities that are usual for reading: JPEG at 90, JPEG 2000 at 10 to 1, JPEG-LS within 1 of 256 or 2 of 4096 values.
LOSSY_FORMS: tuple[Form, ...] = (
    Form("JPEG baseline", _eight, LOSSY, _dcmtk("dcmcjpeg", "+eb", "+q", "90", "+un")),
    Form("JPEG baseline of 12 bits", _twelve, LOSSY, _dcmtk("dcmcjpeg", "+eb", "+q", "90", "+un")),
    Form("JPEG extended", _twelve, LOSSY, _dcmtk("dcmcjpeg", "+ee", "+q", "90", "+un")),
    Form("JPEG-LS near-lossless", _eight, LOSSY, _pydicom(JPEGLSNearLossless, jls_error=1)),
    Form("JPEG-LS near-lossless of 12 bits", _twelve, LOSSY, _dcmtk("dcmcjpls", "+en", "+md", "2", "+un")),
    Form("JPEG 2000 lossy", _eight, LOSSY, _pydicom(JPEG2000, j2k_cr=[10])),
    Form("JPEG 2000 lossy of 12 bits", _twelve, LOSSY, _pydicom(JPEG2000, j2k_cr=[10])),
)

FORMS: tuple[Form, ...] = (
    Form("as shipped", _as_shipped),
    *(
        Form(f"{name}, {depth}", make, EXACT, encode)
        for depth, make in DEPTHS.items()
        for name, encode in _LOSSLESS.items()
    ),
    Form("JPEG-LS of pydicom, 8 bits", _eight, EXACT, _pydicom(JPEGLSLossless)),
    Form("JPEG-LS of pydicom, 12 bits", _twelve, EXACT, _pydicom(JPEGLSLossless)),
    Form("JPEG 2000 in fragments", _twelve, EXACT, _in_fragments),
    Form("deflated frames", _twelve, EXACT, _deflated_frames),
    *LOSSY_FORMS,
)
