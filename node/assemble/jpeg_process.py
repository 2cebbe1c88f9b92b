"""A program that decodes JPEG and JPEG-LS frames. :mod:`node.assemble.jpeg` runs it; it imports nothing of the node.

It reads from standard input, for each frame, one line of JSON and the frame's bytes, and writes to standard output the
length of what it decoded (8 bytes, little endian; 0 when the codec refused) and those bytes. It ends with its input, or
when a codec ends it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import gdcm


def main() -> None:
    """Answer requests until there are none."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    for stream in (1, 2):  # libraries write to them
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    while line := requests.readline():
        _answer(json.loads(line), requests, answers)
        answers.flush()


def _answer(request: dict[str, Any], requests: BinaryIO, answers: BinaryIO) -> None:  # the values of one JSON line
    encoded = requests.read(request["bytes"])
    try:
        decoded = _jpeg_ls(encoded, request) if request["jpeg_ls"] else _jpeg(encoded, request)
    except (AttributeError, TypeError, ValueError, RuntimeError):
        decoded = b""
    answers.write(len(decoded).to_bytes(8, "little"))
    answers.write(decoded)


def _jpeg_ls(encoded: bytes, request: dict[str, Any]) -> bytes:
    import jpeg_ls  # type: ignore[import-untyped]  # it has no stubs
    import numpy as np

    decoded, facts = jpeg_ls.decode_pixel_data(encoded)
    cells = np.frombuffer(decoded, "u1" if facts["bits_per_sample"] <= 8 else "<u2")
    if request["samples"] > 1 and facts["interleave_mode"] == 0:  # colour by plane
        cells = cells.reshape(request["samples"], -1).T
    return cells.astype(f"<u{request['bits_allocated'] // 8}").tobytes()


def _jpeg(encoded: bytes, request: dict[str, Any]) -> bytes:
    decoded: bytes = _image(encoded, request).GetBuffer().encode("utf-8", "surrogateescape")  # char* comes as str
    return decoded


def _image(encoded: bytes, request: dict[str, Any]) -> gdcm.Image:
    import gdcm

    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((request["columns"], request["rows"], 1))
    image.SetDataElement(_element(encoded))
    kind = gdcm.PhotometricInterpretation.GetPIType(request["photometric"])
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetPlanarConfiguration(0)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(request["transfer_syntax"])))
    stored = request["bits_stored"]
    cell = gdcm.PixelFormat(request["samples"], request["bits_allocated"], stored, stored - 1, request["signed"])
    image.SetPixelFormat(cell)
    return image


def _element(encoded: bytes) -> gdcm.DataElement:
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(encoded)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    return element


if __name__ == "__main__":
    main()
