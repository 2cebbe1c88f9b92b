"""DCMTK: a sender, an archive, and compressors."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydicom.filereader import read_file_meta_info

from tests.peers import processes
from tests.peers.archive import StoredObject, folder_objects
from tests.peers.ports import free_port
from tests.peers.processes import end
from tests.peers.programs import system_program
from tests.peers.waiting import until

_SENDING = re.compile(r"I: Sending file: (.*)$")
_VERIFICATION = "1.2.840.10008.1.1"
_ANSWER = re.compile(r"Received Store Response \((?:Status: )?([^)]*)\)")
#: Transfer syntax of the files -> how storescu is told to propose it; it never changes the files itself.
_PROPOSE = {
    "1.2.840.10008.1.2": "--propose-implicit",
    "1.2.840.10008.1.2.1": "--propose-little",
    "1.2.840.10008.1.2.1.99": "--propose-deflated",
    "1.2.840.10008.1.2.2": "--propose-big",
    "1.2.840.10008.1.2.4.50": "--propose-jpeg8",
    "1.2.840.10008.1.2.4.51": "--propose-jpeg12",
    "1.2.840.10008.1.2.4.70": "--propose-lossless",
    "1.2.840.10008.1.2.4.80": "--propose-jls-lossless",
    "1.2.840.10008.1.2.4.81": "--propose-jls-lossy",
    "1.2.840.10008.1.2.4.90": "--propose-j2k-lossless",
    "1.2.840.10008.1.2.4.91": "--propose-j2k-lossy",
    "1.2.840.10008.1.2.5": "--propose-rle",
}


@dataclass(frozen=True)
class Acknowledged:
    """What storescu was told. `answers`: file -> DCMTK's name of the status, `Success` when it was taken."""

    exit_status: int
    answers: dict[Path, str]
    output: str

    @property
    def taken(self) -> list[Path]:
        """Files that were answered Success."""
        return [path for path, answer in self.answers.items() if answer == "Success"]


def storescu(
    port: int,
    paths: Sequence[Path],
    *,
    calling: str = "MODALITY",
    called: str = "RADNODE",
    options: Iterable[str] = (),
    seconds: float = 120,
) -> Acknowledged:
    """Send files in their own transfer syntaxes, one association for each."""
    by_syntax: dict[str, list[Path]] = {}
    for path in paths:
        by_syntax.setdefault(transfer_syntax(path), []).append(path)
    told = []
    for group in by_syntax.values():
        process = start_storescu(port, group, calling=calling, called=called, options=options)
        try:
            output, _ = process.communicate(timeout=seconds)
        finally:
            end(process, 1)
        told.append(acknowledged(process.returncode, output.decode(errors="replace")))
    answers = {path: answer for one in told for path, answer in one.answers.items()}
    return Acknowledged(max(one.exit_status for one in told), answers, "".join(one.output for one in told))


def start_storescu(
    port: int,
    paths: Sequence[Path],
    *,
    calling: str = "MODALITY",
    called: str = "RADNODE",
    options: Iterable[str] = (),
) -> subprocess.Popen[bytes]:
    """Begin to send files of one transfer syntax; read the answers with :func:`acknowledged`."""
    command = [system_program("storescu"), "-v", "-R", "-aet", calling, "-aec", called, *options]
    command += [_PROPOSE.get(transfer_syntax(paths[0]), "--propose-little"), "127.0.0.1", str(port), *map(str, paths)]
    return processes.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def transfer_syntax(path: Path) -> str:
    """Of a Part 10 file."""
    return str(read_file_meta_info(path).get("TransferSyntaxUID", ""))


def acknowledged(exit_status: int, output: str) -> Acknowledged:
    """What storescu's words mean."""
    answers: dict[Path, str] = {}
    current = None
    for line in output.splitlines():
        if sending := _SENDING.search(line):
            current = Path(sending[1])
        elif (answer := _ANSWER.search(line)) and current:
            answers[current] = answer[1]
    return Acknowledged(exit_status, answers, output)


def compress(program: str, source: Path, target: Path, *options: str) -> Path:
    """Compress a file with one of DCMTK's programs."""
    subprocess.run(
        [system_program(program), *options, str(source), str(target)], check=True, capture_output=True, timeout=60
    )
    return target


class RealStorescp:
    """DCMTK's storage SCP. It can be stopped and started again on its port.

    Args:
        folder: what it is given lies there.
        ae_title: its AE title.
        takes: SOP classes; it refuses presentation contexts of any other. Empty: it takes everything.
        tls: options for TLS, which it shows and asks for.
    """

    def __init__(
        self, folder: Path, ae_title: str = "STORESCP", takes: Sequence[str] = (), tls: Sequence[str] = ()
    ) -> None:
        self._tls = list(tls)
        self.folder, self.ae_title, self.port = folder, ae_title, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._negotiation = takes_only(folder.with_suffix(".cfg"), takes) if takes else ["-pm"]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen."""
        command = [
            system_program("storescp"),
            "-od",
            str(self.folder),
            "-aet",
            self.ae_title,
            "--fork",
            *self._negotiation,
            *self._tls,
            str(self.port),
        ]
        self._process = processes.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: answers(self.port, self.ae_title, options=self._tls), f"storescp answers on port {self.port}")

    def stop(self) -> None:
        """Be gone: connections are refused."""
        if self._process is not None:
            end(self._process, 2)
            self._process = None

    def destination(self, name: str = "storescp", **changes: object) -> dict[str, object]:
        """As it stands in the node's configuration."""
        found = {"name": name, "kind": "dicom", "ae_title": self.ae_title, "port": self.port, "timeout_seconds": 10}
        return {**found, **changes}

    def objects(self) -> list[StoredObject]:
        """What it was given."""
        return folder_objects(self.folder)


def takes_only(path: Path, sop_classes: Sequence[str]) -> list[str]:
    """Options with which storescp takes these SOP classes and Verification; the file they need is written."""
    contexts = [
        f"PresentationContext{number} = {uid}\\Plain" for number, uid in enumerate([_VERIFICATION, *sop_classes], 1)
    ]
    lines = [
        "[[TransferSyntaxes]]",
        "[Plain]",
        "TransferSyntax1 = LittleEndianExplicit",
        "TransferSyntax2 = LittleEndianImplicit",
        "[[PresentationContexts]]",
        "[Some]",
        *contexts,
        "[[Profiles]]",
        "[Some]",
        "PresentationContexts = Some",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return ["-xf", str(path), "Some"]


def answers(port: int, called: str, calling: str = "TEST", options: Iterable[str] = ()) -> bool:
    """Whether a peer answers C-ECHO. Args: options: of echoscu, such as those for TLS."""
    command = [system_program("echoscu"), "-to", "5", "-aet", calling, "-aec", called, *options, "127.0.0.1", str(port)]
    return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0
