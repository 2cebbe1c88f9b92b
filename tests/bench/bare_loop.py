"""The bare loop: what Python reaches on a machine with the least that makes an instance durable. No receiver to use.

A thread for each association. Of each instance the dataset is written to a file while it comes, the file is synced, one
row is committed (SQLite, WAL, synchronous FULL), then Success is said. What a node owes beside that is left out: the
folder is not synced, nothing is checked, limited, hashed, read or written down, and a peer that breaks a rule ends its
thread with an error.
"""

from __future__ import annotations

import itertools
import os
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydicom.uid import PYDICOM_IMPLEMENTATION_UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import PresentationContext

from tests.peers import processes, until
from tests.peers.dcmtk import answers
from tests.peers.ports import free_port
from tests.peers.processes import end

_BUFFER, _MAX_PDU = 1 << 20, 1 << 17
_ASSOCIATE_RQ, _P_DATA, _RELEASE_RQ = 1, 4, 5  # PS3.8 9.3.1
_RELEASE_RP = b"\6\0\0\0\0\4\0\0\0\0"
_PDU, _PDV, _ELEMENT, _US = struct.Struct(">BxL"), struct.Struct(">LBB"), struct.Struct("<HHL"), struct.Struct("<H")
_CLASS, _FIELD, _MESSAGE_ID, _RESPONDED = 0x0002, 0x0100, 0x0110, 0x0120  # PS3.7 E.1
_DATASET_TYPE, _STATUS, _INSTANCE = 0x0800, 0x0900, 0x1000
_C_STORE_RQ, _RESPONSE, _NO_DATASET = 1, 0x8000, 0x0101


class BareLoop:
    """It runs in a process of its own, as its rivals do. Args: folder: what it is given lies there, in `*.dataset`."""

    def __init__(self, folder: Path, ae_title: str = "BARELOOP") -> None:
        self.folder, self.ae_title, self.port = folder, ae_title, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = processes.start([sys.executable, "-m", __name__, str(self.folder), str(self.port)])
        until(lambda: answers(self.port, self.ae_title), f"the bare loop answers on port {self.port}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end(self._process, 2)


class _Rows:
    """One row for each instance, one commit for each row; threads wait for each other."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("CREATE TABLE instance (sop_instance_uid TEXT, file TEXT)")
        self._lock, self._numbers = threading.Lock(), itertools.count()

    def number(self) -> int:
        """That no other instance has."""
        return next(self._numbers)

    def add(self, sop_instance_uid: bytes, name: str) -> None:
        """Committed when it returns."""
        with self._lock:
            self._database.execute("INSERT INTO instance VALUES (?, ?)", (sop_instance_uid.decode(), name))


class _Association:
    """Of one peer, until it releases it or goes away. Args: sock: connected."""

    def __init__(self, sock: socket.socket, folder: Path, rows: _Rows) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock, self._folder, self._rows = sock, folder, rows
        self._buffer = memoryview(bytearray(_BUFFER))
        self._start = self._end = 0
        self._incoming = self._values()

    def run(self) -> None:
        """Answer what it asks."""
        command = bytearray()
        with self._sock:
            for context_id, control, data in self._incoming:
                command += data
                if control & 2:  # PS3.8 E.2: the last of the command
                    self._sock.sendall(self._answer(context_id, _elements(command)))
                    command.clear()

    def _answer(self, context_id: int, command: dict[int, bytes]) -> bytes:
        if command[_FIELD] == _US.pack(_C_STORE_RQ):
            self._store(command[_INSTANCE])
        return _response(context_id, command)

    def _store(self, sop_instance_uid: bytes) -> None:
        name = f"{self._rows.number()}.dataset"
        file = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        for _, control, data in self._incoming:
            os.write(file, data)
            if control & 2:
                break
        os.fsync(file)
        os.close(file)
        self._rows.add(sop_instance_uid.rstrip(b"\0"), name)

    def _values(self) -> Iterator[tuple[int, int, memoryview]]:
        """Presentation context, control byte and bytes of each presentation data value; valid until the next."""
        while (pdu := self._pdu()) is not None:
            while pdu:
                length, context_id, control = _PDV.unpack_from(pdu)
                yield context_id, control, pdu[_PDV.size : length + 4]
                pdu = pdu[length + 4 :]

    def _pdu(self) -> memoryview | None:
        """The next P-DATA; associations are agreed to on the way. None: the end."""
        while self._read(_PDU.size):
            kind, length = _PDU.unpack_from(self._buffer, self._start)
            if not self._read(_PDU.size + length):
                return None
            whole = self._buffer[self._start : self._start + _PDU.size + length]
            self._start += len(whole)
            if kind == _P_DATA:
                return whole[_PDU.size :]
            if kind == _ASSOCIATE_RQ:
                self._sock.sendall(_agreed(bytes(whole)))
            else:
                if kind == _RELEASE_RQ:
                    self._sock.sendall(_RELEASE_RP)
                return None
        return None

    def _read(self, count: int) -> bool:
        """Have so many bytes; False: no more will come."""
        while self._end - self._start < count:
            if self._start + count > _BUFFER or self._start == self._end:
                unread = bytes(self._buffer[self._start : self._end])
                self._buffer[: len(unread)] = unread
                self._start, self._end = 0, len(unread)
            got = self._sock.recv_into(self._buffer[self._end :])
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # for senders with Nagle's algorithm
            if not got:
                return False
            self._end += got
        return True


def _agreed(pdu: bytes) -> bytes:
    """The A-ASSOCIATE-AC: every context is accepted, with the first transfer syntax that is proposed."""
    request = A_ASSOCIATE_RQ()
    request.decode(pdu)
    primitive = request.to_primitive()
    primitive.result = 0
    primitive.presentation_context_definition_results_list = [
        _accepted(context) for context in primitive.presentation_context_definition_list
    ]
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = _MAX_PDU
    implementation.implementation_class_uid = PYDICOM_IMPLEMENTATION_UID
    primitive.user_information = [length, implementation]
    answer = A_ASSOCIATE_AC()
    answer.from_primitive(primitive)
    return bytes(answer.encode())


def _accepted(context: PresentationContext) -> PresentationContext:
    context.transfer_syntax, context.result = context.transfer_syntax[:1], 0
    return context


def _elements(command: bytearray) -> dict[int, bytes]:
    """Of a command set: element of group 0000 -> value."""
    found, at = {}, 0
    while at < len(command):
        _, element, length = _ELEMENT.unpack_from(command, at)
        at += _ELEMENT.size + length
        found[element] = bytes(command[at - length : at])
    return found


def _response(context_id: int, command: dict[int, bytes]) -> bytes:
    """Success, as P-DATA (PS3.7 9.3.1.2, 9.3.5.2)."""
    field = _US.unpack(command[_FIELD])[0] | _RESPONSE
    values = {_CLASS: command[_CLASS], _FIELD: _US.pack(field), _RESPONDED: command[_MESSAGE_ID]}
    values |= {_DATASET_TYPE: _US.pack(_NO_DATASET), _STATUS: _US.pack(0)}
    if _INSTANCE in command:
        values[_INSTANCE] = command[_INSTANCE]
    body = b"".join(_ELEMENT.pack(0, element, len(value)) + value for element, value in values.items())
    body = _ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body
    return _PDU.pack(_P_DATA, len(body) + _PDV.size) + _PDV.pack(len(body) + 2, context_id, 3) + body


def main() -> None:
    """`python -m tests.bench.bare_loop FOLDER PORT`: until it is ended."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    rows = _Rows(folder / "rows.db")
    with socket.create_server(("127.0.0.1", port), backlog=64) as listener:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=_Association(sock, folder, rows).run, daemon=True).start()


if __name__ == "__main__":
    main()
