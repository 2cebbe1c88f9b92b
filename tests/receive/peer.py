"""A peer that sends exactly what it is told, right or wrong."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Sequence
from types import TracebackType

from tests.receive.material import DX, EXPLICIT, IMPLICIT, VERIFICATION

P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = 4, 5, 6, 7

Proposal = tuple[str, Sequence[str]]
FILMS: tuple[Proposal, ...] = ((VERIFICATION, (IMPLICIT,)), (DX, (EXPLICIT,)))


def pdu(kind: int, body: bytes, length: int | None = None) -> bytes:
    return struct.pack(">BxL", kind, len(body) if length is None else length) + body


def sub_item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def role(uid: str, scu: int, scp: int) -> bytes:
    return sub_item(0x54, struct.pack(">H", len(uid)) + uid.encode() + bytes((scu, scp)))


def associate(
    proposals: Sequence[Proposal] = FILMS,
    *,
    called: bytes = b"RADNODE",
    calling: bytes = b"SENDER",
    longest_pdu: int = 16384,
    version: int = 1,
    application: str = "1.2.840.10008.3.1.1.1",
    user_items: bytes = b"",
) -> bytes:
    """An A-ASSOCIATE-RQ; presentation context ids are 1, 3, 5 ..."""
    body = struct.pack(">Hxx", version) + called.ljust(16) + calling.ljust(16) + b"\0" * 32
    body += sub_item(0x10, application.encode())
    for number, (abstract, syntaxes) in enumerate(proposals):
        context = bytes((2 * number + 1, 0, 0, 0)) + sub_item(0x30, abstract.encode())
        body += sub_item(0x20, context + b"".join(sub_item(0x40, syntax.encode()) for syntax in syntaxes))
    user = sub_item(0x51, struct.pack(">L", longest_pdu)) + sub_item(0x52, b"1.2.3.99") + user_items
    return pdu(1, body + sub_item(0x50, user))


def fragment(context_id: int, data: bytes, *, command: bool = False, last: bool = True) -> bytes:
    return struct.pack(">LBB", len(data) + 2, context_id, command | last << 1) + data


def command_set(field: int, sop_class: str = "", instance: str | None = None, *, dataset: bool = False) -> bytes:
    priority = [(0x0700, struct.pack("<H", 0))] if field == 1 else []  # PS3.7 9.3.1.1: DCMTK refuses a C-STORE without
    body = b"".join(
        struct.pack("<HHL", 0, number, len(value)) + value
        for number, value in (
            (0x0002, _even(sop_class)),
            (0x0100, struct.pack("<H", field)),
            (0x0110, struct.pack("<H", 5)),
            *priority,
            (0x0800, struct.pack("<H", 1 if dataset else 0x0101)),
        )
    )
    if instance is not None:
        body += struct.pack("<HHL", 0, 0x1000, len(_even(instance))) + _even(instance)
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def _even(text: str) -> bytes:
    raw = text.encode()
    return raw + b"\0" * (len(raw) % 2)


def store_command(instance: str = "1.2.3.4", sop_class: str = DX, context_id: int = 3) -> bytes:
    return pdu(P_DATA, fragment(context_id, command_set(1, sop_class, instance, dataset=True), command=True))


def parse_command(data: bytes) -> dict[int, bytes]:
    found, offset = {}, 0
    while offset < len(data):
        _, number, length = struct.unpack_from("<HHL", data, offset)
        found[number] = data[offset + 8 : offset + 8 + length]
        offset += 8 + length
    return found


def accepted_contexts(body: bytes) -> set[int]:
    """Ids of the presentation contexts that an A-ASSOCIATE-AC accepts (PS3.8 9.3.3.2)."""
    found, offset = set(), 68
    while offset + 8 <= len(body):
        kind, length = struct.unpack_from(">BxH", body, offset)
        if kind == 0x21 and body[offset + 6] == 0:
            found.add(body[offset + 4])
        offset += 4 + length
    return found


class Peer:
    """A connection to the receiver. As a context manager it is closed at the end, without release."""

    def __init__(
        self, port: int, timeout: float = 30.0, tls: ssl.SSLContext | None = None, source: str = "127.0.0.1"
    ) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname="127.0.0.1")
        self.accepted: set[int] = set()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self) -> tuple[int, bytes]:
        """Type and body of the next PDU; type 0 when the connection is over."""
        head = self._exactly(6)
        if len(head) < 6:
            return 0, b""
        kind, length = struct.unpack(">BxL", head)
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = b""
        try:
            while len(data) < count and (piece := self.sock.recv(count - len(data))):
                data += piece
        except ConnectionResetError:
            return b""
        return data

    def associate(
        self, proposals: Sequence[Proposal] = FILMS, longest_pdu: int = 16384, calling: bytes = b"SENDER"
    ) -> Peer:
        self.send(associate(proposals, longest_pdu=longest_pdu, calling=calling))
        kind, body = self.read()
        assert kind == 2, (kind, body)
        self.accepted = accepted_contexts(body)
        return self

    def answer(self) -> dict[int, bytes]:
        """The command set of the next answer, from however many fragments."""
        data, last = b"", False
        while not last:
            kind, body = self.read()
            assert kind == P_DATA, (kind, body)
            data, last = data + body[6:], bool(body[5] & 2)
        return parse_command(data)

    def status(self) -> int:
        return int(struct.unpack("<H", self.answer()[0x0900])[0])

    def echo(self) -> int:
        self.send(pdu(P_DATA, fragment(1, command_set(0x30, VERIFICATION), command=True)))
        return self.status()

    def store(self, dataset: bytes, instance: str = "1.2.3.4", sop_class: str = DX, piece: int = 16000) -> int:
        """Send it in fragments of that many bytes; the status."""
        self.send(store_command(instance, sop_class))
        for start in range(0, len(dataset) or 1, piece):
            last = start + piece >= len(dataset)
            self.send(pdu(P_DATA, fragment(3, dataset[start : start + piece], last=last)))
        return self.status()

    def release(self) -> int:
        self.send(pdu(RELEASE_RQ, b"\0" * 4))
        return self.read()[0]

    def is_cut(self, seconds: float) -> bool:
        """Whether the other side ends the connection within that time, after an A-ABORT or without."""
        self.sock.settimeout(0.05)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if not self.sock.recv(65536):
                    return True
            except TimeoutError:
                continue
            except ConnectionError:
                return True
        return False
