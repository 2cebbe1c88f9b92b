"""A RIS that sends signed reports: HL7 messages over MLLP, as bytes on a socket."""

from __future__ import annotations

import itertools
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

START, END = b"\x0b", b"\x1c\r"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Report:
    """What a report says; of an ORU^R01 with one order."""

    text: str = "No pneumonia."
    study: str = ""
    accession: str = "ACC1"
    patient: str = "PID1"
    status: str = "F"
    line_status: str = ""
    control_id: str = ""
    version: str = "2.5.1"
    charset: str = ""
    told_at: str = ""
    application: str = "RIS"
    kind: str = "TX"
    code: str = "18748-4^Report^LN"
    sent_at: str = "20260101120000"

    def message(self, encoding: str = "utf-8") -> bytes:
        """Without a frame."""
        number = self.control_id or f"M{next(_numbers)}"
        lines = [
            f"MSH|^~\\&|{self.application}|HOSPITAL|RADNODE||{self.sent_at}||ORU^R01^ORU_R01|{number}|P|{self.version}"
            f"||||||{self.charset}",
            f"PID|1||{self.patient}^^^HOSPITAL^MR||Canary^Nobody||19500101|F",
            f"OBR|1|PL-{self.accession}|{self.accession}|XR^Chest film||||||||||||||{self.accession}||||{self.told_at}"
            f"|||{self.status}|||||||&Reader&Canary",
            f"OBX|1|{self.kind}|{self.code}||{self.text}||||||{self.line_status or self.status}",
        ]
        if self.study:
            lines.append(f"ZDS|{self.study}^^Application^DICOM")
        return "\r".join([*lines, ""]).encode(encoding)


def document(
    text: str,
    *,
    accession: str = "ACC1",
    event: str = "T02",
    completion: str = "AU",
    number: str = "D1",
    parent: str = "",
    told_at: str = "20260101",
    study: str = "",
) -> bytes:
    """An MDM message."""
    lines = [
        f"MSH|^~\\&|DICTATION|HOSPITAL|RADNODE||20260101120000||MDM^{event}^MDM_T02|M{next(_numbers)}|P|2.5",
        f"EVN|{event}|20260101120000",
        "PID|1||PID1^^^HOSPITAL^MR||Canary^Nobody",
        "PV1|1|O",
        f"TXA|1|DI|TX|{told_at}115500||||||||{number}|{parent}||{accession}||{completion}",
        f"OBX|1|TX|18748-4^Report^LN||{text}||||||F",
        *([f"ZDS|{study}^^Application^DICOM"] if study else []),
    ]
    return "\r".join([*lines, ""]).encode()


def framed(*messages: bytes) -> bytes:
    return b"".join(START + one + END for one in messages)


class Ris:
    """A connection to a node. As a context manager it is closed at the end."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, seconds: float = 20) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> list[list[str]]:
        """The segments of the next acknowledgement, split into fields; none when the connection ended."""
        while END not in self._read:
            if not (piece := self.socket.recv(65536)):
                return []
            self._read += piece
        block, _, self._read = self._read.partition(END)
        assert block.startswith(START)
        return [line.split("|") for line in block[1:].decode("ascii").split("\r") if line]

    def send(self, message: bytes) -> list[list[str]]:
        self.write(framed(message))
        return self.answer()


def code(answer: Sequence[Sequence[str]]) -> str:
    """MSA-1."""
    return next(line[1] for line in answer if line[0] == "MSA")
