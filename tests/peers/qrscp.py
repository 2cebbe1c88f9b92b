"""DCMTK's image archive, which checks and indexes what it stores."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.peers import processes
from tests.peers.dcmtk import answers
from tests.peers.ports import free_port
from tests.peers.processes import end
from tests.peers.programs import system_program
from tests.peers.waiting import until


class RealDcmqrscp:
    """A running dcmqrscp. Args: folder: for its configuration and storage; knows: AE title -> port, for C-MOVE."""

    def __init__(self, folder: Path, ae_title: str = "ARCHIVE", knows: Mapping[str, int] | None = None) -> None:
        self.folder, self.ae_title, self.port = folder, ae_title, free_port()
        self._knows = dict(knows or {})
        (folder / "storage").mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        path = self.folder / "dcmqrscp.cfg"
        path.write_text(self._settings(), encoding="utf-8")
        command = [system_program("dcmqrscp"), "-c", str(path), str(self.port)]
        with (self.folder / "dcmqrscp.log").open("ab") as log:
            self._process = processes.start(command, stdout=log, stderr=log)
        until(lambda: answers(self.port, self.ae_title), f"dcmqrscp answers, see {self.folder}/dcmqrscp.log")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end(self._process)

    def files(self) -> list[Path]:
        """What it stored."""
        return sorted(path for path in (self.folder / "storage").iterdir() if path.name != "index.dat")

    def destination(self, name: str = "archive", **changes: object) -> dict[str, object]:
        """As it stands in the node's configuration."""
        found = {"name": name, "kind": "dicom", "ae_title": self.ae_title, "port": self.port, "timeout_seconds": 10}
        return {**found, **changes}

    def _settings(self) -> str:
        storage = self.folder / "storage"
        hosts = "".join(f"{title.lower()} = ({title}, 127.0.0.1, {port})\n" for title, port in self._knows.items())
        return (
            f"NetworkTCPPort = {self.port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
            f"HostTable BEGIN\n{hosts}HostTable END\nVendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\n{self.ae_title} {storage} RW (100, 1024mb) ANY\nAETable END\n"
        )
