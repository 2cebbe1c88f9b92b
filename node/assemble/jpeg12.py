"""Lossy JPEG with 12 bits a sample, which pydicom's own decoders leave out, through GDCM's 12-bit build of libjpeg."""

from __future__ import annotations

import gdcm
import numpy as np
import numpy.typing as npt
from pydicom.uid import UID

from node.assemble.declaration import Declaration
from node.errors import DecodeError

_EXTENDED = "1.2.840.10008.1.2.4.51"
#: Extended, and the retired progressive ones: spectral selection and full progression.
JPEG12_TRANSFER_SYNTAXES = {UID(_EXTENDED), UID("1.2.840.10008.1.2.4.53"), UID("1.2.840.10008.1.2.4.55")}


def decode_jpeg12(encoded: bytes, declared: Declaration) -> npt.NDArray[np.uint16]:
    """Decode one frame to cells, (rows, columns); a sign is not yet extended.

    Raises:
        DecodeError: GDCM refuses it, or it is not one sample in 16 bits.
    """
    if (declared.samples, declared.bits_allocated) != (1, 16):
        raise DecodeError("12-bit JPEG is decoded for one sample in 16 bits only")
    image = _image(encoded, declared)
    decoded: bytes = image.GetBuffer().encode("utf-8", "surrogateescape")  # GDCM hands out char* as str
    if len(decoded) != 2 * declared.rows * declared.columns:
        raise DecodeError("the 12-bit JPEG frame is broken")
    return np.frombuffer(decoded, "<u2").reshape(declared.rows, declared.columns)


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
    kind = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    syntax = gdcm.TransferSyntax.GetTSType(_EXTENDED)  # the frame itself tells the rest
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, 12, 11, 0))
    return image
