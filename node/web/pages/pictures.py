"""Heatmaps of ours as PNG: read only when they are what was made, and never decoded, since they are not compressed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import structlog
from pydicom import Dataset, dcmread

from node.errors import PermanentError, where
from node.ledger import Ledger
from node.spool import Spool

log = structlog.get_logger()

#: Pixels of a picture at most, and of one in a list across.
_MOST_PIXELS, _SMALL = 1 << 24, 320
_SC = "1.2.840.10008.5.1.4.1.1.7"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


@dataclass(frozen=True)
class Heatmap:
    """What is known of a heatmap. `words`: what it shows, its Derivation Description (0008,2111)."""

    sop_instance_uid: str
    words: str


def heatmaps(ledger: Ledger, spool: Spool, analysis: int) -> Iterator[Heatmap]:
    """Those of an analysis that are still here."""
    for result in ledger.analyses.results(analysis):
        if (
            result.sop_class_uid == _SC
            and (words := _words(spool.path(result.path), result.sop_instance_uid)) is not None
        ):
            yield Heatmap(result.sop_instance_uid, words)


def _words(path: Path, sop_instance_uid: str) -> str | None:
    """What it shows; None: it is not here any more, or damaged, and the page shows the rest."""
    try:
        ds = dcmread(path, stop_before_pixels=True, specific_tags=["DerivationDescription"])
        return str(ds.get("DerivationDescription", ""))
    except FileNotFoundError:
        return None
    except Exception as error:  # an edge: whatever a damaged header makes pydicom raise
        log.warning("heatmap cannot be read", sop_instance_uid=sop_instance_uid, error=where(error))
        return None


def png(ledger: Ledger, spool: Spool, sop_instance_uid: str, *, small: bool) -> bytes:
    """A heatmap as PNG; raises :class:`~node.errors.PermanentError` when there is none, or it is not what was made."""
    row = ledger.overview.result(sop_instance_uid)
    if row is None or row.sop_class_uid != _SC:
        raise PermanentError("there is no such heatmap", about=sop_instance_uid)
    try:
        data = spool.path(row.path).read_bytes()
    except OSError as error:
        raise PermanentError("the heatmap is not here any more", about=sop_instance_uid) from error
    if row.sha256 and sha256(data).hexdigest() != row.sha256:
        raise PermanentError("the heatmap was changed after it was made", about=sop_instance_uid)
    return _png(dcmread(BytesIO(data)), small=small)


def _png(ds: Dataset, *, small: bool) -> bytes:
    from PIL import Image

    size = int(ds.Columns), int(ds.Rows)
    plain = ds.file_meta.TransferSyntaxUID == _EXPLICIT_LITTLE and ds.PhotometricInterpretation == "RGB"
    if not plain or not 0 < size[0] * size[1] <= _MOST_PIXELS or len(ds.PixelData) < 3 * size[0] * size[1]:
        raise PermanentError("the heatmap is none of ours", about=str(ds.SOPInstanceUID))
    picture = Image.frombytes("RGB", size, ds.PixelData[: 3 * size[0] * size[1]])
    if small:
        picture.thumbnail((_SMALL, _SMALL), Image.Resampling.BOX)
    out = BytesIO()
    picture.save(out, "PNG", compress_level=3)
    return out.getvalue()
