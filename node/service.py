"""Composition: builds the node from its settings, starts it, watches its processes, drains and stops it.

Processes: this one (pipeline, scheduler, couriers), receivers (`python -m node.receive`), workers
(`python -m node.worker`), and where they are asked for one that watches folders (`python -m node.intake`) and one for
HTTP (`python -m node.web`). Everything they share is the ledger and the spool; any of them may be killed at any time.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from node import __version__
from node.audit import Forwarder, verify_trail
from node.changes import Changes
from node.children import Children, Process, commands_of
from node.classify.catalogue import Catalogue
from node.classify.demands import check_demands
from node.classify.process import WorkerDied, WorkerLate, WorkerProcess
from node.config import Settings, frozen
from node.data_folder import hold_data_folder
from node.dispatch import Dispatch
from node.errors import RadnodeError
from node.ledger import Ledger
from node.loops import Loops
from node.notify import Manager
from node.pipeline import Pipeline
from node.priors import Archives, Priors
from node.promotion import installed
from node.receive.identity import Identity
from node.reconcile import reconcile
from node.reloading import Reloader
from node.rounds import rounds
from node.safekeeping import report_commitments
from node.scheduler import Scheduler, Tick
from node.spool import Spool, write_once
from node.stopping import Stop
from node.watch.ticking import TICK_SECONDS, Watching

log = structlog.get_logger()

_HEARTBEAT_SECONDS = 2.5
_DAY_SECONDS = 86400.0
_DRAIN_SECONDS = 20.0


@dataclass(frozen=True)
class Serving:
    """What is in force: the settings, and the copy of them that workers are started with."""

    settings: Settings
    copy: Path


class Service:
    """One node.

    The processes it starts get the settings as they were read, from `serving.json` in the data folder: a configuration
    file that is changed meanwhile counts from the next start of the node, or from `radnode reload`, never for one
    process alone.

    Args:
        settings: as they were read.
        path: of the file they were read from, to be read again; None: never.
        held: its processes, where they are started already (:func:`node.children.held`).
        stop: its signals, where they are heard already.
    """

    def __init__(
        self,
        settings: Settings,
        path: Path | None = None,
        held: Sequence[Process] | None = None,
        stop: Stop | None = None,
    ) -> None:
        self._settings = settings  # as at the start; what `reload` may change is asked of `_serving`
        self._number = 0
        data = settings.node.data_dir
        self._copy = settings.serving_path
        self._serving = Serving(settings, self._copy)
        self._catalogue = Catalogue(settings.worker.plugins, settings.worker.pins)
        check_demands(settings, self._catalogue)
        if settings.tls.enabled:
            Identity(settings.tls)  # raises here, once, what every receiver would end with
        self._lock = hold_data_folder(data)
        self._spool = Spool(data / "spool", settings.storage.min_free_mb)
        self._spool.prepare()
        self._ledger = Ledger(data / "ledger.db", settings.storage.busy_seconds)
        self._changes = Changes(self._ledger)
        self._signals = stop or Stop()
        self._loops = Loops(self._changes, self._signals.asked)
        self._dispatch = Dispatch(self._loops, self._ledger, self._spool)
        self._reloader = Reloader(path, self._ledger, lambda: self._serving.settings, self._take)
        self._forwarder = Forwarder(settings, self._ledger, self._spool)
        self._children = Children(commands_of(settings, self._copy), self._ledger, held)
        self._signals.at_once = self._children.kill
        self._pipeline = Pipeline(
            settings, self._ledger, self._spool, self._catalogue, owner=f"{os.getpid()}@{time.time():.0f}"
        )
        watching = Watching(lambda: self._serving.settings.watch, self._copy, self._ledger, self._loops.stopping.is_set)
        self._scheduler = Scheduler(
            [
                Tick("read documents", 1.0, self._pipeline.read_documents),
                Tick("reload", 1.0, self._reloader.step),
                Tick("storage commitment", 1.0, self._report_commitments),
                *rounds(settings, self._ledger, self._loops.stopping.is_set),
                Tick("watch", TICK_SECONDS, watching.step),
                Tick("critical findings", _HEARTBEAT_SECONDS, lambda: self._ledger.criticals.escalate(time.time())),
                Tick("heartbeat", _HEARTBEAT_SECONDS, self._beat),
                Tick("retention", 600, lambda: self._pipeline.purge(time.time())),
                Tick("trail", _DAY_SECONDS, lambda: log.info("trail", digest=verify_trail(self._ledger).head)),
                Tick("room", 60, lambda: self._pipeline.make_room(time.time())),
                Tick("reconcile", _DAY_SECONDS, partial(self._reconcile, whole=True)),
            ]
        )

    def start(self) -> None:
        """Put things as an earlier life left them in order, then start everything."""
        write_once(self._copy, frozen(self._settings))
        for left in self._copy.parent.glob("serving-*.json"):
            left.unlink()  # of an earlier life that read its configuration again
        shutil.rmtree(self._settings.cache_dir / "tmp", ignore_errors=True)  # what killed workers left behind
        swept, in_order, begun = self._spool.sweep(), self._ledger.facts.stopped_in_order(), time.time()
        self._ledger.arrivals.close_all_associations("the node was stopped")
        self._ledger.sessions.end_all("the node was stopped")
        self._ledger.analyses.free_leases()
        self._ledger.pledges.ask_only([one.name for one in self._settings.destinations if one.storage_commitment])
        self._ledger.facts.forget_parts()
        data_dir, trail = str(self._settings.node.data_dir), self._ledger.events.head()
        log.info("starting", data_dir=data_dir, unfinished_files_removed=swept, trail=trail)
        self._forwarder.begin()
        self._ledger.events.add("node started", version=__version__)
        for new in self._ledger.stages.meet(installed(self._catalogue), self._settings.worker.silent):
            log.warning("plugin is silent", plugin=new.plugin, version=new.version, why=new.reason)
        self._beat()
        self._children.start()
        loops, pipeline = self._loops, self._pipeline
        loops.run("reconcile", partial(self._reconcile, whole=not in_order, until=begun))
        loops.run("changes", self._changes.watch)
        loops.run("close studies", partial(loops.repeat, pipeline.close_studies, lambda: pipeline.rest_seconds))
        loops.run("route studies", partial(loops.repeat, pipeline.route_studies))
        loops.run("priors", partial(loops.repeat, Priors(self._ledger, asks_archives=True).step))
        loops.run("archives", partial(loops.repeat, self._archives().step))
        for number in range(self._settings.worker.processes):
            loops.run(f"worker-{number}", self._work_on)
        self._dispatch.follow(self._settings, self._dispatch.prepare(self._settings))
        if self._settings.audit.enabled:
            loops.run("audit", partial(loops.repeat, self._forwarder.step))
        self._scheduler.start()

    def run(self) -> None:
        """Start, serve until SIGTERM or SIGINT, then drain; a second signal ends at once."""
        self._signals.listen()
        if self._signals.asked.is_set():  # while its code was loaded
            self._children.kill()
            log.info("stopped")
            return
        manager, is_ready = Manager(), False
        self.start()
        while not self._loops.stopping.wait(0.5):
            self._mind()
            manager.alive()
            if not is_ready and self._listens():
                is_ready = True
                manager.ready()
        manager.stopping()
        self.stop()

    def _listens(self) -> bool:
        """Whether a receiver takes connections."""
        port = next(iter(self._settings.ports.values()))
        try:
            socket.create_connection((self._settings.node.host, port), 1).close()  # 0.0.0.0 is this machine, ip(7)
        except OSError:
            return False
        return True

    def _mind(self) -> None:
        try:
            if self._scheduler.mind_the_clock():
                self._beat()  # the last sign of life lies in another time
            if self._children.mind():
                self._loops.pause()
        except RadnodeError as error:
            self._loops.failed(str(error))

    def stop(self) -> None:
        """Take no more associations, finish what is in hand, and end every process."""
        log.info("stopping")
        self._loops.stopping.set()
        self._changes.stop()
        self._children.terminate()
        self._dispatch.stop()
        self._scheduler.stop()
        deadline = time.monotonic() + _DRAIN_SECONDS
        self._loops.join(deadline)
        self._children.end(deadline)
        self._ledger.sessions.end_all("the node was stopped")
        self._ledger.events.add("node stopped")
        self._forwarder.finish()
        self._ledger.facts.beat(None)
        self._lock.close()
        log.info("stopped")

    # Workers

    def _work(self) -> None:
        serving = self._serving
        worker = WorkerProcess([sys.executable, "-m", "node.worker", str(serving.copy)])
        try:
            self._loops.repeat(
                lambda: self._keep_alive(worker) and self._pipeline.work(worker, serving.settings),
                is_over=lambda: serving is not self._serving,
            )
        finally:
            worker.kill()

    def _work_on(self) -> None:
        """A worker for each configuration in turn: what it is at is finished with the one that it was started with."""
        while not self._loops.stopping.is_set():
            self._work()

    def _keep_alive(self, worker: WorkerProcess) -> bool:
        """Start the worker unless it runs; False when it will not start: the loop comes back after a pause."""
        if worker.pid is not None:
            return True
        name, facts = threading.current_thread().name, self._ledger.facts
        facts.set_doing(name, "loads its plugins")
        try:
            hello = worker.start(self._settings.worker.start_seconds)
        except (WorkerDied, WorkerLate) as error:
            log.error("worker does not start", error=str(error))
            facts.set_trouble(name, str(error))
            self._loops.pause()
            return False
        finally:
            facts.set_doing(name, "")
        for problem in hello["problems"]:
            log.error("plugin unusable", error=problem)
        facts.set_trouble(name, "; ".join(hello["problems"]))
        for sentence in hello["lacking"]:
            log.warning("worker is not confined", why=sentence)
        log.info("worker ready", pid=worker.pid)
        return True

    # The configuration, read again

    def _take(self, settings: Settings) -> None:
        """Put other settings in force; see `node.config.LIVE` for what they may differ in."""
        check_demands(settings, self._catalogue)
        made = self._dispatch.prepare(settings)
        self._number += 1
        copy = self._copy.with_name(f"serving-{self._number}.json")
        for path in (copy, self._copy):
            write_once(path, frozen(settings))
        self._forwarder.use(settings)
        self._pipeline.use(settings)  # from here on nothing can fail
        self._serving = Serving(settings, copy)
        self._dispatch.follow(settings, made)

    def _reconcile(self, *, whole: bool, until: float | None = None) -> None:
        try:
            reconcile(self._ledger, self._spool, whole=whole, until=until, stopping=self._loops.stopping.is_set)
        except RadnodeError as error:
            self._loops.failed(str(error))
        except OSError as error:  # a folder of the spool cannot be read
            self._loops.failed(f"the spool cannot be read: {error.strerror}")

    def _archives(self) -> Archives:
        return Archives(lambda: self._serving.settings, self._ledger, self._spool, self._loops.stopping.is_set)

    def _report_commitments(self) -> None:
        report_commitments(self._serving.settings, self._ledger, self._spool)

    def _beat(self) -> None:
        self._ledger.facts.beat(os.getpid())
