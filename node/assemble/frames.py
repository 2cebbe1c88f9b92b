"""Stored pixel values, frame by frame: the only place that calls codecs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames, parse_basic_offsets, parse_fragments
from pydicom.pixels import get_decoder
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from node.assemble.codestream import Codestream, read_codestream
from node.assemble.declaration import Declaration
from node.assemble.jpeg import decode_jpeg, needs_process
from node.errors import DecodeError

Stored = npt.NDArray[Any]  # any integer or floating point type, as stored

#: The decoder to use where there are several: none of GDCM's, which end the process over a damaged frame.
_PLUGINS: dict[UID, str] = {
    **dict.fromkeys(JPEGTransferSyntaxes, "pillow"),
    **dict.fromkeys(JPEG2000TransferSyntaxes, "pylibjpeg"),
}
_DEFLATED_FRAMES = UID("1.2.840.10008.1.2.8.1")


@dataclass(frozen=True)
class Frame:
    """One decoded frame before any lookup table.

    Attributes:
        stored: (rows, columns) or (rows, columns, 3), colour by pixel; sign extended, unused bits removed.
        photometric: of `stored`; differs from the declared one where the codec itself converts colours.
    """

    stored: Stored
    photometric: str


def read_frames(ds: Dataset, declared: Declaration) -> Iterator[Frame]:
    """Decode the frames of `ds` in order, exactly as many as are declared.

    Raises:
        DecodeError: the pixel data cannot hold what is declared, or nothing here decodes its transfer syntax.
        Exception: whatever a codec raises.
    """
    count = 0
    for frame in islice(_source(declared)(ds, declared), declared.frames):
        yield frame
        count += 1
    if count < declared.frames:
        raise DecodeError(f"only {count} of {declared.frames} frames are in the pixel data")


def _source(declared: Declaration) -> Callable[[Dataset, Declaration], Iterator[Frame]]:
    """The way to the frames of that transfer syntax."""
    transfer_syntax_uid = declared.transfer_syntax_uid
    if declared.is_native:
        return _native
    if transfer_syntax_uid == _DEFLATED_FRAMES:
        return _deflated
    if needs_process(declared):
        return _jpeg
    try:
        get_decoder(transfer_syntax_uid)
    except NotImplementedError:
        raise DecodeError(f"nothing here decodes the transfer syntax {transfer_syntax_uid.name}") from None
    return _compressed


def _native(ds: Dataset, declared: Declaration) -> Iterator[Frame]:
    held = len(ds[declared.keyword].value)
    if held < declared.native_bytes:
        raise DecodeError(f"{held} bytes of pixel data where {declared.native_bytes} are declared")
    if not _is_plain(declared):
        yield from _decoded(ds, declared)
        return
    pixels, size = memoryview(ds[declared.keyword].value), declared.frame_bytes
    for begin in range(0, declared.native_bytes, size):
        yield Frame(_cell(_array(pixels[begin : begin + size], declared), declared), declared.photometric)


def _is_plain(declared: Declaration) -> bool:
    """Each frame is an array as it stands; pydicom reads the others: packed bits, shared colours, other byte orders."""
    as_declared = declared.is_little_endian and not declared.is_float
    return as_declared and declared.bits_allocated > 1 and declared.photometric != "YBR_FULL_422"


def _compressed(ds: Dataset, declared: Declaration) -> Iterator[Frame]:
    headers = [_check_header(encoded, declared) for encoded in _encoded_frames(ds, declared)]
    for frame, header in zip(_decoded(ds, declared), headers, strict=False):
        # Pillow makes RGB where an Adobe marker tells how, and leaves the components as they are elsewhere
        converted = header is not None and header.adobe and declared.transfer_syntax_uid in JPEGTransferSyntaxes
        yield replace(frame, photometric="RGB") if converted else frame


def _jpeg(ds: Dataset, declared: Declaration) -> Iterator[Frame]:
    encoded = list(islice(_encoded_frames(ds, declared), declared.frames))
    headers = [_check_header(frame, declared) for frame in encoded]
    for plain, header in zip(decode_jpeg(encoded, declared), headers, strict=True):
        bits = declared.bits_stored
        if declared.transfer_syntax_uid in JPEGLSTransferSyntaxes and declared.signed and header is not None:
            bits = min(header.precision, declared.bits_allocated)  # JPEG-LS knows no sign: it is the top bit it coded
        low = replace(declared, bits_stored=bits, high_bit=bits - 1, planar=0)  # a codec puts values there
        yield Frame(_cell(_array(plain, low), low), declared.photometric)


def _deflated(ds: Dataset, declared: Declaration) -> Iterator[Frame]:
    """Deflated Image Frame Compression (PS3.5 A.4.11): each frame inflates to a native one."""
    for encoded in _encoded_frames(ds, declared):
        plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(encoded, declared.frame_bytes)
        if len(plain) < declared.frame_bytes:
            raise DecodeError(f"a deflated frame holds {len(plain)} bytes where {declared.frame_bytes} are declared")
        yield Frame(_cell(_array(plain, declared), declared), declared.photometric)


def _array(plain: bytes | memoryview, declared: Declaration) -> Stored:
    """One frame from its native bytes, little endian."""
    rows, columns, samples = declared.rows, declared.columns, declared.samples
    if declared.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(plain, np.uint8), bitorder="little")
        return bits[: rows * columns].reshape(rows, columns)
    cells = np.frombuffer(plain, f"<{'iu'[not declared.signed]}{declared.bits_allocated // 8}")
    if samples == 1:
        return cells.reshape(rows, columns)
    if declared.planar:
        return np.moveaxis(cells.reshape(samples, rows, columns), 0, -1)
    return cells.reshape(rows, columns, samples)


def _decoded(ds: Dataset, declared: Declaration) -> Iterator[Frame]:
    transfer_syntax_uid = declared.transfer_syntax_uid
    options = {
        "bits_stored": declared.bits_stored,
        "number_of_frames": declared.frames,
        "photometric_interpretation": declared.photometric,
        "pixel_representation": int(declared.signed),
        "planar_configuration": declared.planar if declared.is_native else 0,  # codecs hand out colour by pixel
        "samples_per_pixel": declared.samples,
    }
    by_bits = declared.is_native or transfer_syntax_uid == RLELossless
    if by_bits:
        options |= {"correct_unused_bits": False, "view_only": True}  # nobody writes to it
    plugin = _PLUGINS.get(transfer_syntax_uid, "")
    for stored, facts in get_decoder(transfer_syntax_uid).iter_array(ds, raw=True, decoding_plugin=plugin, **options):
        yield Frame(_cell(stored, declared) if by_bits else stored, str(facts["photometric_interpretation"]))


def _cell(stored: Stored, declared: Declaration) -> Stored:
    """Take Bits Stored below High Bit out of each cell and extend the sign (PS3.5 8.1.1)."""
    if declared.is_float or declared.bits_stored == declared.bits_allocated:
        return stored
    if not declared.signed and declared.high_bit == declared.bits_stored - 1:
        lowest: Stored = stored & stored.dtype.type((1 << declared.bits_stored) - 1)
        return lowest
    width = stored.dtype.itemsize * 8
    cell = stored << (width - 1 - declared.high_bit)
    cell >>= width - declared.bits_stored
    return cell


def _encoded_frames(ds: Dataset, declared: Declaration) -> Iterator[bytes]:
    """The compressed frames, after the check that there are as many fragments as frames at least."""
    buffer: bytes = ds[declared.keyword].value
    stream = BytesIO(buffer)
    parse_basic_offsets(stream)
    fragments, _ = parse_fragments(stream)
    if fragments < declared.frames:
        raise DecodeError(f"{declared.frames} frames are declared, the pixel data has {fragments} fragments")
    offsets = ds.get("ExtendedOffsetTable"), ds.get("ExtendedOffsetTableLengths")
    extended = offsets if all(offsets) else None
    yield from generate_frames(buffer, number_of_frames=declared.frames, extended_offsets=extended)


def _check_header(encoded: bytes, declared: Declaration) -> Codestream | None:
    """A decoder allocates what the compressed frame says of itself: it must be what the object declares."""
    if declared.transfer_syntax_uid == RLELossless:
        # PackBits makes 128 bytes of two at best (PS3.5 G.3.1)
        if declared.frame_bytes > 64 * len(encoded):
            raise DecodeError("the run lengths cannot hold as many pixels as are declared")
        return None
    header = read_codestream(encoded)
    if (header.rows, header.columns, header.samples) != (declared.rows, declared.columns, declared.samples):
        raise DecodeError(
            f"the compressed frame has {header.columns} x {header.rows} x {header.samples} pixels, "
            f"its object declares {declared.columns} x {declared.rows} x {declared.samples}"
        )
    return header
