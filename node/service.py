"""Composition: builds the node from its settings, starts it, watches its processes, drains and stops it.

Processes: this one (pipeline, scheduler, couriers), receivers (`python -m node.receive`), workers
(`python -m node.worker`), and where they are asked for one that watches folders (`python -m node.intake`) and one for
HTTP (`python -m node.web`). Everything they share is the ledger and the spool; any of them may be killed at any time.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

import structlog

from node import __version__
from node.audit import Forwarder, verify_trail
from node.changes import Changes
from node.children import Children, commands_of
from node.classify.catalogue import Catalogue
from node.classify.process import WorkerDied, WorkerLate, WorkerProcess
from node.classify.settings import check_plugins
from node.completion import LONGEST_REST_SECONDS
from node.config import Settings, frozen
from node.deliver import Courier
from node.errors import ConfigError, RadnodeError, where
from node.fetch import Watch
from node.ledger import Ledger
from node.notify import Manager
from node.pipeline import Pipeline
from node.receive.identity import Identity
from node.reconcile import reconcile
from node.safekeeping import Asker, report_commitments
from node.scheduler import Scheduler, Tick
from node.spool import Spool, write_once

log = structlog.get_logger()

_HEARTBEAT_SECONDS = 2.5
_DAY_SECONDS = 86400.0
#: Pause after something failed that is tried again: the log stays readable, and the machine usable.
_RESTART_SECONDS = 2.0
_DRAIN_SECONDS = 20.0


class Service:
    """One node.

    The processes it starts get the settings as they were read, from `serving.json` in the data folder: a configuration
    file that is changed meanwhile counts from the next start of the node, never for one process alone.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._couriers: list[Courier] = []
        data = settings.node.data_dir
        self._copy = data / "serving.json"
        self._catalogue = Catalogue(settings.worker.plugins, settings.worker.pins)
        check_plugins(settings, self._catalogue)
        if settings.tls.enabled:
            Identity(settings.tls)  # raises here, once, what every receiver would end with
        self._lock = hold_data_folder(data)
        self._spool = Spool(data / "spool", settings.storage.min_free_mb)
        self._spool.prepare()
        self._ledger = Ledger(data / "ledger.db", settings.storage.busy_seconds)
        self._changes = Changes(self._ledger)
        self._forwarder = Forwarder(settings, self._ledger, self._spool)
        self._children = Children(commands_of(settings, self._copy), self._ledger)
        self._pipeline = Pipeline(
            settings, self._ledger, self._spool, self._catalogue, owner=f"{os.getpid()}@{time.time():.0f}"
        )
        stops = self._stopping.is_set
        self._scheduler = Scheduler(
            [
                Tick("read documents", 1.0, self._pipeline.read_documents),
                Tick("storage commitment", 1.0, partial(report_commitments, settings, self._ledger, self._spool)),
                *(
                    Tick(f"ask {one.name} to keep", 2.0, Asker(one, settings, self._ledger).step)
                    for one in settings.destinations
                    if one.storage_commitment
                ),
                *(
                    Tick(f"fetch {one.name}", one.every_minutes * 60, Watch(one, settings, self._ledger, stops).step)
                    for one in settings.fetch
                ),
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
        shutil.rmtree(self._settings.cache_dir / "tmp", ignore_errors=True)  # what killed workers left behind
        swept, in_order, begun = self._spool.sweep(), self._ledger.facts.stopped_in_order(), time.time()
        self._ledger.arrivals.close_all_associations("the node was stopped")
        self._ledger.analyses.free_leases()
        self._ledger.pledges.ask_only([one.name for one in self._settings.destinations if one.storage_commitment])
        for where_it_was in self._ledger.facts.troubles():
            self._ledger.facts.set_trouble(where_it_was, "")
        data_dir, trail = str(self._settings.node.data_dir), self._ledger.events.head()
        log.info("starting", data_dir=data_dir, unfinished_files_removed=swept, trail=trail)
        self._forwarder.begin()
        self._ledger.events.add("node started", version=__version__)
        self._beat()
        self._children.start()
        self._run_thread("reconcile", partial(self._reconcile, whole=not in_order, until=begun))
        self._run_thread("changes", self._changes.watch)
        self._run_thread("close studies", self._close_studies)
        self._run_thread("route studies", partial(self._repeat, self._pipeline.route_studies))
        for number in range(self._settings.worker.processes):
            self._run_thread(f"worker-{number}", self._work)
        for destination in self._settings.destinations:
            courier = Courier(destination, self._ledger, self._spool, self._settings)
            self._couriers.append(courier)
            self._run_thread(f"courier-{destination.name}", partial(self._deliver, courier))
        if self._settings.audit.enabled:
            self._run_thread("audit", partial(self._repeat, self._forwarder.step))
        self._scheduler.start()

    def run(self) -> None:
        """Start, serve until SIGTERM or SIGINT, then drain; a second signal ends at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        manager, is_ready = Manager(), False
        self.start()
        while not self._stopping.wait(0.5):
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
                self._stopping.wait(_RESTART_SECONDS)
        except RadnodeError as error:
            self._failed(str(error))

    def stop(self) -> None:
        """Take no more associations, finish what is in hand, and end every process."""
        log.info("stopping")
        self._stopping.set()
        self._changes.stop()
        self._children.terminate()
        for courier in self._couriers:
            courier.stop()
        self._scheduler.stop()
        deadline = time.monotonic() + _DRAIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
        self._children.end(deadline)
        self._ledger.events.add("node stopped")
        self._forwarder.finish()
        self._ledger.facts.beat(None)
        self._lock.close()
        log.info("stopped")

    def _on_signal(self, number: int, _: object) -> None:
        if self._stopping.is_set():
            log.warning("stopping at once", signal=number)
            self._children.kill()
            os._exit(1)  # workers watch their parent
        self._stopping.set()

    # Threads

    def _run_thread(self, name: str, target: Callable[[], object]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        worker = WorkerProcess([sys.executable, "-m", "node.worker", str(self._copy)])
        try:
            self._repeat(lambda: self._keep_alive(worker) and self._pipeline.work(worker))
        finally:
            worker.kill()

    def _deliver(self, courier: Courier) -> None:
        self._repeat(courier.step)
        courier.rest()

    def _keep_alive(self, worker: WorkerProcess) -> bool:
        """Start the worker unless it runs; False when it will not start: the loop comes back after a pause."""
        if worker.pid is not None:
            return True
        name = threading.current_thread().name
        try:
            hello = worker.start(self._settings.worker.start_seconds)
        except (WorkerDied, WorkerLate) as error:
            log.error("worker does not start", error=str(error))
            self._ledger.facts.set_trouble(name, str(error))
            self._stopping.wait(_RESTART_SECONDS)
            return False
        for problem in hello["problems"]:
            log.error("plugin unusable", error=problem)
        self._ledger.facts.set_trouble(name, "; ".join(hello["problems"]))
        for sentence in hello["lacking"]:
            log.warning("worker is not confined", why=sentence)
        log.info("worker ready", pid=worker.pid)
        return True

    def _close_studies(self) -> None:
        self._repeat(self._pipeline.close_studies, lambda: self._pipeline.rest_seconds)

    def _repeat(
        self, step: Callable[[], object], rest_seconds: Callable[[], float] = lambda: LONGEST_REST_SECONDS
    ) -> None:
        """Call `step` until it has nothing to do, then whenever the ledger changed or the time to rest has passed."""
        while not self._stopping.is_set():
            before, begun = self._changes.count, time.monotonic()
            try:
                if step():
                    continue
            except RadnodeError as error:
                self._failed(str(error))
            except Exception as error:  # the edge of the step loop
                self._failed(where(error))
            self._changes.wait(before, rest_seconds(), took=time.monotonic() - begun)

    def _failed(self, reason: str) -> None:
        log.error("step failed", error=reason, thread=threading.current_thread().name)
        self._stopping.wait(_RESTART_SECONDS)

    def _reconcile(self, *, whole: bool, until: float | None = None) -> None:
        try:
            reconcile(self._ledger, self._spool, whole=whole, until=until, stopping=self._stopping.is_set)
        except RadnodeError as error:
            self._failed(str(error))
        except OSError as error:  # a folder of the spool cannot be read
            self._failed(f"the spool cannot be read: {error.strerror}")

    def _beat(self) -> None:
        self._ledger.facts.beat(os.getpid())


def hold_data_folder(data_dir: Path) -> IO[str]:
    """Hold the data folder: two nodes on one folder would do everything twice."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        stream = (data_dir / "serve.lock").open("w")
    except OSError as error:
        hint = "node.data_dir must be a folder that this user may write"
        raise ConfigError(
            f"the data folder cannot be used: {error.strerror}", about=str(data_dir), hint=hint
        ) from error
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        stream.close()
        raise ConfigError(
            "another radnode serves this data folder", about=str(data_dir), hint="stop it, or use another data_dir"
        ) from error
    return stream
