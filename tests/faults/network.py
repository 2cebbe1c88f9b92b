"""Faults 23 to 26: peers that break off, lie about lengths, or never end."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable

from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.rawpeer import PROMPT, case, echo_seconds, talk, told_seconds
from tests.faults.target import Footprint, Outcome, Target, asked, receiver, side_by_side
from tests.peers import until
from tests.receive.material import element, film
from tests.receive.peer import ABORT, P_DATA, RELEASE_RQ, Peer, associate, fragment, pdu, store_command

MB = 1 << 20


def broken_off(scene: Scene) -> Seen:
    """23: C-STOREs that end inside the dataset."""
    count = scene.times(100, 20)

    def attack(target: Target) -> Outcome:
        rng = random.Random(23)
        _break_off(target.port, rng)  # what the first one opens for good, such as the ledger, is no leak
        before = target.footprint()
        for _ in range(count):
            with contextlib.suppress(OSError, AssertionError):
                _break_off(target.port, rng)
        after = _settled(target, lambda now: not target.kept() and now.descriptors <= before.descriptors + 2)
        partial, more = len(target.kept()), after.descriptors - before.descriptors
        figure = f"{count} broken off: partial files {partial}, descriptors {more:+d}, {_echo(target)}"
        return Outcome(partial == 0 and more <= 2 and _is_prompt(target), figure)

    return side_by_side(scene, attack)


def _break_off(port: int, rng: random.Random) -> None:
    body = pdu(P_DATA, fragment(3, film() + rng.randbytes(5000)))
    with Peer(port, timeout=5) as peer:
        peer.associate()
        peer.send(store_command("1.2.3.4") + body[: rng.randrange(1, len(body))])
        way = rng.choice(("close", "abort", "reset", "release"))
        if way == "abort":
            peer.send(pdu(ABORT, bytes(4)))
        elif way == "release":
            peer.send(pdu(RELEASE_RQ, bytes(4)))
        elif way == "reset":
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def mutations(scene: Scene) -> Seen:
    """24: PDUs that are mutated or misshapen, from seeds 1, 2 and 3; peers from the first alone."""
    seconds = scene.times(10, 4)
    node = receiver(scene.node())
    seen = [_mutate(node, seed, seconds) for seed in ((1,) if scene.short else (1, 2, 3))]
    figure = "; ".join(outcome.figure for outcome in seen)
    peers = {} if scene.short else asked(scene, lambda target: _mutate(target, 1, seconds).figure)
    return Seen(all(outcome.withstood for outcome in seen), figure, peers)


def _mutate(target: Target, seed: int, seconds: float) -> Outcome:
    before, rng, end = target.footprint(), random.Random(seed), time.monotonic() + seconds
    cases, echoes, lost = 0, 0, 0
    while time.monotonic() < end:
        first, then = case(rng)
        talk(target.port, first, then, 0.05)
        cases += 1
        if cases % 25 == 0:
            echoes, lost = echoes + 1, lost + (echo_seconds(target.port) is None)
    after = _settled(target, lambda now: now.threads <= before.threads + 2)
    more, grown = after.threads - before.threads, after.rss - before.rss
    figure = f"seed {seed}: {cases} cases, C-ECHO lost {lost} of {echoes}, threads {more:+d}, {grown:+.0f} MB"
    return Outcome(echoes > 0 and lost == 0 and more <= 2 and grown < 64, figure)


def giants(scene: Scene) -> Seen:
    """25: PDUs that announce up to 4 GiB, of which much really comes."""
    most = scene.times(128, 32) * MB

    def attack(target: Target) -> Outcome:
        before = target.footprint()
        sent = max(_send_giant(target.port, accepted, most) for accepted in (False, True))
        peak = target.footprint().rss
        for length in (1 << 30, 0x7FFFFFFF, 200 * MB):
            talk(target.port, pdu(1, bytes(2000), length), seconds=0.2)
            talk(target.port, associate(), pdu(P_DATA, bytes(4000), length), seconds=0.2)
        grown = max(peak, target.footprint().rss) - before.rss
        taken = "all" if sent >= most else "cut off"
        figure = f"{taken} after {sent / MB:.1f} of {most / MB:.0f} MB, {grown:+.0f} MB, {_echo(target)}"
        return Outcome(sent < 4 * MB and grown < 64 and _is_prompt(target), figure)

    return side_by_side(scene, attack)


def _send_giant(port: int, accepted: bool, most: int) -> int:
    """Bytes that were sent of a PDU of 4 GiB before the other side ended it."""
    with Peer(port, timeout=5) as peer:
        if accepted:
            peer.associate()
            peer.send(pdu(P_DATA, struct.pack(">LBB", 0xFFFFFFF0, 3, 0), 0xFFFFFFFF))
        else:
            peer.send(pdu(1, b"\0\1\0\0", 0xFFFFFFFF))
        block = bytes(65536)
        for sent in range(0, most, len(block)):
            try:
                peer.send(block)
            except OSError:
                return sent
    return most


def endless(scene: Scene) -> Seen:
    """26: a C-STORE whose dataset never ends; peers, that have no such limit, are given up after 256 MB."""
    limit = scene.times(1024, 64)
    seen = _never_end(receiver(scene.node(receive={"max_object_mb": limit})), 2 * limit)
    status, sent, peak = seen
    figure = f"answered {status} after {sent} of at most {limit} MB, peak {peak:.0f} MB"
    passed = status == "A700" and limit <= sent <= limit + 16 and peak < 100  # what sockets hold counts as sent

    def attack(target: Target) -> str:
        status, sent, peak = _never_end(target, 256)
        return f"{status} after {sent} MB, peak {peak:.0f} MB"

    return Seen(passed, figure, {} if scene.short else asked(scene, attack))


def _never_end(target: Target, most: int) -> tuple[str, int, float]:
    """How it ended, MB that were sent, and the most resident memory meanwhile, MB."""
    head = film({0x7FE00010: None}) + element(0x7FE00010, "OW", b"", length=0xFFFFFFFE)
    block, sent, peak, cut = pdu(P_DATA, fragment(3, bytes(16000), last=False)) * 64, 0, 0.0, False
    with Peer(target.port, timeout=10) as peer:
        peer.associate().send(store_command() + pdu(P_DATA, fragment(3, head, last=False)))
        try:
            for number in range(most):
                peer.send(block)
                sent += len(block)
                peak = peak if number % 8 else max(peak, target.footprint().rss)
        except OSError:
            cut = True
        peak = max(peak, target.footprint().rss)
        peer.sock.settimeout(1)
        try:
            return f"{peer.status():04X}", sent // MB, peak
        except (OSError, AssertionError):
            return "cut off" if cut else "still taking it", sent // MB, peak


def _settled(target: Target, condition: Callable[[Footprint], bool]) -> Footprint:
    """What it holds once the condition is true, or after 8 s."""
    with contextlib.suppress(AssertionError):
        until(lambda: condition(target.footprint()), "it settles", 8, 0.1)
    return target.footprint()


def _is_prompt(target: Target) -> bool:
    took = echo_seconds(target.port, 5)
    return took is not None and took < PROMPT


def _echo(target: Target) -> str:
    return f"C-ECHO then {told_seconds(echo_seconds(target.port, 5))}"


NETWORK = (
    Fault(
        23,
        "cut inside a dataset",
        "100 C-STOREs that end by close, abort, reset or release",
        "0 partial files, descriptors back to ±2, C-ECHO < 1 s",
        broken_off,
    ),
    Fault(
        24,
        "mutated and misshapen PDUs",
        "10 s from each of 3 seeds, a C-ECHO after every 25",
        "every C-ECHO answered, threads ±2, < +64 MB",
        mutations,
    ),
    Fault(
        25,
        "PDUs that announce 4 GiB",
        "before and after the association; 128 MB really sent",
        "cut off before 4 MB, < +64 MB",
        giants,
        quick=True,
    ),
    Fault(
        26,
        "a dataset that never ends",
        "one C-STORE until it is refused; the node's limit is set to 1 GiB, peers are given up after 256 MB",
        "A700 at the limit, peak < 100 MB",
        endless,
    ),
)
