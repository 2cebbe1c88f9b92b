"""Lossless JPEG and lossy JPEG of 12 bits, through GDCM, in a process of its own.

Nothing else here decodes them. GDCM ends the whole process over a damaged frame (a C++ exception leaves it), and a
broken image must cost no more than itself.
"""

from __future__ import annotations

import faulthandler
import os
import resource
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import gdcm
from pydicom.uid import UID, JPEGLossless, JPEGLosslessSV1

from node.assemble.declaration import Declaration
from node.errors import DecodeError

_EXTENDED = UID("1.2.840.10008.1.2.4.51")
#: With more than 8 bits: Extended, and the retired progressive ones (spectral selection, full progression).
_LOSSY = {_EXTENDED, UID("1.2.840.10008.1.2.4.53"), UID("1.2.840.10008.1.2.4.55")}
_LOSSLESS = {JPEGLossless, JPEGLosslessSV1}


def is_for_gdcm(declared: Declaration) -> bool:
    """Whether frames of that declaration are decoded here."""
    transfer_syntax_uid = declared.transfer_syntax_uid
    return transfer_syntax_uid in _LOSSLESS or (transfer_syntax_uid in _LOSSY and declared.bits_stored > 8)


def decode_jpeg(encoded_frames: Iterable[bytes], declared: Declaration) -> Iterator[bytes]:
    """Decode frames to cells, little endian, colour by pixel; a sign is not extended.

    Raises:
        DecodeError: a frame is damaged.
    """
    return _in_child(lambda: (_decode(encoded, declared) for encoded in encoded_frames), declared.frame_bytes)


def _in_child(work: Callable[[], Iterable[bytes]], size: int) -> Iterator[bytes]:
    """Pieces of `size` bytes that `work` makes in a forked child."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _be_child(work, writer)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe:
            yield from _pieces(pipe, size)
    finally:
        _, status = os.waitpid(child, 0)
    if status:
        raise DecodeError("its JPEG pixel data is damaged", hint="send the object again")


def _pieces(pipe: BinaryIO, size: int) -> Iterator[bytes]:
    while len(piece := pipe.read(size)) == size:
        yield piece


def _be_child(work: Callable[[], Iterable[bytes]], writer: int) -> None:
    """Never returns; says nothing, leaves no core, and ends without the parent's clean-up."""
    status = 1
    try:
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with os.fdopen(writer, "wb") as pipe:
            pipe.writelines(work())
        status = 0
    finally:
        os._exit(status)


def _decode(encoded: bytes, declared: Declaration) -> bytes:
    decoded: bytes = _image(encoded, declared).GetBuffer().encode("utf-8", "surrogateescape")  # GDCM gives char* as str
    if len(decoded) != declared.frame_bytes:
        raise DecodeError("a JPEG frame has another size than declared")
    return decoded


def _image(encoded: bytes, declared: Declaration) -> gdcm.Image:
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(encoded)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((declared.columns, declared.rows, 1))
    image.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(declared.photometric)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetPlanarConfiguration(0)
    syntax = _EXTENDED if declared.transfer_syntax_uid in _LOSSY else declared.transfer_syntax_uid
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
    bits = declared.bits_stored
    image.SetPixelFormat(
        gdcm.PixelFormat(declared.samples, declared.bits_allocated, bits, bits - 1, int(declared.signed))
    )
    return image
