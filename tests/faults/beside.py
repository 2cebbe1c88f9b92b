"""Faults 16 and 18: what an archive that is slow or dead does to everything beside it."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydicom.dataset import Dataset

from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.evil_pacs import EvilPacs
from tests.faults.modality import send
from tests.faults.pacs import films, made_at, node_for, rows_of, settled_rows
from tests.peers import RunningNode, until
from tests.peers.ports import free_port

#: The delay of one archive is not told from that of another below this, seconds: the node looks for work so often.
_NOISE_SECONDS = 0.2


def slow(scene: Scene) -> Seen:
    """Rounds on two nodes in turn; each begins when its node has made all results of the round before."""
    delay = 10.0
    fast_pacs, slow_pacs = scene.enter(EvilPacs()), scene.enter(EvilPacs(delay=delay))
    fast = node_for(scene, fast_pacs.destination())
    slow_one = node_for(scene, slow_pacs.destination(timeout_seconds=30))
    rates: dict[RunningNode, list[float]] = {fast: [], slow_one: []}
    number, ratio, least = 1, 0.0, scene.times(5, 3)
    while len(rates[slow_one]) < least or (ratio < 0.95 and len(rates[slow_one]) < 2 * least):
        for node in _in_turn(fast, slow_one, len(rates[slow_one])):
            images = _day(scene, number, scene.times(3, 1))
            number += 100
            rates[node].append(_rate(node, images))
        ratio = statistics.median(rates[slow_one]) / statistics.median(rates[fast])
    waiting = slow_one.ledger.deliveries.count_by_state().get(("pacs", "WAITING"), 0)
    figure = (
        f"{statistics.median(rates[slow_one]):.0f} images/s with, {statistics.median(rates[fast]):.0f} without "
        f"({ratio:.0%}; medians of {len(rates[fast])} rounds of {len(images)} images in turn), {waiting} results wait"
    )
    return Seen(ratio >= 0.95 and waiting > 0, figure)


def _day(scene: Scene, start: int, series: int) -> list[Dataset]:
    """Five films, and so many studies of 50 slices."""
    numbers = range(start + 5, start + 5 + series)
    slices = [scene.hospital.image(number, image=at, modality="CT") for number in numbers for at in range(1, 51)]
    return [*films(scene, start, 5), *slices]


def _in_turn(one: RunningNode, other: RunningNode, turn: int) -> tuple[RunningNode, RunningNode]:
    """Neither is always the first of a pair."""
    return (one, other) if turn % 2 else (other, one)


def _rate(node: RunningNode, images: Sequence[Dataset]) -> float:
    """Images a second over one association; returns when nothing of them is left to do but to deliver."""
    began = time.monotonic()
    statuses = send(node.port, images)
    seconds = time.monotonic() - began
    assert set(statuses) == {0}, f"answered with {set(statuses)}"
    studies = {str(ds.StudyInstanceUID) for ds in images}
    until(lambda: len(rows_of(node, images)) >= 2 * len(studies), "all results are made", 120, pause=0.2)
    return len(images) / seconds


def one_dead(scene: Scene) -> Seen:
    """Rounds on two nodes in turn: one destination alone, and the same beside one that is dead."""
    alone_pacs, beside_pacs = scene.enter(EvilPacs()), scene.enter(EvilPacs())
    dead = {"name": "dead", "kind": "dicom", "ae_title": "DEAD", "port": scene.enter(_silent()), "timeout_seconds": 5}
    alone = node_for(scene, alone_pacs.destination("alive"))
    beside = node_for(scene, beside_pacs.destination("alive"), dead)
    delays: dict[RunningNode, list[tuple[float, float]]] = {alone: [], beside: []}
    pacs = {alone: alone_pacs, beside: beside_pacs}
    number, count = 1, scene.times(10, 4)
    for turn in range(scene.times(4, 2)):
        for node in _in_turn(alone, beside, turn):
            images = films(scene, number, count)
            number += count
            delays[node] += _delays(node, pacs[node], images)
    failures = [e for e in beside.ledger.events.latest(10000) if e.action == "destination does not answer"]
    waiting = beside.ledger.deliveries.count_by_state().get(("dead", "WAITING"), 0)
    of_alone, of_beside = (tuple(zip(*delays[node], strict=True)) for node in (alone, beside))
    tails = [_p95(made) for _, made in (of_alone, of_beside)]
    whole = [statistics.median(image) for image, _ in (of_alone, of_beside)]
    figure = (
        f"p95 of {len(delays[beside])} results {tails[1]:.2f} s from made to archived beside it, {tails[0]:.2f} s "
        f"without; median from the image on {whole[1]:.2f} s and {whole[0]:.2f} s; {waiting} results wait for the dead"
    )
    unchanged = all(with_dead <= without * 1.1 + _NOISE_SECONDS for without, with_dead in (tails, whole))
    return Seen(unchanged and waiting == len(delays[beside]) and len(failures) == 1, figure)


def _delays(node: RunningNode, pacs: EvilPacs, images: Sequence[Dataset]) -> list[tuple[float, float]]:
    """Of each result: to the archive from the acknowledgement of its image, and since it was made, seconds."""
    sent = {}
    for ds in images:
        assert send(node.port, [ds]) == [0]
        sent[str(ds.StudyInstanceUID)] = time.time()
    rows = settled_rows(node, images, 90, "alive")
    at, made = pacs.kept_at(), {study: made_at(node, study) for study in sent}
    arrived = [(row.study_instance_uid, at[row.sop_instance_uid]) for row in rows]
    return [(when - sent[study], when - made[study]) for study, when in arrived]


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


@contextmanager
def _silent() -> Iterator[int]:
    """Its port: it takes connections and never says a word, which takes longer to find out than nobody there."""
    with socket.socket() as listener:
        port = free_port()
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        yield port


BESIDE = (
    Fault(
        16,
        "the archive is slow",
        "10 s for each object; images sent in turn to a node with it, and to one with an archive that is not slow",
        "receive rate >= 95 % of that without",
        slow,
    ),
    Fault(
        18,
        "one of two destinations is dead",
        "it takes connections and never answers; studies sent in turn to a node with it, and to one without",
        "p95 of the delivery to the other, and median from the image on, <= 110 % of those without; noise of 0.2 s",
        one_dead,
    ),
)
