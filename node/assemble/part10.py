"""A DICOM file (PS3.10) in two steps: the header first, the pixel data once its declared size has been checked."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
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
_HEADER_BYTES = 64 << 20
#: Of the File Meta Information what is looked at; and how it begins (PS3.10 7.1): (0002,0000) UL, of 4 bytes.
_META_BYTES, _GROUP_LENGTH = 4096, b"\x02\x00\x00\x00UL\x04\x00"
#: Tag, VR and length of an element; and what may come after pixel data in a deflated file.
_ELEMENT_HEADER, _AROUND_PIXELS = 8, 1 << 20


class Part10:
    """An open file: `header` without its pixel data, then :meth:`load_pixels`.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        self._deflated: Iterator[bytes] = iter(())
        try:
            self.header = self._read_header(path)
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
        here = self._file.tell()
        group_element = self._file.read(4)
        self._file.seek(here)
        if len(group_element) < 4:
            return ""
        group, element = struct.unpack("<HH" if self._encoding[1] else ">HH", group_element)
        return PIXEL_KEYWORDS.get(group << 16 | element, "")

    def load_pixels(self, needed: int) -> None:
        """Add the pixel data element to `header`.

        Args:
            needed: bytes that it must hold.

        Raises:
            DecodeError: the rest of the file is shorter.
        """
        here = self._file.tell()
        self._inflate(here + needed + _AROUND_PIXELS)
        held = max(0, self._file.seek(0, 2) - here - _ELEMENT_HEADER)
        self._file.seek(here)
        if held < needed:
            raise DecodeError(f"{needed} bytes of pixel data are declared, {held} are here", hint="send it again")
        implicit, little = self._encoding
        rest = read_dataset(self._file, implicit, little, stop_when=_after_pixels)
        self.header.update(dict(rest.items()))

    def _read_header(self, path: Path) -> Dataset:
        if self._may_be_deflated():
            meta = read_file_meta_info(path)
            if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
                return self._read_deflated(meta)
        header = dcmread(self._file, stop_before_pixels=True, defer_size=_DEFER_BYTES)
        implicit, little = header.original_encoding
        self._encoding = bool(implicit), little is not False
        return header

    def _may_be_deflated(self) -> bool:
        """Whether the File Meta Information has that transfer syntax's UID anywhere, or is too long to be looked at.

        pydicom would inflate the whole file at once, whatever comes of it.
        """
        start = self._file.read(_META_BYTES)
        self._file.seek(0)
        is_long = start[132:140] != _GROUP_LENGTH or int.from_bytes(start[140:144], "little") > _META_BYTES - 144
        return is_long or DeflatedExplicitVRLittleEndian.encode() in start

    def _read_deflated(self, meta: FileMetaDataset) -> Dataset:
        """Inflate as much as a header may need (PS3.5 A.5); from here on the file is a plain one in memory."""
        self._file.seek(132 + 12 + int(meta.FileMetaInformationGroupLength))  # PS3.10 7.1
        self._deflated = _inflated(self._file.read())
        self._file.close()
        self._file = BytesIO()
        self._inflate(_HEADER_BYTES)
        self._encoding = False, True
        header = read_dataset(self._file, False, True, stop_when=_at_pixels)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.file_meta = meta
        return header

    def _inflate(self, end: int) -> None:
        """Inflate up to `end`, and no more than one chunk beyond; nothing for a plain file."""
        here = self._file.tell()
        at = self._file.seek(0, 2)
        while at < end and (chunk := next(self._deflated, b"")):
            at += self._file.write(chunk)
        self._file.seek(here)


def _inflated(deflated: bytes) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflater.eof and (chunk := inflater.decompress(deflated, _CHUNK)):
        yield chunk
        deflated = inflater.unconsumed_tail


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag in PIXEL_KEYWORDS


def _after_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
    return bool(tag > 0x7FE00010)
