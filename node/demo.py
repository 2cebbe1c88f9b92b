"""The demonstration: a node, an archive, real samples, and what came of them; all on this machine, in one folder.

The archive is this node's own receiver with a data folder of its own: it keeps what it gets, and
`radnode studies -c radnode-demo/archive.toml` lists it. An Orthanc takes its place when asked for.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from node import config, deliver
from node.errors import PermanentError, TemporaryError
from node.ledger import AnalysisRow, Ledger, StudyRow
from node.offline import write_png
from node.states import StudyState

_ENDED = (StudyState.CLOSED, StudyState.IGNORED, StudyState.QUARANTINED)

#: First line of a configuration of ours: a folder that has one may be emptied.
_MARK = "# Written by `radnode demo`."
_NODE = """\
# Written by `radnode demo`.
[node]
port = {port}
data_dir = "node"

[web]
enabled = true
port = {web_port}

[study]
quiet_seconds = {{ default = 3, CR = 1, DX = 1 }}

[[destinations]]
name = "archive"
kind = "dicom"
ae_title = "ARCHIVE"
port = {archive_port}
profile = "all"

[[routes]]
name = "chest films"
modality = ["CR", "DX"]
body_part = ["CHEST"]
accept_missing = true
plugin = "chest-radiograph"
destinations = ["archive"]

[[routes]]
name = "brain MR"
modality = ["MR"]
accept_missing = true
plugin = "brain-tumour-mr"
destinations = ["archive"]
"""
_ARCHIVE = '[node]\nae_title = "ARCHIVE"\nport = {port}\ndata_dir = "archive"\n'


@dataclass(frozen=True)
class Answer:
    """What the demonstration shows of one study. `objects`: that the archive is to get; `delivered`: that it got."""

    sample: str
    study: StudyRow
    analysis: AnalysisRow | None
    objects: int
    delivered: int
    seconds: float
    pictures: tuple[Path, ...]


class Demo:
    """Args: folder: emptied and used; orthanc: path of the program to be used as archive, if wanted."""

    def __init__(self, folder: Path, orthanc: str | None = None) -> None:
        self.folder, self._orthanc = folder, orthanc
        _empty(folder)
        self.port, self.archive_port, self.http_port, self.web_port = _free_ports(4)
        self.config_path = folder / "radnode.toml"
        self.config_path.write_text(
            _NODE.format(port=self.port, archive_port=self.archive_port, web_port=self.web_port)
        )
        (folder / "archive.toml").write_text(_ARCHIVE.format(port=self.archive_port))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Node and archive run inside; they are stopped at the end."""
        with contextlib.ExitStack() as stack:
            serve = [sys.executable, "-m", "node", "serve", "-c", str(self.config_path)]
            archive = stack.enter_context(self._process("archive", self._archive_command()))
            node = stack.enter_context(self._process("node", serve))
            for process, port, title in ((archive, self.archive_port, "ARCHIVE"), (node, self.port, "RADNODE")):
                self._await_echo(process, port, title)
            yield

    def send(self, samples: Sequence[Path], progress: Callable[[int], None]) -> None:
        """Send the samples to the node by C-STORE; raises :class:`PermanentError` when one was not taken."""
        node = config.Destination(name="node", kind="dicom", ae_title="RADNODE", port=self.port)
        for outcome in deliver.send_files(node, samples, "SAMPLES", progress=lambda outcome: progress(1)):
            if not outcome.delivered:
                about = outcome.outgoing.path.name
                raise PermanentError("the node did not take a sample", about=about, hint=outcome.reason)

    def await_studies(self, count: int, progress: Callable[[int], None], seconds: float = 240) -> None:
        """Wait until so many studies have ended."""
        ledger, done = Ledger(self.folder / "node" / "ledger.db"), 0
        end = time.monotonic() + seconds
        while done < count:
            ended = len(ledger.studies.latest(1000, _ENDED))
            progress(ended - done)
            done = ended
            if time.monotonic() > end:
                raise TemporaryError("the studies did not end in time", about=str(self.folder), hint="see node.log")
            time.sleep(0.1)

    def answers(self, names: dict[str, str]) -> list[Answer]:
        """What came of every study, with its pictures written as PNG. Args: names: Study Instance UID -> sample."""
        ledger = Ledger(self.folder / "node" / "ledger.db")
        found = [self._answer(ledger, study, names) for study in ledger.studies.latest(1000)]
        return sorted(found, key=lambda answer: answer.sample)

    def _answer(self, ledger: Ledger, study: StudyRow, names: dict[str, str]) -> Answer:
        uid = study.study_instance_uid
        analyses = ledger.analyses.of_study(uid)
        results = ledger.analyses.results(analyses[-1].id) if analyses else []
        captures = [result for result in results if result.kind == "sc"]
        sample = names.get(uid, uid)
        pictures = [
            write_png(self.folder / "node" / "spool" / capture.path, self.folder / f"{sample}-{number}.png")
            for number, capture in enumerate(captures, 1)
        ]
        deliveries = ledger.deliveries.of_study(uid)
        delivered = [d for d in deliveries if d.state == "DONE"]
        seconds = study.changed_at - study.last_at
        return Answer(
            sample, study, analyses[-1] if analyses else None, len(deliveries), len(delivered), seconds, tuple(pictures)
        )

    def _archive_command(self) -> list[str]:
        if self._orthanc is None:
            return [sys.executable, "-m", "node.receive", str(self.folder / "archive.toml")]
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(self._orthanc_settings()))
        return [self._orthanc, str(path)]

    def _orthanc_settings(self) -> dict[str, object]:
        storage = str(self.folder / "orthanc")
        return {
            "Name": "radnode demo",
            "StorageDirectory": storage,
            "IndexDirectory": storage,
            "DicomAet": "ARCHIVE",
            "DicomPort": self.archive_port,
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowStore": True,
            "Plugins": [],
        }

    def _await_echo(self, process: subprocess.Popen[bytes], port: int, title: str, seconds: float = 60) -> None:
        """Wait until the peer answers a C-ECHO."""
        peer = config.Destination(name="peer", kind="dicom", ae_title=title, port=port, timeout_seconds=5)
        end = time.monotonic() + seconds
        while True:
            try:
                return deliver.sender_for(peer, "RADNODE").echo()
            except (TemporaryError, PermanentError):
                if process.poll() is not None:
                    what = f"{title} ended with exit status {process.returncode}"
                    raise PermanentError(what, about=str(self.folder), hint="see the *.log in there") from None
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    @contextlib.contextmanager
    def _process(self, name: str, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()


def _empty(folder: Path) -> None:
    """Remove what an earlier demonstration left; nothing that is not one is ever removed."""
    config_path = folder / "radnode.toml"
    if folder.is_dir() and any(folder.iterdir()):
        if not (config_path.is_file() and config_path.read_text(errors="replace").startswith(_MARK)):
            hint = "name an empty folder, or one of an earlier demonstration"
            raise PermanentError("this folder holds something else, and would be emptied", about=str(folder), hint=hint)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def orthanc_program() -> str | None:
    """The installed Orthanc, if any."""
    return shutil.which("Orthanc")
