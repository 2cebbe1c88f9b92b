"""The ICC profile of a result in colour: the source's own, or that of sRGB (PS3.3 C.11.15).

The profile of sRGB is written out here. Colour libraries make one of the Display class, which DICOM forbids, and put
the time of making and their version into it, so that no two machines would write the same bytes.
"""

from __future__ import annotations

import struct

from pydicom.dataset import Dataset

from node.report import source

_HEADER_BYTES = 128
_VERSION = 0x04200000
_PUBLISHED = (1999, 10, 18, 0, 0, 0)  # IEC 61966-2-1
_D50 = (0.9642, 1.0, 0.8249)  # white of the profile connection space (ICC.1:2010 7.2.16)
#: CIE XYZ of the primaries, adapted from D65 to D50, and the matrix that adapts.
_PRIMARIES = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
_ADAPTATION = (1.04788, 0.02292, -0.05022, 0.02959, 0.99048, -0.01707, -0.00925, 0.01508, 0.75168)
#: Exponent, a, b, c, d of (a x + b) ** exponent where x >= d, else c x.
_CURVE = (2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045)


def add_profile(ds: Dataset, origin: Dataset) -> None:
    """ICC Profile, and Color Space where it has a name: as in the source, else sRGB."""
    own = source.element(origin, "ICCProfile")
    if own is None or not _is_input_profile(own.value):
        ds.ICCProfile, ds.ColorSpace = srgb(), "SRGB"
        return
    ds.ICCProfile = own.value
    named = source.element(origin, "ColorSpace")
    if named is not None and named.value and source.is_valid(named):
        ds.ColorSpace = str(named.value)


def srgb() -> bytes:
    """An Input Device profile of sRGB (ICC.1:2010, three-component matrix-based), the same bytes everywhere."""
    tags = {
        b"desc": _text("sRGB"),
        b"cprt": _text("No copyright"),
        b"wtpt": _numbers(b"XYZ ", _D50),
        b"chad": _numbers(b"sf32", _ADAPTATION),
        **{name: _numbers(b"XYZ ", primary) for name, primary in _PRIMARIES.items()},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _numbers(b"para", _CURVE, b"\0\3\0\0")),
    }
    at = _HEADER_BYTES + 4 + 12 * len(tags)
    directory, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        directory += struct.pack(">4sII", name, at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    return _header(at + len(body)) + directory + body


def _is_input_profile(data: object) -> bool:
    """Whether the source's profile is one that DICOM permits (PS3.3 C.11.15.1.1)."""
    return (
        isinstance(data, bytes)
        and len(data) > _HEADER_BYTES
        and (data[12:16], data[16:20], data[36:40]) == (b"scnr", b"RGB ", b"acsp")
        and data[20:24] in (b"XYZ ", b"Lab ")
    )


def _header(size: int) -> bytes:
    """Without a profile ID: zeros mean that it was not calculated (ICC.1:2010 7.2.18)."""
    start = struct.pack(">I4xI4s4s4s6H4s", size, _VERSION, b"scnr", b"RGB ", b"XYZ ", *_PUBLISHED, b"acsp")
    return (start + bytes(28) + struct.pack(">3i", *map(_fixed, _D50))).ljust(_HEADER_BYTES, b"\0")


def _text(words: str) -> bytes:
    data = words.encode("utf-16-be")
    return struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(data), 28) + data


def _numbers(kind: bytes, values: tuple[float, ...], before: bytes = b"") -> bytes:
    return kind + bytes(4) + before + struct.pack(f">{len(values)}i", *map(_fixed, values))


def _fixed(value: float) -> int:
    """As s15Fixed16Number."""
    return round(value * 65536)
