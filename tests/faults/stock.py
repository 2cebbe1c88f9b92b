"""pynetdicom's own storage SCP, as it is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.peers import processes, until
from tests.peers.dcmtk import answers
from tests.peers.ports import free_port
from tests.peers.processes import end


class StockStorescp:
    """A running `python -m pynetdicom storescp`. Args: folder: what it is given lies there."""

    def __init__(self, folder: Path, ae_title: str = "STORESCP") -> None:
        self.folder, self.ae_title, self.port = folder, ae_title, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end(self._process, 2)

    def start(self) -> None:
        """Listen."""
        command = [sys.executable, "-m", "pynetdicom", "storescp", "-q", "-od", str(self.folder), str(self.port)]
        self._process = processes.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: answers(self.port, self.ae_title), f"pynetdicom answers on port {self.port}")
