"""Lossless JPEG, lossy JPEG of 12 bits (through GDCM) and JPEG-LS (through CharLS), in a process of their own.

Nothing else here decodes them. Over a damaged frame GDCM ends its whole process (a C++ exception leaves it), and CharLS
may never return; a broken image must cost no more than itself. The process starts with the first such frame, serves all
further ones, and is started anew when it has ended.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydicom.uid import UID, JPEGLossless, JPEGLosslessSV1, JPEGLSTransferSyntaxes

from node.assemble.declaration import Declaration
from node.errors import DecodeError

_EXTENDED = UID("1.2.840.10008.1.2.4.51")
#: With more than 8 bits: Extended, and the retired progressive ones (spectral selection, full progression).
_LOSSY = {_EXTENDED, UID("1.2.840.10008.1.2.4.53"), UID("1.2.840.10008.1.2.4.55")}
_LOSSLESS = {JPEGLossless, JPEGLosslessSV1, *JPEGLSTransferSyntaxes}
#: Time that a frame may take: far more than any takes that is whole.
_SECONDS, _SECONDS_PER_MIB = 10.0, 1.0
_PROGRAM = Path(__file__).with_name("jpeg_process.py")


def needs_process(declared: Declaration) -> bool:
    """Whether frames of that declaration are decoded here."""
    transfer_syntax_uid = declared.transfer_syntax_uid
    return transfer_syntax_uid in _LOSSLESS or (transfer_syntax_uid in _LOSSY and declared.bits_stored > 8)


def decode_jpeg(encoded_frames: Iterable[bytes], declared: Declaration) -> Iterator[bytes]:
    """Decode frames to cells, little endian, colour by pixel; a sign is not extended.

    Raises:
        DecodeError: a frame is damaged.
    """
    for encoded in encoded_frames:
        decoded = _DECODER.decode(encoded, declared)
        if len(decoded) != declared.frame_bytes:
            raise DecodeError("its JPEG pixel data is damaged", hint="send the object again")
        yield decoded


class _Decoder:
    """The process, while it runs. One frame at a time; a fork of this process gets its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def decode(self, encoded: bytes, declared: Declaration) -> bytes:
        """The decoded frame; empty when its codec refused it, ended over it or did not come to an end."""
        with self._lock:
            process = self._running()
            limit = threading.Timer(_SECONDS + _SECONDS_PER_MIB * declared.frame_bytes / (1 << 20), process.kill)
            limit.start()
            try:
                return _exchange(process, _request(encoded, declared), encoded)
            except BrokenPipeError:
                return b""
            finally:
                limit.cancel()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None and self._owner == os.getpid():
            process.kill()
            process.communicate()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            self.close()
            command = [sys.executable, "-I", str(_PROGRAM)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._owner = os.getpid()
        return self._process


def _exchange(process: subprocess.Popen[bytes], request: bytes, encoded: bytes) -> bytes:
    requests, answers = process.stdin, process.stdout
    if requests is None or answers is None:
        raise OSError("the decoder's process has no pipes")
    requests.write(request)
    requests.write(encoded)
    requests.flush()
    length = answers.read(8)
    if len(length) < 8:
        process.wait()  # it has ended over this frame
        return b""
    return answers.read(int.from_bytes(length, "little"))


def _request(encoded: bytes, declared: Declaration) -> bytes:
    syntax = _EXTENDED if declared.transfer_syntax_uid in _LOSSY else declared.transfer_syntax_uid
    request = {
        "bytes": len(encoded),
        "rows": declared.rows,
        "columns": declared.columns,
        "samples": declared.samples,
        "bits_allocated": declared.bits_allocated,
        "bits_stored": declared.bits_stored,
        "signed": int(declared.signed),
        "photometric": declared.photometric,
        "jpeg_ls": syntax in JPEGLSTransferSyntaxes,
        "transfer_syntax": str(syntax),  # of the progressive ones the frame itself tells the rest
    }
    return json.dumps(request).encode() + b"\n"


_DECODER = _Decoder()  # the one thing that outlives a call: starting it for each object would cost more than decoding
atexit.register(_DECODER.close)
