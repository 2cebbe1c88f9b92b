"""Faults 27 and 28: peers that hold connections, or come all at once."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace

from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.rawpeer import ECHO_ONLY, PROMPT, echo_seconds, told_seconds
from tests.faults.target import Outcome, Target, receiver, side_by_side
from tests.receive.peer import Peer, associate

#: More than the node takes of connections that have not associated, and of associations; the node alone is asked.
_FLOODS = (("silent", 1200), ("idle", 520))


def holders(scene: Scene) -> Seen:
    """27: 200 connections that say nothing, drip, or associate and idle."""
    count, echoes = scene.times(200, 60), scene.times(4, 2)

    def attack(target: Target) -> Outcome:
        seen = {way: _hold(target, way, count, echoes) for way in ("silent", "dripping", "idle")}
        closed = _closed_after(target.port) if all(took is not None for took in seen.values()) else None
        told = [f"beside {count} {way} {told_seconds(took)}" for way, took in seen.items()]
        told += [f"silent closed after {closed:.0f} s"] if closed is not None else []
        served = all(took is not None and took < PROMPT for took in seen.values())
        return Outcome(served and closed is not None and closed <= 10, ", ".join(told))

    node = scene.node()
    floods = {(way, many): _hold(receiver(node), way, many, 2, "127.0.0.2") for way, many in _FLOODS}
    seen = side_by_side(scene, attack, node)
    told = [f"beside {many:,} {way} of another address {told_seconds(took)}" for (way, many), took in floods.items()]
    served = all(took is not None and took < PROMPT for took in floods.values())
    return replace(seen, passed=seen.passed and served, figure=", ".join((seen.figure, *told)))


def _hold(target: Target, way: str, count: int, echoes: int, source: str = "127.0.0.1") -> float | None:
    """The slowest C-ECHO meanwhile, seconds; None: one was not answered within 3."""
    request, held, worst = associate(ECHO_ONLY), list[Peer](), 0.0
    try:
        refused = 0
        while len(held) + refused < count and refused < 3:  # then its backlog is full, and each more takes as long
            try:
                held.append(Peer(target.port, timeout=0.5, source=source))
                held[-1].send(request if way == "idle" else b"")
            except OSError:
                refused += 1
        for second in range(echoes):
            if way == "dripping":
                _drip(held, request[second : second + 1])
            took = echo_seconds(target.port, 3)
            if took is None:
                return None
            worst = max(worst, took)
            time.sleep(0.5)
    finally:
        for peer in held:
            peer.sock.close()
    return worst


def _drip(held: list[Peer], byte: bytes) -> None:
    for peer in held:
        with contextlib.suppress(OSError):
            peer.send(byte)


def _closed_after(port: int) -> float | None:
    """Seconds until a silent connection is closed; None: not within 15."""
    began = time.monotonic()
    with Peer(port) as peer:
        return time.monotonic() - began if peer.is_cut(15) else None


def crowd(scene: Scene) -> Seen:
    """28: 200 associations at the same moment."""
    count = scene.times(200, 100)

    def attack(target: Target) -> Outcome:
        took = _all_at_once(target.port, count)
        if not took:
            return Outcome(False, f"0 of {count} answered")
        median, slow = took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]
        figure = f"{len(took)} of {count} answered, median {median:.2f} s, p99 {slow:.2f} s"
        return Outcome(len(took) == count and slow < 2, figure)

    return side_by_side(scene, attack)


def _all_at_once(port: int, count: int) -> list[float]:
    """How long each C-ECHO that was answered took, sorted."""
    gate, found = threading.Barrier(count), list[float]()

    def one() -> None:
        gate.wait(30)
        took = echo_seconds(port, 10)
        if took is not None:
            found.append(took)

    threads = [threading.Thread(target=one, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    return sorted(found)


CONNECTIONS = (
    Fault(
        27,
        "200 connections that are silent, drip, or idle",
        "held while C-ECHOs are sent; the node as well beside 1,200 and 520 of one other address",
        "every C-ECHO < 1 s, the silent closed within 10 s",
        holders,
    ),
    Fault(
        28,
        "200 associations at the same moment",
        "a C-ECHO on each",
        "200 answered, p99 < 2 s",
        crowd,
    ),
)
