"""The throwaway node, and what a study of each plugin takes on its way through it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node import deliver
from node.assemble import read_images
from node.capacity.disk import measure_disk
from node.capacity.processes import cpu_seconds, machine, megabytes, receiver
from node.capacity.samples import is_sliced, write_studies
from node.capacity.verdict import Capacity, Carried
from node.classify.catalogue import Catalogue
from node.classify.process import WorkerProcess
from node.config import Destination, ReceiveSettings, Route, Settings
from node.errors import PermanentError
from node.ledger import AnalysisRow
from node.offline import Bench
from node.plugin import Manifest
from node.states import AnalysisState, StudyState
from node.worker import memory

_AE_TITLE = "CAPACITY"
_WAITING = (AnalysisState.QUEUED, AnalysisState.CLASSIFIED)
_ALL = 1_000_000  # studies
_PREFIX = ".capacity-"
#: Most that the files of the studies and of their results take, and something more.
_NEEDED_MB = 2048
#: (folder of a plugin, configuration) -> the engine that runs its network, in words.
EngineOf = Callable[[Path, Path], str]


@dataclass(frozen=True)
class Effort:
    """How much is sent for each plugin, beside a study that warms it up. Attributes: films, series: studies."""

    films: int = 8
    series: int = 2


def measure(
    settings: Settings, tell: Callable[[str], None], engine_of: EngineOf, effort: Effort | None = None
) -> Capacity:
    """What this machine carries; takes about a minute.

    Args:
        settings: of the node; its spool, ledger and destinations are not touched.
        tell: is told what is measured next.
        engine_of: see there.
        effort: how much is sent.
    """
    load = os.getloadavg()[0]
    with _throwaway(settings) as folder:
        tell("the disk")
        disk = measure_disk(folder)
        catalogue = Catalogue(settings.worker.plugins, settings.worker.pins)
        bench = Bench(folder, _inside(settings, folder, list(catalogue.manifests)))
        carried, failed, memory = _carry_all(_Trial(bench, folder, engine_of), tell, effort or Effort())
    failed |= {one.name: one.error for one in catalogue.found if one.manifest is None}
    processes = {"receivers": settings.receive.processes, "workers": settings.worker.processes}
    cores = len(os.sched_getaffinity(0))
    return Capacity(machine(), cores, load, processes, disk, memory, carried, failed)


def _carry_all(
    trial: _Trial, tell: Callable[[str], None], effort: Effort
) -> tuple[tuple[Carried, ...], dict[str, str], float]:
    """What a study of each plugin takes, why others are not known, and the memory of the worker, MB."""
    found: dict[str, Carried | str] = {}
    try:
        tell("the start of a worker")
        trial.start()
        memory = megabytes(trial.worker.pid)
        for number, (name, manifest) in enumerate(trial.bench.catalogue.manifests.items()):
            tell(name)
            found[name] = trial.carry(number, manifest, effort)
            trial.forget()
    finally:
        trial.end()
    carried = tuple(one for one in found.values() if isinstance(one, Carried))
    return carried, {name: one for name, one in found.items() if isinstance(one, str)}, memory


@contextmanager
def _throwaway(settings: Settings) -> Iterator[Path]:
    """A folder on the disk of the spool, gone afterwards; raises :class:`~node.errors.PermanentError`."""
    beside = settings.node.data_dir
    while not beside.is_dir():
        beside = beside.parent
    for left in beside.glob(f"{_PREFIX}*"):
        if not Path("/proc", left.name.split("-")[1]).exists():  # of one that was killed
            shutil.rmtree(left, ignore_errors=True)
    if shutil.disk_usage(beside).free >> 20 < settings.storage.min_free_mb + _NEEDED_MB:
        hint = f"{_NEEDED_MB} MiB are needed beside storage.min_free_mb: a node that runs must not be short of space"
        raise PermanentError("too little space is free", about=str(beside), hint=hint)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=beside))
    except OSError as error:
        hint = "give the command as somebody who may write beside the spool"
        raise PermanentError(f"nothing can be written: {error.strerror}", about=str(beside), hint=hint) from error
    try:
        memory = settings.cache_dir / "engines.json"
        if memory.is_file():  # which engine is the fastest is known already
            (folder / "cache").mkdir(mode=0o700)
            shutil.copy(memory, folder / "cache")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _inside(settings: Settings, folder: Path, plugins: list[str]) -> Settings:
    """The settings for the throwaway node: its own place, port and routes; nobody is told or asked anything."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = {"data_dir": folder, "host": "127.0.0.1", "port": port, "ae_title": _AE_TITLE, "allowed_calling": ()}
    off = {"enabled": False}
    return settings.model_copy(
        update={
            "node": settings.node.model_copy(update=place),
            "tls": settings.tls.model_copy(update=off),
            "receive": ReceiveSettings(),
            "audit": settings.audit.model_copy(update=off),
            "web": settings.web.model_copy(update=off),
            "peers": (),
            "critical": (),
            "routes": tuple(_route(settings, number, name) for number, name in enumerate(plugins)),
        }
    )


def _route(settings: Settings, number: int, plugin: str) -> Route:
    """What its sender sends, for a plugin alone; to the destinations of its results, or to all if no route names it."""
    known = {one.name for one in settings.destinations}
    named = [set(route.destinations) for route in settings.routes if route.plugin == plugin]
    return Route(
        name=plugin,
        plugin=plugin,
        accept_missing=True,
        include_excluded=True,
        calling_ae=(_sender(number),),
        destinations=tuple(sorted(known & set().union(*named) if named else known)),
    )


def _sender(number: int) -> str:
    """AE title of who sends for a plugin."""
    return f"SENDER-{number}"


class _Trial:
    """Sends studies to the throwaway node, and lets a worker work on them."""

    def __init__(self, bench: Bench, folder: Path, engine_of: EngineOf) -> None:
        self.bench, self._folder, self._engine_of = bench, folder, engine_of
        self.worker = WorkerProcess([sys.executable, "-m", "node.worker", str(bench.settings_path)])

    def start(self) -> None:
        """A worker with its plugins loaded; one that cannot be loaded fails its analyses."""
        self.worker.start(self.bench.settings.worker.start_seconds)

    def end(self) -> None:
        """Of the worker, and of what is open."""
        self.worker.kill()
        self.bench.ledger.close()

    def carry(self, number: int, manifest: Manifest, effort: Effort) -> Carried | str:
        """What a study of one plugin takes, or why that is not known."""
        sliced = is_sliced(manifest.accepts)
        count = effort.series if sliced else effort.films
        warm, *counted = write_studies(self._folder / "sent" / str(number), manifest.accepts, count + 1)
        self._receive(warm, _sender(number))
        self._work()
        receive, receiver_cpu = self._receive([path for study in counted for path in study], _sender(number))
        before = cpu_seconds(self.worker.pid)
        classify, results = self._work()
        worker_cpu = cpu_seconds(self.worker.pid) - before
        rows = self._analyses(count)
        if error := _trouble(rows, count):
            return error
        decode = min(_decoding(counted[0], self.bench.settings.worker.max_pixels), classify / count)
        megas = sum(path.stat().st_size for path in counted[0]) / 1e6
        return Carried(
            plugin=manifest.name,
            study=f"{len(counted[0])} slices, {megas:.0f} MB" if sliced else f"a film of {megas:.0f} MB",
            images=len(counted[0]),
            engine=self._engine_of(manifest.folder, self.bench.settings_path),
            receive=receive / count,
            decode=decode,
            predict=classify / count - decode,
            results=results / count,
            receiver_cpu=receiver_cpu / count,
            worker_cpu=worker_cpu / count,
            objects=sum(len(self.bench.ledger.analyses.results(row.id)) for row in rows) / count,
            note=_note(rows),
        )

    def forget(self) -> None:
        """The files of what was sent are of no use any more."""
        shutil.rmtree(self._folder / "sent", ignore_errors=True)
        for path in list(self.bench.spool.files()):
            self.bench.spool.remove(path)

    def _receive(self, paths: list[Path], calling: str) -> tuple[float, float]:
        """Seconds until a receiver has acknowledged all of the files, and of its processor time."""
        node = self.bench.settings.node
        to = Destination(name="capacity", kind="dicom", ae_title=node.ae_title, port=node.port)
        with receiver(self.bench.settings_path) as pid:
            before, began = cpu_seconds(pid), time.perf_counter()
            outcomes = deliver.send_files(to, paths, calling)
            seconds, cpu = time.perf_counter() - began, cpu_seconds(pid) - before
        if lost := [outcome.reason for outcome in outcomes if not outcome.delivered]:
            raise PermanentError("the receiver did not take a sample", about=paths[0].name, hint=lost[0])
        return seconds, cpu

    def _work(self) -> tuple[float, float]:
        """Seconds of classifying, and of making results, for all that was received."""
        ledger, pipeline = self.bench.ledger, self.bench.pipeline
        for study in ledger.studies.in_state(StudyState.RECEIVING, _ALL):
            ledger.studies.complete(study, "all files were sent", partial=False, expected=None)
        while pipeline.route_studies():
            pass
        classify = results = 0.0
        while any(self._count(state) for state in _WAITING):
            if self.worker.pid is None:
                self.start()
            queued, began = self._count(AnalysisState.QUEUED), time.perf_counter()
            if not pipeline.work(self.worker):
                time.sleep(0.05)  # what failed is tried again in a while
                continue
            seconds = time.perf_counter() - began
            if self._count(AnalysisState.QUEUED) < queued:
                classify += seconds
            else:
                results += seconds
        return classify, results

    def _count(self, state: AnalysisState) -> int:
        return self.bench.ledger.analyses.count_by_state().get(state, 0)

    def _analyses(self, count: int) -> list[AnalysisRow]:
        """Of the studies that came last."""
        ledger = self.bench.ledger
        return [
            row for study in ledger.studies.latest(count) for row in ledger.analyses.of_study(study.study_instance_uid)
        ]


def _trouble(rows: list[AnalysisRow], count: int) -> str:
    """Why there is no figure; empty when there is."""
    if len(rows) < count:
        return "it does not take the samples"
    return next((row.error for row in rows if row.state is AnalysisState.FAILED), "")


def _note(rows: list[AnalysisRow]) -> str:
    if any("abstained: " in row.summary for row in rows):
        return "it gives no answer on the samples, so that results of real studies take longer"
    return ""


def _decoding(paths: list[Path], max_pixels: int) -> float:
    """Seconds from the files of a study to its pictures, the second time, in memory as a worker has it."""
    memory.reuse_freed()
    for _ in range(2):
        began = time.perf_counter()
        for path in paths:
            read_images(path, max_pixels)
    return time.perf_counter() - began
