"""The validators that every object passes: dciodvfy, dsrdump, PixelMed's DicomSRValidator; and what they may say."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pydicom.dataset import Dataset

from node.report import part10
from tests.peers.archive import DSRDUMP_ALLOWED
from tests.peers.programs import missing, system_program
from tests.peers.programs import own_program as tool

PIXELMED = Path("/usr/share/java/pixelmed.jar")
#: Java compiles it by itself when it runs it, as the runtime without development tools does, too.
_VALIDATE = Path(__file__).with_name("Validate.java")
#: It says nothing else of an object that it does not know.
_COMPLETE = ("Root Template Validation Complete", "IOD validation complete")
_BETWEEN = "\f"  # before what is said of each file
_LIMITS = ("xpathExprOpLimit", "xpathExprGrpLimit", "xpathTotalOpLimit")

#: What dciodvfy may warn of, and the clause that permits it.
WARNINGS_ALLOWED = tuple(
    re.compile(pattern)
    for pattern in (
        r"DeviceUID",  # PS3.3 Table C.12-1: Device UID (0018,1002) in an item of Contributing Equipment, type 3
        r"Laterality.* is only permitted to be empty when actually unknown",  # PS3.3 C.7.3.1, type 2C: it is unknown
        r"CodingSchemeDesignator.*<99\w+>",  # PS3.3 8.2: 99 and a name is a private scheme, identified (C.12.1.1.8)
        r"BodyPartExamined.*Unrecognized defined term",  # PS3.5 6.3: Defined Terms may be extended
        r"needed to build DICOMDIR",  # PS3.3 C.7.2.1: Study ID, Date and Time are type 2, empty as in the source
    )
)

#: What PixelMed's validator of 2022 may say, and the clause that permits it.
PIXELMED_ALLOWED = tuple(
    re.compile(pattern)
    for pattern in (
        r"\(122405,DCM,.*not in template",  # PS3.16 TID 4019: Algorithm Manufacturer, a later row
        r"\(121052,DCM,.*not in template",  # PS3.16 TID 1410, TID 1501: extensible; the outcome as a qualitative value
        r"\(111049,DCM,.*not in template",  # PS3.16 TID 1501: extensible; a qualitative evaluation, of the change
        r"\(111050,DCM,.*not in template",  # PS3.16 TID 1410, TID 1501: extensible; quality of an image not assessed
        r"\(121106,DCM,.*not in template",  # PS3.16 TID 1500, TID 1501: extensible; why something was not assessed
        r"\(121111,DCM,.*not in template",  # PS3.16 TID 1500: extensible; the report in words
        # PS3.16 TID 1500: a group is of TID 1410, 1411 or 1501; once one has a region it holds all of them to TID 1410
        r"Template 1410 .*/\[Row [57]\] (SCOORD|IMAGE) .*Missing conditional content item",
        r"\(111012,DCM,.*Missing value",  # PS3.3 C.18.1: Measured Value Sequence is type 2, its absence qualified
    )
)


def save(ds: Dataset, folder: Path, name: str) -> Path:
    """The object as a Part 10 file."""
    path = folder / f"{name}.dcm"
    path.write_bytes(part10(ds))
    return path


def dciodvfy(path: Path) -> list[str]:
    """Errors, and warnings that are not allowed."""
    done = subprocess.run(
        [tool("dciodvfy"), "-new", str(path)], capture_output=True, text=True, errors="replace", check=False
    )
    lines = (done.stderr + done.stdout).splitlines()
    bad = [line for line in lines if re.match(r"\s*(Error|Warning)", line)]
    return [line for line in bad if not any(allowed.search(line) for allowed in WARNINGS_ALLOWED)]


def dsrdump(path: Path) -> list[str]:
    """What DCMTK's reader of Structured Reports complains of; its output when it fails."""
    done = subprocess.run(
        [system_program("dsrdump"), str(path)], capture_output=True, text=True, errors="replace", check=False
    )
    bad = [
        line for line in done.stderr.splitlines() if line.startswith(("E:", "W:")) and not DSRDUMP_ALLOWED.search(line)
    ]
    return bad or ([] if done.returncode == 0 else [done.stderr])


def pixelmed(paths: Sequence[Path]) -> dict[Path, list[str]]:
    """Path -> errors and warnings of PixelMed's validator that are not allowed; a path without any is left out.

    All files at once: it takes five seconds to start, and then less than one for a file.
    """
    if not PIXELMED.exists():
        missing(str(PIXELMED))
    # this collector takes three quarters of the time of the usual one, and the quick compiler half of that of both
    options = [
        "-XX:+UseParallelGC",
        "-XX:TieredStopAtLevel=1",
        "-Xmx1g",
        *(f"-Djdk.xml.{limit}=0" for limit in _LIMITS),
        "-cp",
        str(PIXELMED),
    ]
    command = [system_program("java"), *options, str(_VALIDATE), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stderr
    told = map(_complaints, done.stdout.split(_BETWEEN)[1:])
    return {path: lines for path, lines in zip(paths, told, strict=True) if lines}


def _complaints(output: str) -> list[str]:
    lines = [line for line in output.splitlines() if re.match(r"\s*(Error|Warning)", line)]
    if not all(words in output for words in _COMPLETE):
        lines.append(f"Error: not validated: {output}")
    return [line for line in lines if not any(allowed.search(line) for allowed in PIXELMED_ALLOWED)]
