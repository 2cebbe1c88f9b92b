"""A raw peer with a seed: PDUs that are mutated or misshapen, and what the other side makes of them."""

from __future__ import annotations

import random
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Mapping

from tests.receive.material import DX, IMPLICIT, VERIFICATION, film
from tests.receive.peer import P_DATA, RELEASE_RQ, Peer, associate, command_set, fragment, pdu, store_command, sub_item

Rng = random.Random
Maker = Callable[[Rng], bytes]

#: A C-ECHO that takes longer counts as not served, seconds.
PROMPT = 1.0
ECHO_ONLY = ((VERIFICATION, (IMPLICIT,)),)
#: Lengths that break who believes them.
_LENGTHS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1")


def mutated(rng: Rng, data: bytes) -> bytes:
    """`data` with one to eight mutations; may be empty."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        if found:
            rng.choice(_MUTATIONS)(rng, found, rng.randrange(len(found)))
    return bytes(found)


def _flip(rng: Rng, data: bytearray, place: int) -> None:
    data[place] ^= 1 << rng.randrange(8)


def _extreme(rng: Rng, data: bytearray, place: int) -> None:
    data[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))


def _shorten(rng: Rng, data: bytearray, place: int) -> None:
    del data[place : place + rng.randint(1, 32)]


def _insert(rng: Rng, data: bytearray, place: int) -> None:
    data[place:place] = rng.randbytes(rng.randint(1, 64))


def _lengthen(rng: Rng, data: bytearray, place: int) -> None:
    data[place : place + 4] = rng.choice(_LENGTHS)


def _repeat(rng: Rng, data: bytearray, place: int) -> None:
    data[place:place] = data[place : place + rng.randint(1, 64)]


def _end(_: Rng, data: bytearray, place: int) -> None:
    del data[place:]


_MUTATIONS = (_flip, _extreme, _shorten, _insert, _lengthen, _repeat, _end)

#: What comes first on a connection: no request, or one that is framed well and wrong otherwise.
REQUESTS: Mapping[str, Maker] = {
    "mutated request": lambda rng: mutated(rng, associate()),
    "random bytes": lambda rng: rng.randbytes(rng.choice((1, 5, 6, 74, 500, 5000))),
    "HTTP": lambda _: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": lambda rng: bytes.fromhex("16030100520100004e0303") + rng.randbytes(78),
    "zeros": lambda _: bytes(1000),
    "no context": lambda _: associate(()),
    "127 contexts": lambda _: associate(((VERIFICATION, (IMPLICIT,)),) * 127),
    "ids that wrap": lambda _: _with_contexts(300),
    "200 transfer syntaxes": lambda _: associate(((VERIFICATION, (IMPLICIT,) * 200),)),
    "no transfer syntax": lambda _: associate(((VERIFICATION, ()),)),
    "a UID of 400": lambda _: associate((("9" * 400, (IMPLICIT,)),)),
    "a path as UID": lambda _: associate((("../../etc/passwd\0\n", (IMPLICIT,)),)),
    "binary AE titles": lambda rng: associate(called=rng.randbytes(16), calling=rng.randbytes(16)),
    "blank AE titles": lambda _: associate(called=b" ", calling=b" "),
    "odd longest PDU": lambda rng: associate(longest_pdu=rng.choice((0, 1, 7, 0xFFFFFFFF))),
    "other version": lambda rng: associate(version=rng.choice((0, 2, 0xFFFF))),
    "bad user identity": lambda rng: associate(user_items=sub_item(0x58, bytes((rng.randrange(9), 1, 255, 255, 120)))),
    "500 roles": lambda _: associate(
        user_items=sub_item(0x54, struct.pack(">H", 17) + VERIFICATION.encode() + b"\1\1") * 500
    ),
    "short asynchronous window": lambda _: associate(user_items=sub_item(0x53, b"\xff")),
}

#: What comes once the association is accepted.
MESSAGES: Mapping[str, Maker] = {
    "unknown context": lambda _: pdu(P_DATA, fragment(99, _store(), command=True)),
    "fragment of 0": lambda _: pdu(P_DATA, struct.pack(">LBB", 0, 3, 3) + _store()),
    "fragment of 4 GiB": lambda _: pdu(P_DATA, struct.pack(">LBB", 0xFFFFFFFF, 3, 3) + _store()),
    "dataset first": lambda _: pdu(P_DATA, fragment(3, film())),
    "empty P-DATA": lambda _: pdu(P_DATA, b""),
    "unknown PDU": lambda rng: pdu(rng.choice((0, 8, 9, 0x7F, 0xFF)), rng.randbytes(20)),
    "second request": lambda _: associate(),
    "an accept": lambda rng: pdu(2, rng.randbytes(80)),
    "wrong group length": lambda _: pdu(
        P_DATA, fragment(3, struct.pack("<HHLL", 0, 0, 4, 0xFFFFFFF0) + _store()[12:], command=True)
    ),
    "odd command field": lambda rng: pdu(
        P_DATA,
        fragment(
            3, command_set(rng.choice((0, 2, 0x22, 0x150, 0x8001, 0xFFFF)), DX, "1.2", dataset=True), command=True
        ),
    ),
    "UID of 5,000": lambda _: pdu(P_DATA, fragment(3, command_set(1, DX, "9" * 5000, dataset=True), command=True)),
    "command twice": lambda _: store_command() * 2,
    "mutated dataset": lambda rng: store_command() + pdu(P_DATA, fragment(3, mutated(rng, film()))),
    "short release": lambda _: pdu(RELEASE_RQ, b""),
    "2,000 empty fragments": lambda _: store_command() + pdu(P_DATA, fragment(3, b"", last=False) * 2000),
    "mutated store": lambda rng: mutated(rng, store_command() + pdu(P_DATA, fragment(3, film()))),
}


def _store() -> bytes:
    return command_set(1, DX, "1.2.3.4", dataset=True)


def _with_contexts(count: int) -> bytes:
    """A request with more presentation contexts than there are ids."""
    whole = associate(ECHO_ONLY)
    start = whole.index(b"\x20\0")
    end = start + 4 + struct.unpack_from(">H", whole, start + 2)[0]
    return pdu(1, whole[6:start] + whole[start:end] * count + whole[end:])


def case(rng: Rng) -> tuple[bytes, bytes]:
    """What to send at once, and what once the association is accepted; the latter may be empty."""
    if rng.random() < 0.5:
        return rng.choice(list(REQUESTS.values()))(rng), b""
    message = rng.choice(list(MESSAGES.values()))(rng)
    return associate(), mutated(rng, message) if rng.random() < 0.5 else message


def talk(port: int, first: bytes, then: bytes = b"", seconds: float = 0.1) -> str:
    """Send it; how the other side took it: `rejected`, `aborted`, `closed`, `answered` or `silent`."""
    try:
        with Peer(port, timeout=3) as peer:
            peer.send(first)
            return _taken(peer.sock, then, seconds)
    except OSError:
        return "closed"


def _taken(sock: socket.socket, then: bytes, seconds: float) -> str:
    end, seen = time.monotonic() + seconds, "silent"
    while select.select([sock], [], [], max(0.0, end - time.monotonic()))[0]:
        data = sock.recv(65536)
        if not data:
            return "closed" if seen == "silent" else seen
        if data[0] == 2 and then:
            sock.sendall(then)
            then = b""
            continue
        seen = {3: "rejected", 7: "aborted"}.get(data[0], "answered")
        if seen != "answered":
            break
    return seen


def echo_seconds(port: int, limit: float = 5.0, tls: ssl.SSLContext | None = None) -> float | None:
    """How long one C-ECHO takes, its association included; None: it is not answered within `limit`."""
    began = time.monotonic()
    try:
        with Peer(port, timeout=limit, tls=tls) as peer:
            status = peer.associate(ECHO_ONLY).echo()
            peer.release()
    except (OSError, AssertionError, KeyError, struct.error):
        return None
    taken = time.monotonic() - began
    return taken if status == 0 and taken <= limit else None


def told_seconds(took: float | None) -> str:
    """In words: `12 ms`."""
    return "not answered" if took is None else f"{took * 1000:.0f} ms"
