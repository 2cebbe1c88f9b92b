"""fsync(2) that goes on while its caller does something else."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

#: The beginning of struct aiocb (aio.h) on Linux with 64 bits: descriptor, operation, priority, buffer, length, and
#: of its sigevent value, signal and way of notification. What follows is zero, or the C library's.
_REQUEST = struct.Struct("@iiiPNPii")
_LENGTH = 256  # no C library's is longer, bytes
_SIGEV_NONE = 1
#: aio_fsync(3): a thread of the C library's own, which Python's lock does not keep from starting, calls fsync(2). What
#: returns at once keeps the lock; what waits gives it back.
_at_once, _waits = ctypes.PyDLL(None), ctypes.CDLL(None)
_is_known = sys.platform == "linux" and struct.calcsize("P") == 8
_aio_fsync = getattr(_at_once, "aio_fsync", None) if _is_known else None


class Sync:
    """The sync of an open file, or folder, under way; where the C library cannot, it is done at once.

    Args:
        descriptor: stays open until :meth:`error` has been asked.
    """

    def __init__(self, descriptor: int) -> None:
        self._error: OSError | None = None
        self._request = ctypes.create_string_buffer(_LENGTH)
        _REQUEST.pack_into(self._request, 0, descriptor, 0, 0, 0, 0, 0, 0, _SIGEV_NONE)
        self._is_under_way = _aio_fsync is not None and _aio_fsync(os.O_SYNC, self._request) == 0
        if not self._is_under_way:  # no such thing here, or no more threads
            try:
                os.fsync(descriptor)
            except OSError as error:
                self._error = error

    def error(self) -> OSError | None:
        """Waits until it is done: why it failed, or None."""
        if self._is_under_way:
            while (number := _at_once.aio_error(self._request)) == errno.EINPROGRESS:
                _waits.aio_suspend((ctypes.c_void_p * 1)(ctypes.addressof(self._request)), 1, None)
            _at_once.aio_return(self._request)
            self._is_under_way = False
            if number:
                self._error = OSError(number, os.strerror(number))
        return self._error
