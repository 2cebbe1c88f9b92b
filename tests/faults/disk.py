"""What disks do: files that are torn, no room, no inodes, read-only, a ledger that somebody else holds."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from tests.faults.answers import settled
from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.full_peers import full_disks, no_inodes_and_read_only
from tests.faults.killing import ROUTE, films, node_and_archive
from tests.faults.modality import Modality, send, send_until_taken
from tests.faults.small_disk import SmallDisk
from tests.peers import RealStorescp, RunningNode, install_plugin, processes, until

_COMPARED = '"action": "spool and ledger compared"'
_A700 = 0xA700
#: Takes the lock of a ledger, says so, and keeps it.
_HOLDER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(3600)
"""


def torn(scene: Scene) -> Seen:
    """Ledger and spool lose their ends at a kill: of an object that was acknowledged, and of one that was not yet."""
    node, archive = node_and_archive(scene)
    draw, times = random.Random(6), scene.times(8, 2)
    sent: list[Dataset] = []
    told = 0
    for number in range(times):
        kept, torn_one, orphan = (scene.hospital.image(10 * number + part) for part in (1, 2, 3))
        send_until_taken(node.port, [kept, torn_one])
        _leave_orphan(node, orphan)
        for path in (_spool_file(node, torn_one), _spool_file(node, orphan), node.data / "ledger.db-wal"):
            _cut(path, draw.randint(1, 4096))
        compared = len(_comparisons(node))
        node.restart()
        until(lambda compared=compared: len(_comparisons(node)) > compared, "spool and ledger are compared")
        told += sum(_comparisons(node)[-1][key] for key in ("without_row", "unreadable", "missing")) >= 2
        send_until_taken(node.port, [torn_one, orphan])
        sent += [kept, torn_one, orphan]
    found = settled([str(ds.SOPInstanceUID) for ds in sent], archive.objects, 60)
    whole = _kept_whole(node, sent)
    figure = f"started {times} of {times}, told of both files {told}; then whole {whole} of {len(sent)}; {found}"
    return Seen(not found.lost and told == times and whole == len(sent), figure)


def _leave_orphan(node: RunningNode, ds: Dataset) -> None:
    """Its file has its name and no row when the node is killed; nobody was told that it is there."""
    command = [sys.executable, "-c", _HOLDER, str(node.data / "ledger.db")]
    holder = processes.start(command, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    sender = threading.Thread(target=send, args=(node.port, [ds]))
    sender.start()
    until(lambda: _spool_file(node, ds), "its file is there", pause=0.002)
    node.kill("group")
    holder.kill()  # one that closes it in order would put the log away
    holder.communicate()
    sender.join(60)


def _spool_file(node: RunningNode, ds: Dataset) -> Path | None:
    """Where it lies under its final name."""
    uid = str(ds.SOPInstanceUID).encode()
    return next((path for path in (node.data / "spool").glob("instances/*/*.dcm") if uid in path.read_bytes()), None)


def _cut(path: Path | None, size: int) -> None:
    """So many bytes, or half of it, are missing at its end."""
    assert path is not None
    with path.open("r+b") as stream:
        have = path.stat().st_size
        stream.truncate(have - min(size, have // 2))


def _comparisons(node: RunningNode) -> list[dict[str, int]]:
    """What the node said of spool and ledger since it first started."""
    return [json.loads(line) for line in node.log().splitlines() if _COMPARED in line]


def _kept_whole(node: RunningNode, sent: Sequence[Dataset]) -> int:
    """How many count in their studies, with a file that has the pixels that were sent."""
    count = 0
    for ds in sent:
        for series in node.ledger.studies.series(str(ds.StudyInstanceUID)):
            paths = [node.data / "spool" / one.path for one in series.instances]
            count += any(pydicom.dcmread(path).PixelData == ds.PixelData for path in paths)
    return count


def full(scene: Scene) -> Seen:
    """First the disk of everything, then that of the spool alone."""
    figures, passed = [], True
    for where in ("data", "data/spool"):
        disk = scene.enter(SmallDisk(scene.folder / f"node-{len(figures) + 1}" / where, 64))
        ok, figure = _starve(scene, disk.fill, disk.free)
        figures.append(f"{where}: {figure}")
        passed = passed and ok
    return Seen(passed, "; ".join(figures), {} if scene.short else full_disks(scene))


def no_inodes_or_read_only(scene: Scene) -> Seen:
    """No inodes on the disk of everything; then a spool that is remounted read-only (a ledger is always open)."""
    disk = scene.enter(SmallDisk(scene.folder / "node-1" / "data", 64, inodes=1000))
    starved, first = _starve(scene, disk.take_inodes, disk.free)
    disk = scene.enter(SmallDisk(scene.folder / "node-2" / "data" / "spool", 64))
    fixed, second = _starve(scene, disk.read_only, disk.writable)
    peers = {} if scene.short else no_inodes_and_read_only(scene)
    return Seen(starved and fixed, f"no inodes: {first}; read-only: {second}", peers)


def _starve(scene: Scene, take: Callable[[], None], give: Callable[[], None]) -> tuple[bool, str]:
    """What was answered meanwhile, what lay under a final name, and how soon all was well again."""
    plugin = install_plugin(scene.folder / uuid.uuid4().hex)
    archive = scene.enter(RealStorescp(scene.folder / uuid.uuid4().hex))
    node = scene.node(
        destinations=[archive.destination()], routes=[ROUTE], python_path=[plugin], storage={"min_free_mb": 0}
    )
    images = [_large(scene, number) for number in range(1, 9)]
    before, during, after = images[:2], images[2:7], images[7:]
    send_until_taken(node.port, before)
    take()  # while they are analysed
    statuses = send(node.port, during)
    time.sleep(scene.times(10, 5))
    files = list((node.data / "spool").glob("instances/*/*.dcm"))
    partial = sum(pydicom.dcmread(path).PixelData not in [ds.PixelData for ds in images] for path in files)
    leftover = len(files) - len(before)
    give()
    begun = time.monotonic()
    send_until_taken(node.port, after, seconds=30)
    again = time.monotonic() - begun
    send_until_taken(node.port, during)
    found = settled([str(ds.SOPInstanceUID) for ds in images], archive.objects, 60)
    refused = sum(status == _A700 for status in statuses)
    figure = (
        f"A700 {refused} of {len(during)}, partial files {partial}, whole ones without a row {leftover}, "
        f"well again after {again:.1f} s, then {found}"
    )
    return refused == len(during) and not partial and again < 10 and found.once, figure


def _large(scene: Scene, number: int) -> Dataset:
    return scene.hospital.image(number, size=512)


def locked(scene: Scene) -> Seen:
    """Somebody holds the ledger; modalities wait 30 s for an answer."""
    node, archive = node_and_archive(scene)
    seconds = scene.times(60, 14)
    with Modality(node.port, films(scene), pause=0.1) as modality:
        modality.await_acknowledgement(more=3)
        holder = sqlite3.connect(node.data / "ledger.db", isolation_level=None, timeout=30)
        holder.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        holder.execute("ROLLBACK")
        holder.close()
        begun = time.monotonic()
        modality.await_acknowledgement(more=3)
        again = time.monotonic() - begun
    found = settled(modality.acknowledged, archive.objects, 120)
    slowest, others = max(modality.seconds), {status for status in modality.statuses if status not in (0, _A700)}
    refused = modality.statuses.count(_A700)
    figure = f"locked {seconds} s: A700 {refused}, slowest answer {slowest:.1f} s, well {again:.1f} s later; {found}"
    return Seen(found.once and not others and slowest < 30 and again < 10, figure)


FAULTS = (
    Fault(
        6,
        "torn end of the spool or of the ledger",
        "kill -9 while a file waits for its row; then it, an acknowledged one and the ledger's log lose 1-4096 B",
        "starts each time; says of both files that something is wrong; both are whole when they are sent again",
        torn,
    ),
    Fault(
        7,
        "disk full",
        "64 MiB for all data, then for the spool alone, are filled to the last byte under 5 objects, then freed",
        "A700 100 %, no partial file under its final name, takes objects again < 10 s after; lost 0, doubled 0",
        full,
    ),
    Fault(
        8,
        "no inodes left; disk read-only",
        "every inode of the disk is taken; the disk of the spool is remounted read-only; then it is well again",
        "as for a full disk",
        no_inodes_or_read_only,
    ),
    Fault(
        9,
        "the ledger is locked",
        "BEGIN EXCLUSIVE held for a minute while two modalities send",
        "lost 0; every answer is Success or A700 and comes within 30 s",
        locked,
    ),
)
