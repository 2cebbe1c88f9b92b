"""Where the peers' programs are."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

_USUAL = ("/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin", "/sbin")


def missing(name: str, by: str = "make peers") -> NoReturn:
    """Skip the test with the reason; fail where every peer must be there. Args: by: the command that installs it."""
    reason = f"{name} is not installed (`{by}` installs it)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def system_path() -> str:
    """The system's folders first, this environment's not at all: pynetdicom installs commands of DCMTK's names."""
    own = {Path(sys.executable).parent, Path(sys.prefix) / "bin"}
    folders = [*_USUAL, *os.environ.get("PATH", "").split(os.pathsep)]
    return os.pathsep.join(folder for folder in dict.fromkeys(folders) if folder and Path(folder) not in own)


def system_program(name: str) -> str:
    """A program of the system: DCMTK's, Orthanc, java."""
    return shutil.which(name, path=system_path()) or missing(name)


def own_program(name: str) -> str:
    """A program of this environment, such as dciodvfy; otherwise one of the system."""
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    return beside or shutil.which(name, path=system_path()) or missing(name)
