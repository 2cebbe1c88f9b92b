"""A DICOM file (PS3.10) in two steps: the header first, the pixel data once its declared size has been checked."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset, read_file_meta_info
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from node.errors import DecodeError

PIXEL_KEYWORDS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
#: Elements above this many bytes are left in the file until they are asked for.
_DEFER_BYTES = 1 << 20
_CHUNK = 1 << 20


class Part10:
    """An open file: `header` without its pixel data, then :meth:`load_pixels`.

    Args:
        path: of the file.
        max_bytes: longest dataset that a deflated file may hold.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._file: BinaryIO = path.open("rb")
        try:
            self.header = self._read_header(path, max_bytes)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Part10:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    @property
    def pixel_keyword(self) -> str:
        """Keyword of the pixel data element that comes next; empty when there is none."""
        little = self._encoding[1]
        here = self._file.tell()
        group_element = self._file.read(4)
        self._file.seek(here)
        if len(group_element) < 4:
            return ""
        group, element = struct.unpack("<HH" if little else ">HH", group_element)
        return PIXEL_KEYWORDS.get(group << 16 | element, "")

    def load_pixels(self) -> None:
        """Add the pixel data element to `header`."""
        implicit, little = self._encoding
        rest = read_dataset(self._file, implicit, little, stop_when=_after_pixels)
        self.header.update(dict(rest.items()))

    @property
    def remaining(self) -> int:
        """Bytes of the file (inflated) from the pixel data element on."""
        here = self._file.tell()
        end = self._file.seek(0, 2)
        self._file.seek(here)
        return end - here

    def _read_header(self, path: Path, max_bytes: int) -> Dataset:
        meta = read_file_meta_info(path)
        if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            return self._read_deflated(meta, max_bytes)
        header = dcmread(self._file, stop_before_pixels=True, defer_size=_DEFER_BYTES)
        implicit, little = header.original_encoding
        self._encoding = bool(implicit), little is not False
        return header

    def _read_deflated(self, meta: FileMetaDataset, max_bytes: int) -> Dataset:
        """Inflate no more than `max_bytes` (PS3.5 A.5); from here on the file is a plain one in memory."""
        self._file.seek(132 + 12 + int(meta.FileMetaInformationGroupLength))  # PS3.10 7.1
        plain = _inflate(self._file, max_bytes)
        self._file.close()
        self._file = plain
        self._encoding = False, True
        header = read_dataset(plain, False, True, stop_when=_at_pixels)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.file_meta = meta
        return header


def _inflate(source: BinaryIO, max_bytes: int) -> BytesIO:
    plain, inflater = BytesIO(), zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflater.eof and (chunk := inflater.unconsumed_tail or source.read(_CHUNK)):
        plain.write(inflater.decompress(chunk, _CHUNK))
        if plain.tell() > max_bytes:
            raise DecodeError(f"the deflated dataset holds more than {max_bytes} bytes")
    plain.seek(0)
    return plain


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag in PIXEL_KEYWORDS


def _after_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return bool(tag > 0x7FE00010)
