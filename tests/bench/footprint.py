"""Footprint: what a node takes of the machine while it starts, waits, and works."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Goal, Rows, mid, table, told
from tests.bench.material import PLUGINS
from tests.peers import Hospital, RunningNode, install_plugin, processes, system_program, until
from tests.peers.processes import end

_SMALL = 1 << 20
_TICKS = os.sysconf("SC_CLK_TCK")
_BUSY, _ASKED = "`radnode status` of a busy node", 3
_IDLE, _START = "processor time of all processes of an idle node", "from `radnode serve` to the first answered C-ECHO"
_MEMORY = {"main": "memory of the main process", "receiver": "memory of a receiver", "worker": "memory of a worker"}
_PEAK = "most memory of a receiver, after an object of "
_WORDS = """## Footprint

A node with one receiver and one worker that has loaded the four shipped plugins. Memory is what a process has in RAM
(VmRSS, the most: VmHWM), shared libraries included. Busy: while 8 associations send CT slices and a plugin looks at
them.

"""


@dataclass(frozen=True)
class Size:
    """How long and how much. Attributes: seconds: of idling; large: bytes of the large object; slices: sent."""

    seconds: float = 30
    large: int = 1 << 30
    slices: int = 400
    plugins: tuple[str, ...] = PLUGINS


def measure(folder: Path, rounds: int, size: Size = Size()) -> Rows:
    """What -> its figures, under their unit."""
    found: Rows = {}
    for number in range(rounds):
        place = folder / str(number)
        for what, unit, value in (*_waiting(place / "idle", size), *_receiving(place / "large", size.large)):
            found.setdefault(what, {}).setdefault(unit, []).append(value)
        shutil.rmtree(place)
    found[_BUSY] = {"s": _status_seconds(folder / "busy", rounds * _ASKED, size.slices)}
    return found


def section(rows: Rows) -> str:
    """Its part of the page."""
    lines = [[what, told(values), unit] for what, figures in rows.items() for unit, values in figures.items()]
    return _WORDS + table(["what", "measured", "unit"], lines)


def goals(rows: Rows) -> list[Goal]:
    """What a node may take."""

    def figure(what: str) -> float | None:
        return next((mid(values) for values in rows.get(what, {}).values()), None)

    peaks = [what for what in rows if what.startswith(_PEAK)]
    return [
        Goal(_START, figure(_START), 3, "s"),
        Goal(_IDLE, figure(_IDLE), 1, "%"),
        Goal(_MEMORY["main"], figure(_MEMORY["main"]), 150, "MB"),
        Goal(_MEMORY["receiver"], figure(_MEMORY["receiver"]), 90, "MB"),
        *(Goal(what, figure(what), 100, "MB") for what in peaks),
        Goal(_BUSY, figure(_BUSY), 0.5, "s"),
    ]


def _waiting(folder: Path, size: Size) -> Iterator[tuple[str, str, float]]:
    """Start, memory and processor time of a node that nobody sends anything."""
    node = RunningNode(folder, plugins=size.plugins)
    began = time.perf_counter()
    with node:
        yield _START, "s", time.perf_counter() - began
        until(lambda: "worker ready" in node.log(), "the worker has loaded its plugins", 120)
        yield "until a worker has loaded its plugins", "s", time.perf_counter() - began
        time.sleep(min(size.seconds, 2))
        for kind, what in _MEMORY.items():
            yield what, "MB", _megabytes(node.pids(kind)[0], "VmRSS")
        before, began = _ticks(node), time.perf_counter()
        time.sleep(size.seconds)
        yield _IDLE, "%", 100 * (_ticks(node) - before) / _TICKS / (time.perf_counter() - began)


def _receiving(folder: Path, large: int) -> Iterator[tuple[str, str, float]]:
    """Memory of a receiver that took a small object, and then a large one."""
    with _light(folder) as node:
        for size, name in ((_SMALL, "1 MB"), (large, f"{large / 2**30:.3g} GB")):
            path = _object(folder / "object.dcm", size)
            _send(node, [path], seconds=120)
            path.unlink()
            yield f"{_PEAK}{name}", "MB", _megabytes(node.pids("receiver")[0], "VmHWM")


def _status_seconds(folder: Path, count: int, slices: int) -> list[float]:
    """Seconds of `radnode status`, so many times, while studies come in and are looked at."""
    hospital = Hospital(folder / "hospital")
    shares = [[_slice(hospital, share, n) for n in range(1, slices // 8 + 1)] for share in range(1, 9)]
    route = {"name": "all", "plugin": "brightness", "modality": ["CT"], "destinations": []}
    found = []
    with _light(folder, routes=[route]) as node:
        senders = [processes.start([*_storescu(node), *map(str, share)]) for share in shares]
        try:
            for _ in range(count):
                began = time.perf_counter()
                done = node.run_cli("status")
                found.append(time.perf_counter() - began)
                if done.returncode not in (0, 1):
                    raise RuntimeError(f"radnode status: {done.stdout}{done.stderr}")
        finally:
            for sender in senders:
                end(sender)
    return found


@contextmanager
def _light(folder: Path, **tables: object) -> Iterator[RunningNode]:
    """A node whose plugin takes no memory."""
    with RunningNode(folder / "node", python_path=[install_plugin(folder / "plugins")], **tables) as node:
        yield node


def _slice(hospital: Hospital, patient: int, number: int) -> Path:
    return hospital.write(hospital.image(patient, image=number, modality="CT", size=256))


def _object(path: Path, size: int) -> Path:
    """A multi-frame object with so many bytes of black pixels; the file has holes in their place."""
    frame = 256 * 256 * 2
    ds = Hospital(path.parent / "hospital").image(modality="US", size=2)
    ds.Rows = ds.Columns = 256
    ds.NumberOfFrames = size // frame
    del ds.PixelData
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{ds.SOPInstanceUID}.{size}"
    ds.save_as(path, enforce_file_format=True)
    with path.open("ab") as stream:  # (7FE0,0010) OW, PS3.5 7.1.2
        stream.write(b"\xe0\x7f\x10\x00OW\x00\x00" + (ds.NumberOfFrames * frame).to_bytes(4, "little"))
        stream.truncate(stream.tell() + ds.NumberOfFrames * frame)
    return path


def _storescu(node: RunningNode) -> list[str]:
    return [system_program("storescu"), "-R", "-aec", node.ae_title, "-pdu", "131072", "127.0.0.1", str(node.port)]


def _send(node: RunningNode, paths: list[Path], seconds: float) -> None:
    if status := processes.start([*_storescu(node), *map(str, paths)]).wait(seconds):
        raise RuntimeError(f"storescu ended with {status}")


def _ticks(node: RunningNode) -> int:
    """Processor time of all of its processes so far, in clock ticks."""
    total = 0
    for pid in node.processes():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total


def _megabytes(pid: int, key: str) -> float:
    """A line of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / 1000
