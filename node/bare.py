"""A process that takes bytes from strangers and decodes none: imported before anything else, it keeps codecs out.

pydicom would load every native codec it finds, next to what strangers write to. (rich is what structlog would load.)
Together they are 30 MB as well.
"""

from __future__ import annotations

import logging
import sys
import warnings

for _name in ("PIL", "gdcm", "jpeg_ls", "openjpeg", "rle", "libjpeg", "pylibjpeg", "rich"):
    sys.modules[_name] = None  # type: ignore[assignment]  # the documented way to make an import fail


def silence_libraries() -> None:
    """Their messages quote what peers sent; ours say the same without."""
    warnings.simplefilter("ignore")
    for library in ("pydicom", "pynetdicom"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
