"""The validators that every object passes: dciodvfy, dsrdump, PixelMed's DicomSRValidator; and what they may say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

PIXELMED = Path("/usr/share/java/pixelmed.jar")
_LIMITS = ("xpathExprOpLimit", "xpathExprGrpLimit", "xpathTotalOpLimit")

#: What dciodvfy may warn of: it does not know Device UID in an item of Contributing Equipment (PS3.3 C.12.1, Table
#: C.12-1: DeviceUID (0018,1002), type 3).
WARNINGS_ALLOWED = (re.compile(r"DeviceUID"),)

PIXELMED_ALLOWED: tuple[re.Pattern[str], ...] = ()


def tool(name: str) -> str:
    """Path of a program, beside this Python or on the PATH; without it the test is skipped, but never in CI."""
    found = shutil.which(name, path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
    if found is None:
        missing(name)
    return str(found)


def missing(name: str) -> None:
    """Skip, or fail where every tool must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")


def save(ds: Dataset, folder: Path, name: str) -> Path:
    """The object as a Part 10 file."""
    path = folder / f"{name}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def dciodvfy(path: Path) -> list[str]:
    """Errors, and warnings that are not allowed."""
    done = subprocess.run([tool("dciodvfy"), "-new", str(path)], capture_output=True, text=True, check=False)
    lines = (done.stderr + done.stdout).splitlines()
    bad = [line for line in lines if re.match(r"\s*(Error|Warning)", line)]
    return [line for line in bad if not any(allowed.search(line) for allowed in WARNINGS_ALLOWED)]


def dsrdump(path: Path) -> list[str]:
    """What DCMTK's reader of Structured Reports complains of; its output when it fails."""
    done = subprocess.run([tool("dsrdump"), str(path)], capture_output=True, text=True, check=False)
    bad = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))]
    return bad or ([] if done.returncode == 0 else [done.stderr])


def pixelmed(paths: list[Path]) -> list[str]:
    """Errors and warnings of PixelMed's validator that are not allowed."""
    if not PIXELMED.exists():
        missing(str(PIXELMED))
    options = [f"-Djdk.xml.{limit}=0" for limit in _LIMITS]
    bad = []
    for path in paths:
        command = [tool("java"), *options, "-cp", str(PIXELMED), "com.pixelmed.validate.DicomSRValidator", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if re.match(r"\s*(Error|Warning)", line)]
        if "IOD" not in done.stdout and not lines:
            bad.append(done.stdout + done.stderr)
        bad += [line for line in lines if not any(allowed.search(line) for allowed in PIXELMED_ALLOWED)]
    return bad
