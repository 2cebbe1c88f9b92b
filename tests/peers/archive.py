"""What an archive holds, and whether it is valid."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pydicom

from node.study import MANUFACTURER
from tests.peers.programs import own_program, system_program

_SR_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True)
class StoredObject:
    """An object as an archive holds it. `sources`: every SOP Instance UID it refers to."""

    path: Path
    dataset: pydicom.Dataset

    @property
    def uid(self) -> str:
        """SOP Instance UID."""
        return str(self.dataset.SOPInstanceUID)

    @property
    def study(self) -> str:
        """Study Instance UID."""
        return str(self.dataset.StudyInstanceUID)

    @property
    def kind(self) -> str:
        """`sr`, `sc` or `image`."""
        sop_class = str(self.dataset.SOPClassUID)
        if sop_class.startswith(_SR_CLASSES):
            return "sr"
        return "sc" if sop_class == _SECONDARY_CAPTURE else "image"

    @property
    def is_result(self) -> bool:
        """Whether the node made it."""
        return str(self.dataset.get("Manufacturer", "")).casefold() == MANUFACTURER

    def says(self, text: str) -> bool:
        """Whether a text value has these words in it."""
        return any(text in str(element.value) for element in self.dataset.iterall() if element.VR != "SQ")

    @property
    def sources(self) -> set[str]:
        """Every Referenced SOP Instance UID in it."""
        return {str(element.value) for element in self.dataset.iterall() if element.tag == 0x00081155}


def folder_objects(folder: Path) -> list[StoredObject]:
    """Every whole object in a folder and below it; what a peer is writing just now is left out."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
            found.append(StoredObject(path, dataset if "SOPInstanceUID" in dataset else pydicom.Dataset()))
        except (OSError, EOFError, pydicom.errors.InvalidDicomError):
            continue
    return [one for one in found if "SOPInstanceUID" in one.dataset]


#: What dsrdump may warn of: code extension is legal (PS3.3 C.12.1.1.2), it only checks and decodes fewer sets; and that
#: DCMTK has no check for a template says nothing of the object.
DSRDUMP_ALLOWED = re.compile(r"Specific ?Character ?Set|template constraints not yet supported")


def validate(path: Path) -> list[str]:
    """What dciodvfy and, for a report, dsrdump complain of."""
    checked = subprocess.run([own_program("dciodvfy"), "-new", str(path)], capture_output=True, text=True, check=False)
    bad = [line for line in (checked.stdout + checked.stderr).splitlines() if re.match(r"^Error", line)]
    if StoredObject(path, pydicom.dcmread(path, stop_before_pixels=True)).kind == "sr":
        read = subprocess.run([system_program("dsrdump"), str(path)], capture_output=True, text=True, check=False)
        said = [line for line in read.stderr.splitlines() if line.startswith(("E:", "W:"))]
        bad += [line for line in said if not DSRDUMP_ALLOWED.search(line)]
        bad += [] if read.returncode == 0 else [f"dsrdump ended with {read.returncode}"]
    return bad
