"""How a worker's memory comes from the system: what was freed is used again, not given back after every image.

A film of 9 megapixels is some ten arrays of 36 MB on its way. By default the C library takes each of them from the
system anew, page by page, which was a third of the time of the whole analysis: 188 instead of 277 ms of processor time.
"""

from __future__ import annotations

import ctypes

#: Larger arrays still come from the system, and go back as soon as they are freed.
_LARGEST_BYTES = 128 << 20
#: So much free memory at most is kept.
_KEPT_BYTES = 512 << 20
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h


def reuse_freed() -> bool:
    """Ask the C library for it, before much is allocated; False where it knows no such wish (it is not glibc)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES) and mallopt(_TRIM_THRESHOLD, _KEPT_BYTES))
