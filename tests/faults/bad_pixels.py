"""Rows 30 to 32: pixels that nobody can decode, broken streams, and small objects that claim to be huge."""

from __future__ import annotations

import struct
import zlib

from pydicom.encaps import generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from tests.faults.bad_files import BadFile, Maker, P, Q, R, encoded
from tests.peers import Hospital
from tests.receive.material import DEFLATED, JPEG, element

J2K, JPEG_LOSSLESS, RLE, JPEG_LS = (
    str(JPEG2000Lossless),
    "1.2.840.10008.1.2.4.70",
    str(RLELossless),
    str(JPEGLSLossless),
)
_UNDECODABLE = {
    "MPEG-4 in a still image": "1.2.840.10008.1.2.4.102",
    "HEVC in a still image": "1.2.840.10008.1.2.4.107",
    "JPEG XL of random bytes": "1.2.840.10008.1.2.4.110",
    "HTJ2K of random bytes": "1.2.840.10008.1.2.4.201",
    "JPIP, whose pixels are elsewhere": "1.2.840.10008.1.2.4.94",
    "a JPEG process that is retired": "1.2.840.10008.1.2.4.52",
    "SMPTE ST 2110 video": "1.2.840.10008.1.2.7.1",
}
_NOISE = bytes((number * 167 + 13) % 251 for number in range(600))


def undecodable(hospital: Hospital) -> list[BadFile]:
    """30."""
    maker = Maker(hospital)
    for name, syntax in _UNDECODABLE.items():
        maker.compressed(name, Q | R, syntax, _NOISE)
    maker.compressed("a transfer syntax of nobody", R, "1.2.826.0.1.3680043.8.498.1.2.3", _NOISE)
    return maker.files


def broken(hospital: Hospital) -> list[BadFile]:
    """31."""
    maker = Maker(hospital)
    frame_head = b"\xff\xd8\xff\xc3\0\x0b\x0c\0\x20\0\x20\1\1\x11\0"  # SOI, SOF3: lossless, 12 bit, 32 x 32
    maker.compressed("JPEG of random bytes", Q, JPEG, b"\xff\xd8" + _NOISE)
    maker.compressed("JPEG without a byte", Q, JPEG, b"")
    maker.compressed("JPEG that is only its header", Q, JPEG_LOSSLESS, frame_head)
    maker.compressed("JPEG 2000 of random bytes", Q, J2K, b"\0\0\0\x0cjP  \r\n\x87\n" + _NOISE)
    maker.compressed("RLE with 15 segments nowhere", Q, RLE, struct.pack("<16L", 15, *[0xFFFFFFFF] * 15) + _NOISE)
    maker.compressed("RLE of random bytes", Q, RLE, _NOISE)
    maker.compressed("JPEG-LS of random bytes", Q, JPEG_LS, b"\xff\xd8\xff\xf7" + _NOISE)
    for name, syntax in (("JPEG 2000", J2K), ("RLE", RLE), ("JPEG-LS", JPEG_LS)):
        whole = _compressed(maker, syntax)
        maker.compressed(f"{name} that ends after a tenth", Q, syntax, whole[: len(whole) // 10])
        maker.compressed(f"{name} of another size than declared", Q, syntax, whole, Rows=999, Columns=7)
    return maker.files


def _compressed(maker: Maker, syntax: str) -> bytes:
    ds = maker.image()
    ds.compress(syntax)
    return next(generate_frames(ds.PixelData, number_of_frames=1))


def bombs(hospital: Hospital) -> list[BadFile]:
    """32."""
    maker = Maker(hospital)
    maker.add("65,535 x 65,535 in 2 KiB", Q | R, maker.image(Rows=65535, Columns=65535))
    maker.add("2,000 million frames", Q | R, maker.image(NumberOfFrames=2_000_000_000))
    maker.add("4,095 million sample values", Q | R, maker.image(Rows=32767, Columns=32767, NumberOfFrames=4))
    size = struct.pack(">HHHLLLLLLLLH", 0xFF51, 41, 0, 60000, 60000, 0, 0, 60000, 60000, 0, 0, 1) + b"\x0b\1\1"
    maker.compressed(
        "JPEG 2000 of 60,000 x 60,000", Q | R, J2K, b"\xff\x4f" + size + b"\xff\xd9", Rows=60000, Columns=60000
    )
    maker.compressed("JPEG 2000 larger than declared", Q | R, J2K, b"\xff\x4f" + size + b"\xff\xd9")
    start = b"\xff\xd8\xff\xc3\0\x0b\x0c" + struct.pack(">HH", 60000, 60000) + b"\1\1\x11\0"
    maker.compressed("JPEG larger than declared", Q | R, JPEG_LOSSLESS, start + _NOISE)
    segment = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\0" * 200_000
    maker.compressed(
        "RLE of 400 kB that claims 400 MB",
        Q | R,
        RLE,
        segment,
        Rows=20000,
        Columns=20000,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
    )
    maker.compressed("RLE of 400 kB that claims 2 KiB", P | Q | R, RLE, segment)
    maker.compressed("100,000 empty frames", Q | R, J2K, *[b""] * 100_000, NumberOfFrames=100_000)
    ds = maker.image()
    maker.add("64 MiB of zeros, deflated", P | Q | R, ds, syntax=DEFLATED, body=_deflated(encoded(ds)))
    return maker.files


def _deflated(head: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(head + element(0x7FE11010, "OB", b"", length=64 << 20))
    for _ in range(64):
        body += packer.compress(bytes(1 << 20))
    body += packer.flush()
    return body + b"\0" * (len(body) % 2)
