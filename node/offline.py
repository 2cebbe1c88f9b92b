"""The way of the data without a network: files in, result objects out, in a folder that lives as long as the call.

Used by `radnode run` and `radnode route explain`; each step is the one that the node itself takes.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pydicom

from node import account
from node.classify.catalogue import Catalogue
from node.classify.process import WorkerProcess
from node.config import Destination, Route, Settings, frozen, load
from node.errors import PermanentError, PluginError
from node.intake import Entry, Limits
from node.ledger import Ledger, StudyRow
from node.pipeline import Pipeline
from node.priors import Priors
from node.receive.keeping import Peer
from node.spool import Spool, write_once
from node.states import AnalysisState, StudyState
from node.study import Arrival, Outcome, ResultObject, Series

_ALL = 1_000_000  # studies
#: Whoever gives a file by hand may give any.
_LIMITS = Limits(longest=1 << 40, unknown=True)


@dataclass(frozen=True)
class StudyResult:
    """What came of one study.

    Attributes:
        study_instance_uid: the study.
        plugin: that looked at it; empty when none did.
        summary: in a line.
        error: why there is no result; empty when all went well.
        reasons: of the routing.
        files: the written result objects.
        account: what was answered; None when there is no result.
    """

    study_instance_uid: str
    plugin: str
    summary: str = ""
    error: str = ""
    reasons: tuple[str, ...] = ()
    files: tuple[Path, ...] = field(default=())
    account: account.Account | None = None


@dataclass(frozen=True)
class Refused:
    """A file that could not be taken, and why."""

    path: Path
    reason: str


def dicom_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and those in the folders named; raises :class:`PermanentError` for what is not there."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file())
        elif path.is_file():
            yield path
        else:
            raise PermanentError("there is no such file or folder", about=str(path))


class Bench:
    """A node without a network in a folder of its own."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.settings, self.folder = settings, folder
        self.spool = Spool(folder / "spool")
        self.spool.prepare()
        self.ledger = Ledger(folder / "ledger.db")
        self.catalogue = Catalogue(settings.worker.plugins, settings.worker.pins)
        self.settings_path = folder / "settings.json"
        write_once(self.settings_path, frozen(settings))
        self.pipeline = Pipeline(settings, self.ledger, self.spool, self.catalogue, owner="bench")

    def take(self, paths: Iterable[Path]) -> list[Refused]:
        """Take files as if they had been received; return those that were refused."""
        refused = []
        for path in dicom_files(paths):
            try:
                arrival = _arrival(path, self.spool)
            except PermanentError as error:
                refused.append(Refused(path, error.what))
                continue
            outcome = self.ledger.arrivals.record([arrival])[0]
            if outcome is Outcome.SET_ASIDE:
                refused.append(Refused(path, arrival.defect or "the same UID came before with other content"))
        return refused

    def series(self) -> list[Series]:
        """Everything that was taken."""
        studies = self.ledger.studies.latest(_ALL)
        return [s for study in studies for s in self.ledger.studies.series(study.study_instance_uid)]

    def analyse(self, out: Path) -> list[StudyResult]:
        """Complete, route, classify and report every study; write the results into `out`."""
        for study in self.ledger.studies.in_state(StudyState.RECEIVING, _ALL):
            self.ledger.studies.complete(study, "all files were given", partial=False, expected=None)
        while self.pipeline.route_studies():
            pass
        worker = WorkerProcess([sys.executable, "-m", "node.worker", str(self.settings_path)])
        priors = Priors(self.ledger)
        try:
            while self._to_do():
                self._keep_alive(worker)
                if not priors.step() and not self.pipeline.work(worker):
                    time.sleep(0.1)  # what failed is tried again in a while
        finally:
            worker.kill()
        return [self._result(study, out) for study in self.ledger.studies.latest(_ALL)]

    def _to_do(self) -> bool:
        waiting = (AnalysisState.QUEUED, AnalysisState.CLASSIFIED)
        return any(row.state in waiting for row in self.ledger.analyses.unfinished(_ALL))

    def _keep_alive(self, worker: WorkerProcess) -> None:
        if worker.pid is None and (problems := worker.start(self.settings.worker.start_seconds)["problems"]):
            raise PluginError("; ".join(problems))

    def _result(self, study: StudyRow, out: Path) -> StudyResult:
        uid = study.study_instance_uid
        reasons = tuple(r for e in self.ledger.events.of_study(uid) for r in e.detail.get("reasons", ()))
        analyses = self.ledger.analyses.of_study(uid)
        if not analyses:
            why = study.reason if study.state is StudyState.QUARANTINED else "no series fits the plugin"
            return StudyResult(uid, "", error=why, reasons=reasons)
        row = analyses[0]
        files = tuple(self._copy(result, out) for result in self.ledger.analyses.results(row.id))
        error = row.error if row.state is AnalysisState.FAILED else ""
        return StudyResult(
            uid, row.plugin, row.summary, error, reasons, files, self._account(row.id) if files else None
        )

    def _account(self, analysis_id: int) -> account.Account:
        return account.account_from(self.spool.path(f"work/{analysis_id}/{account.FILE}").read_bytes())

    def _copy(self, result: ResultObject, out: Path) -> Path:
        target = out / f"{result.kind}-{result.sop_instance_uid}{Path(result.path).suffix}"
        out.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.spool.path(result.path).read_bytes())
        return target


@contextmanager
def bench(
    routes: Sequence[Route] | None,
    config: Path | None = None,
    plugins: Sequence[str] = (),
    destinations: Sequence[Destination] = (),
    *,
    as_served: bool = False,
    pinned: bool = True,
) -> Iterator[Bench]:
    """A :class:`Bench` in a temporary folder. Args: routes, destinations: instead of those of `config`, if any.

    It fetches nothing and performs no workitems. Nothing is sent to the destinations: their profiles say which objects
    are made. `as_served`: networks are run by the engine that the node of `config` runs them with, which may first have
    to be found out. `pinned`: a plugin must have the digest that `config` demands of it.
    """
    settings = load(config) if config else Settings()
    with tempfile.TemporaryDirectory(prefix="radnode-") as name:
        folder = Path(name)
        if as_served:
            _remember_engines(settings.device.wishes.memory, folder)
        settings = settings.model_copy(
            update={
                "node": settings.node.model_copy(update={"data_dir": folder}),
                "routes": settings.routes if routes is None else tuple(routes),
                "destinations": settings.destinations if routes is None else tuple(destinations),
                "worker": settings.worker.model_copy(
                    update={
                        "plugins": tuple(plugins) or settings.worker.plugins,
                        "pins": settings.worker.pins if pinned else {},
                        "engine": settings.worker.engine if as_served else _engine(settings),
                    }
                ),
                "critical": settings.critical if routes is None else (),
                "fetch": (),
                "worklists": (),
            }
        )
        yield Bench(folder, settings)


def _engine(settings: Settings) -> str:
    """The engine of the settings; for a few studies the fastest is not looked for: that takes as long as they do."""
    return "onnxruntime" if settings.worker.engine == "auto" else settings.worker.engine


def _remember_engines(memory: Path | None, folder: Path) -> None:
    """What the node has found out of engines, for the workers of a bench in that folder."""
    if memory is not None and memory.is_file():
        (folder / "cache").mkdir(mode=0o700)
        shutil.copyfile(memory, folder / "cache" / memory.name)


def write_png(secondary_capture: Path, target: Path) -> Path:
    """The picture of a Secondary Capture of ours as PNG."""
    from PIL import Image

    Image.fromarray(pydicom.dcmread(secondary_capture).pixel_array).save(target)
    return target


def _arrival(path: Path, spool: Spool) -> Arrival:
    """Take a Part 10 file into the spool, as every way in does."""
    with Entry(spool, _LIMITS, Peer("file", "", "", "")) as entry, path.open("rb") as stream:
        entry.read(stream)
        return entry.keep()[0]


__all__ = ["Bench", "Refused", "StudyResult", "bench", "dicom_files", "write_png"]
