"""A multipart/related body that is read from files as it is sent (PS3.18 8.6.1.2, RFC 2387)."""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence
from pathlib import Path


class Multipart:
    """A readable with a length, as requests streams it with Content-Length: some servers take no chunks.

    Args:
        paths: DICOM files, one part each. Raises OSError when one cannot be read.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.boundary = uuid.uuid4().hex
        head = f"--{self.boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        tail = f"--{self.boundary}--\r\n".encode()
        self._all: list[bytes | Path] = [piece for path in paths for piece in (head, path, b"\r\n")]
        self._all.append(tail)
        self._length = sum(_size(source) for source in self._all)
        self._stream: io.BufferedIOBase = io.BytesIO()
        self._sources = list(self._all)

    @property
    def content_type(self) -> str:
        """For the header of the request."""
        return f'multipart/related; type="application/dicom"; boundary={self.boundary}'

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next bytes, up to `size` of them; empty at the end."""
        while True:
            data = self._stream.read(size)
            if data or not self._sources:
                return data
            self._stream.close()
            self._stream = _open(self._sources.pop(0))

    def seek(self, position: int) -> None:
        """To be read once more. Args: position: 0, the beginning; there is no other."""
        if position:
            raise ValueError("a body is read from its beginning")
        self.close()
        self._stream, self._sources = io.BytesIO(), list(self._all)

    def close(self) -> None:
        """Close the file that is open."""
        self._stream.close()


def _size(source: bytes | Path) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _open(source: bytes | Path) -> io.BufferedIOBase:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
