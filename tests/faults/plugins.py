"""Faults 39 to 42: a plugin that ends, hangs, takes what it can get, or answers what cannot be."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pydicom.dataset import Dataset

from node.states import AnalysisState
from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.modality import send_until_taken
from tests.faults.target import Target
from tests.peers import RealStorescp, RunningNode, folder_objects, install_plugin, until
from tests.peers.running_node import KINDS

_UNRULY = Path(__file__).with_name("unruly.py")
#: Seconds: of one answer of the plugin, and of everything else that a job needs.
_PLUGIN_SECONDS, _DECODE_SECONDS = 2, 4
#: Its answer is as it should be: nothing fails, and what it left behind is gone.
_FINE = ""

_ENDS = {
    "RAISE": "the plugin raised RuntimeError",
    "SYSTEMEXIT": "the plugin raised SystemExit",
    "INTERRUPT": "the plugin raised KeyboardInterrupt",
    "EXIT": "the worker process ended (exit status 0)",
    "SEGFAULT": "the worker process ended (signal SIGSEGV)",
    "ABORT": "the worker process ended (signal SIGABRT)",
    "EXITCHILD": "the worker process ended (exit status 0)",
}
_HANGS = {
    "HANG": "no answer within",
    "HANGDEAF": "no answer within",
    "SPIN": "no answer within",
    "HANGCHILDREN": "no answer within",
    "CHILD": _FINE,
    "GRANDCHILD": _FINE,
}
_TAKES = {
    "LEAK": "the plugin raised MemoryError",
    "THREADS": "the plugin raised RuntimeError",
    "FILES": "the plugin raised OSError",
    "SHOUT": _FINE,
    "WRITE": _FINE,
    "CONNECT": _FINE,
}
_ANSWERS = {
    "NAN": "a probability of nan",
    "INF": "a probability of inf",
    "SEVEN": "a probability of 7.3",
    "BELOW": "a probability of -0.2",
    "WORD": "the plugin's answer is malformed: TypeError",
    "LOGITNAN": "a logit of nan",
    "LOGITINF": "a logit of inf",
    "LIST": "the plugin answered a list",
    "TEXT": "the plugin answered a str",
    "NONE": "the plugin answered a NoneType",
    "UNKNOWN": "a finding it does not claim",
    "EMPTY": "the plugin answered other findings",
    "MANY": "the plugin answered other findings",
}


class Clinic:
    """A node with the unruly plugin, whose results go to a folder, and an account of what goes wrong with it."""

    def __init__(self, scene: Scene, *further: Mapping[str, object]) -> None:
        self._hospital, self._numbers = scene.hospital, iter(range(1, 10**6))
        self.results = scene.folder / "results"
        destinations = [{"name": "disk", "kind": "folder", "path": self.results}, *further]
        route = {"name": "everything", "plugin": "brightness", "destinations": [one["name"] for one in destinations]}
        self.node: RunningNode = scene.node(
            python_path=[_install(scene.folder / "plugins")],
            destinations=destinations,
            routes=[route],
            worker={"decode_seconds": _DECODE_SECONDS, "memory_mb": 2048, "threads": 1, "pause_after_crashes": 0},
            retry={"max_attempts": 2, "first_seconds": 0.2, "longest_seconds": 2},
        )
        self.node.await_worker()
        self.troubles: list[str] = []
        self.slowest_next = 0.0  # seconds from the acknowledgement of a sound study to its results
        self.slowest_end = 0.0  # the same, to the end of a study with which the plugin misbehaved

    def film(self, **changes: object) -> Dataset:
        """A study of one film."""
        return self._hospital.image(next(self._numbers), **changes)

    def suffer(self, misdeeds: Mapping[str, str]) -> None:
        """One study for each, and a sound one after it."""
        for misdeed, said in misdeeds.items():
            seconds, state, error = self._ended(self.film(BodyPartExamined=misdeed))
            self.slowest_end = max(self.slowest_end, seconds)
            wanted = AnalysisState.FAILED if said else AnalysisState.DELIVERED
            if state is not wanted or said not in error:
                self.troubles.append(f"{misdeed}: {state} {error}")
            self.go_on(misdeed)

    def go_on(self, after: str) -> None:
        """A sound study is assessed, and nobody is left over."""
        seconds, state, error = self._ended(self.film())
        self.slowest_next = max(self.slowest_next, seconds)
        if state is not AnalysisState.DELIVERED:
            self.troubles.append(f"the study after {after}: {state} {error}")
        if strays := self._strays():
            self.troubles.append(f"{after} left {len(strays)} processes")

    def _ended(self, ds: Dataset) -> tuple[float, AnalysisState, str]:
        send_until_taken(self.node.port, [ds])
        began, uid = time.monotonic(), str(ds.StudyInstanceUID)
        self.node.await_ended([uid], 60)
        (row,) = self.node.ledger.analyses.of_study(uid)
        return time.monotonic() - began, row.state, row.error

    def _strays(self) -> list[str]:
        """Processes that are none of the node's; a fork of a worker looks like one."""

        def strays() -> list[str]:
            lines = list(self.node.processes().values())
            workers = [line for line in lines if KINDS["worker"] in line]
            return [line for line in lines if not any(kind in line for kind in KINDS.values())] + workers[1:]

        with suppress(AssertionError):
            until(lambda: not strays(), "only its own processes are left", 5)
        return strays()

    def trouble(self) -> str:
        """What went wrong, in words; empty: nothing."""
        return "; ".join(self.troubles)

    def seen(self, passed: bool, *figures: str) -> Seen:
        """With what was counted, and what went wrong."""
        told = [*figures, f"next study after {self.slowest_next:.1f} s at most", self.trouble()]
        return Seen(passed and not self.troubles and self.slowest_next < 10, "; ".join(filter(None, told)))


def _install(folder: Path) -> Path:
    """The plugin `brightness`, with everything that a body part can make it do."""
    if folder.exists():
        return folder
    package = install_plugin(folder, seconds_limit=_PLUGIN_SECONDS) / "brightness_plugin"
    shutil.copy(_UNRULY, package)
    with (package / "__init__.py").open("a", encoding="utf-8") as code:
        code.write("\nfrom brightness_plugin import unruly\n\nFAULTS |= unruly.MISDEEDS\n")
    return folder


def ends(scene: Scene) -> Seen:
    clinic = Clinic(scene)
    clinic.suffer(_ENDS)
    return clinic.seen(True, f"{len(_ENDS)} ways, each with its reason in the trail")


def hangs(scene: Scene) -> Seen:
    chosen = {"HANGCHILDREN", "GRANDCHILD"} if scene.short else set(_HANGS)
    clinic = Clinic(scene)
    clinic.suffer({misdeed: said for misdeed, said in _HANGS.items() if misdeed in chosen})
    limit = _PLUGIN_SECONDS + _DECODE_SECONDS
    figure = f"{len(chosen)} ways: ended {clinic.slowest_end:.1f} s after the image at most, limit {limit} s"
    return clinic.seen(clinic.slowest_end < limit + 5, figure)


def takes(scene: Scene) -> Seen:
    clinic = Clinic(scene)
    served = Target(clinic.node.port, lambda: [*clinic.node.pids("main"), *clinic.node.pids("receiver")], list)
    before, said = served.footprint(), len(clinic.node.log())
    clinic.suffer(_TAKES)
    grown, more = served.footprint().rss - before.rss, len(clinic.node.log()) - said
    written = list(scene.folder.rglob("taken-by-a-plugin"))
    refused, arrived, anew = _rewritten(scene)
    figures = (
        f"{len(_TAKES)} ways: node {grown:+.0f} MB, log +{more / 1024:.0f} kB, {len(written)} files written elsewhere",
        f"{arrived} results delivered that it changed, {refused} refused, {anew} made anew by a retry",
    )
    return clinic.seen(grown < 64 and more < 1 << 20 and not written and arrived == 0 < refused == anew, *figures)


def _rewritten(scene: Scene) -> tuple[int, int, int]:
    """Results that a plugin changes while they wait for an archive: refused, delivered, and made anew by a retry."""
    archive = RealStorescp(scene.folder / "archive")
    clinic = Clinic(scene, archive.destination("away"))
    ledger, films, unruly = (
        clinic.node.ledger,
        [clinic.film() for _ in range(3)],
        clinic.film(BodyPartExamined="REWRITE"),
    )
    for batch in (films, [unruly]):
        send_until_taken(clinic.node.port, batch)
        uids = [str(ds.StudyInstanceUID) for ds in batch]
        until(lambda: all(ledger.deliveries.of_study(uid) for uid in uids), "all results wait")  # noqa: B023  used at once
    scene.enter(archive)
    uids = [str(ds.StudyInstanceUID) for ds in films]
    clinic.node.await_ended(uids)
    refused = [row for row in ledger.deliveries.refused() if "changed after it was made" in row.error]
    arrived = sum(one.says("Dark  image!") for one in archive.objects())
    for analysis in {row.analysis_id for row in refused}:
        clinic.node.run_cli("queue", "retry", str(analysis))
    clinic.node.await_ended(uids)
    return len(refused), arrived, len({one.uid for one in archive.objects() if one.study in uids})


def answers(scene: Scene) -> Seen:
    clinic = Clinic(scene)
    clinic.suffer(_ANSWERS)
    odd = [clinic.film(RescaleSlope="1e308", RescaleIntercept="-1e308"), clinic.film(PixelData=bytes(2 * 32 * 32))]
    send_until_taken(clinic.node.port, odd)
    clinic.node.await_ended([str(ds.StudyInstanceUID) for ds in odd], 60)
    numbers = [number for one in folder_objects(clinic.results) for number in _numbers(one.dataset)]
    bad = [value for value, unit in numbers if not math.isfinite(value) or (unit == "%" and not 0 <= value <= 100)]
    return clinic.seen(not bad and bool(numbers), f"{len(_ANSWERS)} ways: {len(bad)} of {len(numbers)} NUMs cannot be")


def _numbers(ds: Dataset) -> Iterator[tuple[float, str]]:
    """Value and unit of each measurement in a report."""
    for element in ds.iterall():
        if element.keyword == "MeasuredValueSequence":
            for item in element.value:
                yield float(item.NumericValue), str(item.MeasurementUnitsCodeSequence[0].CodeValue)


PLUGINS = (
    Fault(
        39,
        "a plugin ends",
        "an exception, SystemExit, KeyboardInterrupt, os._exit, with a child left over too, SIGSEGV, SIGABRT",
        "its analysis fails with the reason, the next study is assessed < 10 s, no process left",
        ends,
    ),
    Fault(
        40,
        "a plugin hangs, or leaves processes behind",
        f"sleeps, spins, ignores SIGTERM, starts children that try to leave the process group; limit "
        f"{_PLUGIN_SECONDS + _DECODE_SECONDS} s instead of minutes",
        "ended at the limit + 5 s, no process left, the next study assessed < 10 s",
        hangs,
    ),
    Fault(
        41,
        "a plugin takes what it can get",
        "8 GB (limit 2 GB), 2,000 threads, 5,000 files, 50 MB on stdout and stderr, files, sockets, others' results",
        "stopped, node < +64 MB, log < 1 MB, nothing written or delivered that is not its own",
        takes,
    ),
    Fault(
        42,
        "a plugin answers what cannot be",
        "NaN, infinity, 7.3, -0.2, other types, other labels, none, 100,000; a rescale that overflows, constant pixels",
        "its analysis fails with the reason, 0 NUMs that are not finite or out of range",
        answers,
    ),
)
