"""The program as it is installed on a site's machine, by `deploy/install.sh` from a wheelhouse, in two versions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.deployment.wheelhouse import ROOT, house

PLUGINS = ("chest-radiograph", "brain-tumour-mr", "ct-contrast-phase", "skin-lesion")


class Machine:
    """Args: folder: for both wheelhouses and what is installed; config: of the node."""

    def __init__(self, folder: Path, config: Path) -> None:
        self._folder, self._config, self._prefix = folder, config, folder / "opt"
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def python(self) -> Path:
        """Of the version that is current."""
        return self._prefix / "current" / "bin" / "python"

    @property
    def version(self) -> str:
        """The one that is current."""
        return (self._prefix / "current").readlink().name.partition("-")[0]

    def install(self) -> None:
        """The first version."""
        self._run("install", str(house(self._folder / "1.0", "1.0", plugins=PLUGINS)), str(self._prefix))

    def upgrade(self) -> str:
        """To the second one; the node must not run. What the script says."""
        newer = house(self._folder / "1.1", "1.1", plugins=PLUGINS)
        return self._run("upgrade", str(newer), str(self._prefix), str(self._config))

    def _run(self, *words: str) -> str:
        environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": "", "PIP_NO_INDEX": "1"}
        command = [str(ROOT / "deploy" / "install.sh"), *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
        if done.returncode:
            raise OSError(f"install.sh {words[0]} ended with {done.returncode}: {done.stderr[-500:]}")
        return done.stdout
