"""Files of a study become files without a patient: whole or not there, under names that say nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from node.deidentify.dataset import Deidentifier
from node.deidentify.reason import LeftOut
from node.errors import PermanentError, RadnodeError, where
from node.spool import write_once


@dataclass(frozen=True)
class Exported:
    """What became of an object. `path` is empty when it was left out, and `reason` says why."""

    sop_instance_uid: str
    new_uid: str = ""
    path: str = ""
    reason: str = ""


def export(files: Iterable[tuple[Path, bool]], target: Path, deidentifier: Deidentifier) -> list[Exported]:
    """Write copies as `<study>/<object>.dcm`; what is there already is written again, the same.

    Args:
        files: (path, whether it is a result of this node).
        target: folder; made if need be.
        deidentifier: makes the copies.
    """
    return [_export(path, is_ours, target, deidentifier) for path, is_ours in files]


def _export(path: Path, is_ours: bool, target: Path, deidentifier: Deidentifier) -> Exported:
    uid = path.stem
    try:
        ds = dcmread(path)
        uid = str(ds.get("SOPInstanceUID", uid))
        copy = deidentifier.apply(ds, is_ours=is_ours)
        stream = BytesIO()
        copy.save_as(stream, enforce_file_format=True)  # the preamble is made anew: 128 zeros
        place = target / str(copy.StudyInstanceUID) / f"{copy.SOPInstanceUID}.dcm"
        place.parent.mkdir(parents=True, exist_ok=True)
        write_once(place, stream.getvalue())
    except LeftOut as error:
        return Exported(uid, reason=str(error))
    except RadnodeError:
        raise
    except OSError as error:
        raise PermanentError(
            f"it cannot be read or written: {error.strerror}", about=str(error.filename or path)
        ) from error
    except Exception as error:  # an edge: an object that pydicom cannot read or write is left out, others are not
        return Exported(uid, reason=f"it cannot be read as DICOM: {where(error)}")
    return Exported(uid, str(copy.SOPInstanceUID), str(place.relative_to(target)))
