"""kill -9, of everything or of one process, at the worst of moments."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

from pydicom.dataset import Dataset

from tests.faults.answers import Tally, settled
from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.evil_pacs import STORE_THEN_ABORT, EvilPacs, every
from tests.faults.killed_peers import durability
from tests.faults.modality import Modality, send_until_taken
from tests.peers import RealStorescp, RunningNode, install_plugin, until

#: Kills in the whole campaign of rows 1 and 2 together; each of them does half.
_KILLS = int(os.environ.get("RADNODE_FAULT_KILLS", "40"))
ROUTE = {"name": "everything", "plugin": "brightness", "destinations": ["storescp"]}


def films(scene: Scene) -> Callable[[int], list[Dataset]]:
    """Study number -> its one film."""
    return lambda number: [scene.hospital.image(number)]


def node_and_archive(scene: Scene) -> tuple[RunningNode, RealStorescp]:
    """A node that sends what `brightness` says of everything to an archive."""
    plugin = install_plugin(scene.folder / "plugins")
    archive = scene.enter(RealStorescp(scene.folder / "archive"))
    return scene.node(destinations=[archive.destination()], routes=[ROUTE], python_path=[plugin]), archive


def _at_random(draw: random.Random, _: Modality) -> None:
    time.sleep(draw.uniform(0.0, 1.5))


def _after_acknowledgement(draw: random.Random, modality: Modality) -> None:
    time.sleep(draw.uniform(0.0, 0.5))
    modality.await_acknowledgement()
    time.sleep(draw.uniform(0.0, 0.03))


def _kill(scene: Scene, moment: Callable[[random.Random, Modality], None], seed: int) -> tuple[int, Tally]:
    """Kill all of the node again and again while two modalities send: how often, and what came of it."""
    node, archive = node_and_archive(scene)
    draw, kills = random.Random(seed), scene.times(_KILLS // 2, 4)
    with Modality(node.port, films(scene), pause=0.15) as modality:
        for _ in range(kills):
            moment(draw, modality)
            node.kill("group")
            node.restart()
    return kills, settled(modality.acknowledged, archive.objects, 120)


def killed_at_random(scene: Scene) -> Seen:
    kills, found = _kill(scene, _at_random, 1)
    return Seen(found.once and found.acknowledged > kills, f"{kills} kills: {found}")


def killed_after_acknowledgement(scene: Scene) -> Seen:
    kills, found = _kill(scene, _after_acknowledgement, 2)
    figure = f"{kills} kills: {found}"
    return Seen(found.once and found.acknowledged >= kills, figure, {} if scene.short else durability(scene))


#: What is killed -> the process that holds it; the sender of results is a thread of the main process.
_ALONE = {"worker": "worker", "receiver": "receiver", "sender": "main"}


def killed_alone(scene: Scene) -> Seen:
    node, archive = node_and_archive(scene)
    node.await_worker()
    slowest = dict.fromkeys(_ALONE, 0.0)
    with Modality(node.port, films(scene), pause=0.3) as modality:
        for name, kind in list(_ALONE.items()) * scene.times(3, 1):
            modality.await_acknowledgement(more=3)
            slowest[name] = max(slowest[name], _back_after(node, kind))
    found = settled(modality.acknowledged, archive.objects, 120)
    shown = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest.items())
    return Seen(found.once and max(slowest.values()) < 5, f"again at work after: {shown}; {found}")


def _back_after(node: RunningNode, kind: str) -> float:
    """Kill that process; seconds until another does its work."""
    node.kill(kind)
    begun = time.monotonic()
    if kind == "main":
        node.restart()
    until(lambda: node.pids(kind), f"another {kind} runs", pause=0.01)
    if kind == "receiver":
        node.restart()  # waits until it answers
    seconds = time.monotonic() - begun
    if kind != "receiver":
        node.await_worker()  # not part of it: models are loaded
    return seconds


def stored_then_aborted(scene: Scene) -> Seen:
    """The archive has it and the node does not know: by an abort, and by a kill before the node has noted it."""
    plugin = install_plugin(scene.folder / "plugins")
    pacs = scene.enter(EvilPacs(every(3, STORE_THEN_ABORT)))
    node = scene.node(destinations=[pacs.destination("storescp")], routes=[ROUTE], python_path=[plugin])
    draw, kills, studies = random.Random(4), scene.times(6, 1), scene.times(40, 9)
    images = [scene.hospital.image(number) for number in range(1, studies + 1)]
    part = studies // (kills + 1)
    for number in range(kills + 1):
        send_until_taken(node.port, images[number * part : (number + 1) * part if number < kills else None])
        if number < kills:
            pacs.stored.clear()
            assert pacs.stored.wait(60), "the archive stores something"
            time.sleep(draw.uniform(0.0, 0.004))
            node.kill("main")
            node.restart()
    uids = [str(ds.SOPInstanceUID) for ds in images]
    found = settled(uids, pacs.objects, 120)
    twice = sum(count > 1 for count in pacs.times_kept().values())
    aborted = pacs.answers[STORE_THEN_ABORT]
    figure = f"{aborted} aborts and {kills} kills after the object was stored: {found}; {twice} objects sent again"
    return Seen(found.once and aborted > 0 and twice > 0, figure)


FAULTS = (
    Fault(
        1,
        "kill -9 at random while receiving",
        "kill -9 of all processes 0-1.5 s after each start, while two modalities send; RADNODE_FAULT_KILLS: how often",
        "lost 0, doubled 0",
        killed_at_random,
    ),
    Fault(
        2,
        "kill -9 just after an acknowledgement",
        "the same, 0-30 ms after an object was answered Success",
        "lost 0, doubled 0; peers: every object that was acknowledged is on disk, whole",
        killed_after_acknowledgement,
    ),
    Fault(
        3,
        "kill -9 of one process alone",
        "kill -9 of worker, receiver, main process (which sends results) in turn",
        "its work goes on within 5 s; lost 0, doubled 0",
        killed_alone,
    ),
    Fault(
        4,
        "killed between the archive's success and our own commit",
        "an archive stores every third object and then aborts; kill -9 0-4 ms after the archive has stored",
        "distinct results per image and kind: 1",
        stored_then_aborted,
    ),
)
