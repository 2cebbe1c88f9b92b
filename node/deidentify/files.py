"""Files of a study become files without a patient: whole or not there, under names that say nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from node import logs
from node.deidentify.dataset import Deidentifier, blanked
from node.deidentify.reason import LeftOut
from node.errors import PermanentError, RadnodeError, where
from node.spool import write_once

#: Without these nobody can tell where it belongs.
_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


@dataclass(frozen=True)
class Exported:
    """What became of an object. `path` is empty when it was left out, and `reason` says why."""

    sop_instance_uid: str
    new_uid: str = ""
    path: str = ""
    reason: str = ""
    study_instance_uid: str = ""
    new_study_uid: str = ""
    pseudonym: str = ""


class Export:
    """Copies of one study into a folder. Args: target: made if need be; deidentifier: makes the copies."""

    def __init__(self, target: Path, deidentifier: Deidentifier) -> None:
        self._target, self._deidentifier = target, deidentifier
        self._clean: set[str] = set()
        self._swept: set[Path] = set()

    def write(self, files: Iterable[tuple[Path, bool]]) -> Iterator[Exported]:
        """Write copies as `<study>/<object>.dcm`; what is there already is written again, the same.

        Args:
            files: (path, whether it is a result of this node); images before the results that were made of them, since
                a picture of an image with text in its pixels shows that text.

        Raises:
            PermanentError: nothing can be written there; what was written by then is whole.
        """
        for path, is_ours in files:
            with logs.pydicom_silent():
                made = self._copy(path, is_ours)
            yield made

    def _copy(self, path: Path, is_ours: bool) -> Exported:
        uid = path.stem
        try:
            ds = dcmread(path)
            uid = str(ds.get("SOPInstanceUID", uid))
            for keyword in _NEEDED:
                if not ds.get(keyword):
                    raise LeftOut(f"it has no {keyword}")
            if is_ours:
                self._refuse_picture(ds)
            copy = self._deidentifier.apply(ds, is_ours=is_ours)
            data = BytesIO()
            copy.save_as(data, enforce_file_format=True)  # the preamble is made anew: 128 zeros
        except LeftOut as error:
            return Exported(uid, reason=str(error))
        except FileNotFoundError:
            return Exported(uid, reason="its file is not in the spool any more (storage.keep_days)")
        except Exception as error:  # an edge: an object that pydicom cannot read or write is left out, others are not
            return Exported(uid, reason=f"it cannot be read as DICOM: {where(error)}")
        if not is_ours and not blanked(copy):
            self._clean.add(uid)
        return self._kept(ds, copy, data.getvalue())

    def _refuse_picture(self, ds: Dataset) -> None:
        """A picture of ours shows its source as it was."""
        sources = {str(one.get("ReferencedSOPInstanceUID", "")) for one in ds.get("SourceImageSequence") or ()}
        if "PixelData" in ds and str(ds.get("Modality", "")) == "OT" and not (sources and sources <= self._clean):
            raise LeftOut("it shows an image that may bear a patient's name, or that is not exported")

    def _kept(self, ds: Dataset, copy: Dataset, data: bytes) -> Exported:
        place = self._target / str(copy.StudyInstanceUID) / f"{copy.SOPInstanceUID}.dcm"
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._sweep(place.parent)
            write_once(place, data)
        except (OSError, RadnodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error.what
            hint = "is --out a folder that you may write, and is there room? Then give the command again"
            raise PermanentError(f"it cannot be written: {why}", about=str(place), hint=hint) from error
        return Exported(
            str(ds.SOPInstanceUID),
            str(copy.SOPInstanceUID),
            str(place.relative_to(self._target)),
            study_instance_uid=str(ds.StudyInstanceUID),
            new_study_uid=str(copy.StudyInstanceUID),
            pseudonym=str(copy.PatientID),
        )

    def _sweep(self, folder: Path) -> None:
        """Remove, once, what an export that was killed left half-written."""
        if folder not in self._swept:
            self._swept.add(folder)
            for part in folder.glob(".*.part"):
                part.unlink(missing_ok=True)
