"""A real Orthanc with a configuration of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import requests

from tests.peers import processes
from tests.peers.ports import free_port
from tests.peers.processes import end
from tests.peers.programs import system_program
from tests.peers.waiting import until

DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PYTHON_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancPython.so")

Answer = Any  # JSON's edge


class RealOrthanc:
    """Args: folder: for its storage; lua: scripts; python: a script; modalities: name -> [AE title, host, port].

    Each request has a connection of its own: Orthanc closes one that was idle for a second, and a request sent just
    then is lost. (Asked with `Connection: close` it drops the connection before it has read a body.)
    """

    def __init__(
        self,
        folder: Path,
        *,
        lua: Sequence[Path] = (),
        python: Path | None = None,
        modalities: dict[str, Sequence[object]] | None = None,
        ae_title: str = "ORTHANC",
    ) -> None:
        self.folder, self.ae_title = folder, ae_title
        self.port, self.http_port = free_port(), free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._lua, self._python, self._modalities = list(lua), python, dict(modalities or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def has_dicomweb(self) -> bool:
        """Whether it runs with its DICOMweb plugin."""
        return DICOMWEB_PLUGIN.exists()

    @property
    def url(self) -> str:
        """Of its REST API."""
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> None:
        """Run it until it answers."""
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(self._settings()), encoding="utf-8")
        with (self.folder / "orthanc.log").open("ab") as log:
            self._process = processes.start([system_program("Orthanc"), str(path)], stdout=log, stderr=log)
        until(self._answers, f"Orthanc answers, see {self.folder}/orthanc.log")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            end(self._process)
            self._process = None

    def get(self, path: str) -> Answer:
        """What the REST API answers."""
        answer = requests.get(f"{self.url}/{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: object) -> Answer:
        """What the REST API answers to a JSON body."""
        answer = requests.post(f"{self.url}/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def put(self, path: str, body: object) -> None:
        """PUT a JSON body, such as a modality."""
        requests.put(f"{self.url}/{path}", json=body, timeout=30).raise_for_status()

    def find(self, level: str, **query: str) -> list[Answer]:
        """`/tools/find`, expanded: all studies, series or instances with those tags."""
        return list(self.post("tools/find", {"Level": level, "Expand": True, "Query": query}))

    def results(self, study_instance_uid: str) -> list[Answer]:
        """The instances in the study that the node made, with their tags."""
        found = self.find("Instance", StudyInstanceUID=study_instance_uid)
        tagged = [one | {"Tags": self.get(f"instances/{one['ID']}/simplified-tags")} for one in found]
        return [one for one in tagged if one["Tags"].get("Manufacturer", "").casefold() == "radnode"]

    def download(self, instance: str, target: Path) -> Path:
        """The file of an instance."""
        answer = requests.get(f"{self.url}/instances/{instance}/file", timeout=30)
        answer.raise_for_status()
        target.write_bytes(answer.content)
        return target

    def upload(self, path: Path) -> Answer:
        """Give it a file over REST."""
        answer = requests.post(f"{self.url}/instances", data=path.read_bytes(), timeout=30)
        answer.raise_for_status()
        return answer.json()

    def destination(self, kind: str = "dicom", name: str = "orthanc", **changes: object) -> dict[str, object]:
        """As it stands in the node's configuration. Args: kind: dicom, orthanc or stow."""
        found: dict[str, object] = {"name": name, "kind": kind, "timeout_seconds": 10}
        if kind == "dicom":
            found |= {"ae_title": self.ae_title, "port": self.port}
        else:
            found |= {"url": self.url if kind == "orthanc" else f"{self.url}/dicom-web"}
        return {**found, **changes}

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"Orthanc ended, see {self.folder}/orthanc.log"
        try:
            return requests.get(f"{self.url}/system", timeout=5).ok
        except requests.ConnectionError:
            return False

    def _settings(self) -> dict[str, object]:
        plugins = [str(DICOMWEB_PLUGIN)] if self.has_dicomweb else []
        plugins += [str(PYTHON_PLUGIN)] if self._python else []
        return {
            **({"PythonScript": str(self._python)} if self._python else {}),
            "Name": "test",
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "DicomAet": self.ae_title,
            "DicomPort": self.port,
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomCheckCalledAet": False,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowEcho": True,
            "DicomModalities": self._modalities,
            "LuaScripts": [str(path) for path in self._lua],
            "StableAge": 1,
            "ConcurrentJobs": 2,
            "Plugins": plugins,
        }
