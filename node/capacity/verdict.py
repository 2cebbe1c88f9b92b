"""From seconds to studies an hour, what limits them, and what one would change. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_HOUR = 3600.0
#: Commits of the ledger for a study, beside one for each image: its life and that of its analysis.
_COMMITS = 8
#: An earlier run is fallen short of where less than this share of it is reached.
_SHORT = 0.75


@dataclass(frozen=True)
class Disk:
    """Seconds until the disk has it. Attributes: file: of 0.5 MB, with its name; append: some KB at a log's end."""

    file: float
    append: float


@dataclass(frozen=True)
class Carried:
    """What a study of one plugin takes.

    Attributes:
        plugin: its name.
        study: what was sent, in words.
        images: of it.
        engine: that runs the network, and why; empty where that is not known.
        receive: seconds, from one sender on this machine that waits for each answer.
        decode: seconds from its files to pictures.
        predict: seconds from pictures to answers, checked and written down.
        results: seconds from answers to the objects that the destinations take, written down.
        receiver_cpu: seconds of processor time of the receiver.
        worker_cpu: seconds of processor time of the worker.
        objects: result objects made of it.
        note: what to know of the figures; empty: nothing.
    """

    plugin: str
    study: str
    images: int
    engine: str
    receive: float
    decode: float
    predict: float
    results: float
    receiver_cpu: float
    worker_cpu: float
    objects: float
    note: str = ""

    @property
    def work(self) -> float:
        """Seconds that one worker has to do with it."""
        return self.decode + self.predict + self.results


@dataclass(frozen=True)
class Limit:
    """How much one thing lets through. Attributes: name: of it; per_hour: studies; change: what would raise it."""

    name: str
    per_hour: float
    change: str


@dataclass(frozen=True)
class Capacity:
    """All of a run.

    Attributes:
        machine: where it ran.
        cores: that the node may use.
        load: processes that wanted a core in the minute before, on average.
        processes: receivers and workers of the configuration.
        disk: how fast it syncs.
        worker_mb: memory of the worker with its plugins loaded, MB.
        carried: what a study takes, for each plugin that answered.
        failed: plugin -> why there is no figure of it.
    """

    machine: str
    cores: int
    load: float
    processes: Mapping[str, int]
    disk: Disk
    worker_mb: float
    carried: tuple[Carried, ...]
    failed: Mapping[str, str]

    def limits(self, one: Carried) -> list[Limit]:
        """What bounds the studies of one plugin, if there were no others, the tightest first."""
        workers, receivers = self.processes["workers"], self.processes["receivers"]
        synced = (one.images + one.objects + 2) * self.disk.file + (one.images + _COMMITS) * self.disk.append
        processor = one.receiver_cpu + one.worker_cpu
        found = [
            Limit(
                "disk", _HOUR / synced, "a disk that syncs faster (one with power-loss protection) for node.data_dir"
            ),
            Limit("receiver", _HOUR * receivers / one.receive, "more receive.processes"),
            Limit(self._worker(one), _HOUR * workers / one.work, "more worker.processes, while memory and cores last"),
            Limit(self._processor(one), _HOUR * self.cores / max(processor, 1e-9), _cheaper(one)),
        ]
        return sorted(found, key=lambda limit: limit.per_hour)

    @staticmethod
    def _worker(one: Carried) -> str:
        return f"worker (mostly {_largest(one)})"

    @staticmethod
    def _processor(one: Carried) -> str:
        return f"processor (mostly {_largest(one)})"

    def sentences(self) -> list[str]:
        """The answer for a person: for each plugin what is carried, what limits it, what one would change."""
        told = []
        for one in self.carried:
            first, second, *_ = self.limits(one)
            told.append(
                f"{one.plugin}: about {_round(first.per_hour)} studies an hour ({one.study}). "
                f"What limits it: {first.name}. What would raise it: {first.change}; "
                f"then the {second.name} limits it to {_round(second.per_hour)}."
            )
            if one.note:
                told.append(f"{one.plugin}: {one.note}.")
        told += [f"{plugin}: not measured: {reason}" for plugin, reason in self.failed.items()]
        if self.load > self.cores / 2:
            told.append(f"The machine was busy (load {self.load:.1f}): by itself it would carry more.")
        return told


def compare(now: Capacity, before: Mapping[str, float]) -> list[str]:
    """A sentence for each plugin that carries less than before. Args: before: plugin -> studies an hour then."""
    told = []
    for one in now.carried:
        then, carried = before.get(one.plugin, 0.0), now.limits(one)[0].per_hour
        if carried < _SHORT * then:
            told.append(f"{one.plugin}: {_round(carried)} studies an hour, {_round(then)} before")
    return told


def _largest(one: Carried) -> str:
    parts = {"decoding": one.decode, "the model": one.predict, "building results": one.results}
    return max(parts, key=lambda part: parts[part])


def _cheaper(one: Carried) -> str:
    """What takes less of the processor."""
    return {
        "decoding": "more cores; or senders that send uncompressed",
        "the model": "more cores, or a GPU (worker.device), or a faster engine (`radnode plugins bench`)",
        "building results": "more cores, or fewer kinds of result (the destinations' profile)",
    }[_largest(one)]


def _round(value: float) -> str:
    """Two digits: the next study is another one."""
    return f"{float(f'{value:.2g}'):,.0f}"
