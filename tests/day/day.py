"""The day itself: who sends what when, and what else happens."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from node import config
from node.web import tokens
from node.web.tokens import Role
from tests.day.books import Line, balance
from tests.day.machine import PLUGINS, Machine
from tests.day.patients import Patients
from tests.day.senders import Modality, Sent
from tests.peers import RealOrthanc, RunningNode
from tests.peers.hospital import study_uids
from tests.peers.ports import free_port
from tests.peers.programs import system_program
from tests.viewer.ohif import home, run_node

_MINUTES = 60
_IMAGES = Path(__file__).parents[1] / "data" / "images"
#: Answers that are the baseline of a plugin, and that are looked at: a day is short.
_WATCHED = 60
#: From this minute on every film leaves its modality with another contrast.
_DRIFT_MINUTE, _GAMMA = 34, 2.2


@dataclass(frozen=True)
class Happening:
    """Something beside the studies. Attributes: minute: of the day; act: returns what was seen, in words."""

    minute: float
    what: str
    act: Callable[[], str]


@dataclass(frozen=True)
class Seen:
    """How a happening went. Attributes: told: what was seen; went_well: False: the day is not a good one."""

    minute: float
    what: str
    told: str
    went_well: bool


class Day:
    """Args: folder: for all files; speed: minutes of the day in one of ours; seed: of who comes when."""

    def __init__(self, folder: Path, speed: float, seed: int) -> None:
        self._folder, self._speed, self._draw = folder, speed, random.Random(seed)
        self._patients = Patients(folder / "studies", seed)
        self.orthanc = RealOrthanc(folder / "orthanc")
        self.machine = Machine(folder / "machine", folder / "node" / "radnode.toml")
        self.node = RunningNode(
            folder / "node",
            python=self.machine.python,
            plugins=PLUGINS,
            worker={"silent": ["skin-lesion"]},
            go_live={"accepted": False},  # 40 images are too few for ACCEPTED; the other criteria stand
            watch={"window": _WATCHED, "baseline": _WATCHED, "least": _WATCHED, "least_of_sender": 30},
            destinations=[self.orthanc.destination("dicom")],
            routes=[{"name": name, "plugin": name, "destinations": ["orthanc"]} for name in PLUGINS],
            tls={"enabled": True, "allow_plain": True, "port": free_port()},
            web={"enabled": True, "port": free_port()},
        )
        self.seen: list[Seen] = []
        self._minute = 0.0

    def radnode(self, *words: str, statuses: Sequence[int] = (0,)) -> str:
        """What the program answers to an operator; raises OSError at another exit status."""
        command = [str(self.machine.python), "-m", "node", *words, "-c", str(self.node.config)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
        if done.returncode not in statuses:
            raise OSError(f"radnode {words[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
        return done.stdout

    def run(self) -> list[Line]:
        """From the first study to the last result; the books."""
        with ExitStack() as stack:
            self.machine.install()
            self.radnode("certs", "init")
            self.radnode("certs", "issue", "ct-1")
            stack.enter_context(self.orthanc)
            stack.enter_context(self.node)
            self.node.await_worker()
            sent = self._go_through()
            self.node.await_ended(self._acknowledged(sent), 300)
            lines = balance(sent, self.node.ledger, self._archived(sent))
            self._keep_what_was_seen()
            return lines

    def _go_through(self) -> list[Sent]:
        certificates = self.node.folder / "certs"
        shown = ["+tls", str(certificates / "ct-1.key"), str(certificates / "ct-1.pem")]
        secured = [*shown, "+cf", str(certificates / "ca.pem")]
        films, derma = (Modality(name, self.node.port) for name in ("CR-1", "DERMA"))
        mobile = Modality("CR-MOBILE", self.node.port)
        scanner = Modality("CT-MR", self._tls_port(), secured)
        begun, waiting = time.monotonic(), sorted(self.happenings(), key=lambda one: one.minute)
        for minute, kind, modality, make in self._studies(films, mobile, derma, scanner):
            while waiting and waiting[0].minute <= minute:
                self._happen(waiting.pop(0), begun)
            self._sleep_until(minute, begun)
            self._minute = minute
            modality.send(kind, make())
        for one in waiting:
            self._happen(one, begun)
        modalities = (films, mobile, derma, scanner)
        for modality in modalities:
            modality.finish()
        return [one for modality in modalities for one in modality.sent]

    def _studies(
        self, films: Modality, mobile: Modality, derma: Modality, scanner: Modality
    ) -> Iterator[tuple[float, str, Modality, Callable[[], list[Path]]]]:
        """(minute, kind, sender, what makes its files), in the order of time."""
        patients = self._patients

        def contrast() -> float:
            return _GAMMA if self._minute >= _DRIFT_MINUTE else 1.0

        plan: Sequence[tuple[str, Modality, Callable[[], list[Path]], int]] = (
            ("chest film", films, lambda: patients.film(contrast()), 110),
            ("chest film, mobile", mobile, lambda: patients.film(contrast()), 40),
            ("chest film of a child", mobile, patients.child, 10),
            ("photograph of skin", derma, patients.skin, 15),
            ("chest CT", scanner, patients.chest_ct, 10),
            ("brain MR", scanner, patients.brain_mr, 6),
            ("damaged film", films, patients.damaged, 3),
            ("film of a hand", films, patients.foreign, 3),
            ("two patients in one study", mobile, patients.mixed_up, 2),
        )
        times = [
            (self._draw.uniform(0, _MINUTES), kind, modality, make)
            for kind, modality, make, count in plan
            for _ in range(count)
        ]
        yield from sorted(times, key=lambda one: one[0])

    # What happens

    def happenings(self) -> list[Happening]:
        """Beside the studies."""
        return [
            Happening(8, "kill -9 of the worker", lambda: self._killed("worker")),
            Happening(14, "kill -9 of a receiver", lambda: self._killed("receiver")),
            Happening(20, "the archive is away", self._archive_goes),
            Happening(26, "the archive is back", self._archive_comes),
            Happening(32, "the node's certificate is renewed", self._renewed),
            Happening(12, "the skin plugin goes live, on local data", self._goes_live),
            Happening(33, "the models are looked at: nothing has changed", lambda: self._looked(False)),
            Happening(46, "an upgrade", self._upgraded),
            Happening(_MINUTES, "the models are looked at: films have another contrast", lambda: self._looked(True)),
            Happening(40, "power cut: kill -9 of everything", lambda: self._killed("group")),
        ]

    def _killed(self, which: str) -> str:
        self.node.kill(which)
        begun = time.monotonic()
        self.node.restart()
        return f"it answered again after {time.monotonic() - begun:.1f} s"

    def _archive_goes(self) -> str:
        self.orthanc.stop()
        return "stopped"

    def _archive_comes(self) -> str:
        waiting = self.node.ledger.deliveries.count_by_state().get(("orthanc", "WAITING"), 0)
        self.orthanc.start()
        return f"{waiting} results waited for it"

    def _renewed(self) -> str:
        before = self.radnode("certs", "show", "--json")
        self.radnode("certs", "renew")
        return "a new certificate is shown" if self.radnode("certs", "show", "--json") != before else "it is the same"

    def _goes_live(self) -> str:
        table, out = _IMAGES / "skin-lesion.csv", self._folder / "acceptance"
        self.radnode("evaluate", "skin-lesion", str(table), "--out", str(out), statuses=(0, 1))  # 1: not accepted
        self.radnode("plugins", "go-live", "skin-lesion")
        return "evaluated on 40 labelled images; its results are delivered from now on"

    def _upgraded(self) -> str:
        before = self.machine.version
        self.node.stop()
        self.machine.upgrade()
        self.node.start()
        return f"from {before} to {self.machine.version}, with the ledger copied before"

    def _looked(self, is_changed: bool) -> str:
        self.radnode("watch", "look", statuses=(0, 1))
        alarms = [
            f"{plugin}: {one.metric}" for plugin, all_ in self.node.ledger.measures.alarms().items() for one in all_
        ]
        assert bool(alarms) == is_changed, alarms or "no alarm"
        return f"{len(alarms)} measures in alarm" if alarms else "no alarm"

    def _happen(self, one: Happening, begun: float) -> None:
        self._sleep_until(one.minute, begun)
        try:
            told, went_well = one.act(), True
        except (AssertionError, subprocess.SubprocessError, OSError) as error:
            told, went_well = f"{type(error).__name__}: {error}", False
        self.seen.append(Seen(one.minute, one.what, told, went_well))
        print(f"{one.minute:5.1f} min  {one.what}: {told}", flush=True)

    def _sleep_until(self, minute: float, begun: float) -> None:
        time.sleep(max(0.0, begun + minute * 60 / self._speed - time.monotonic()))

    # At the end

    def _tls_port(self) -> int:
        return config.load(self.node.config).ports["tls.port"]

    def _keep_what_was_seen(self) -> None:
        """Pictures of the dashboard, and the weekly report."""
        kept = self._folder / "seen"
        kept.mkdir()
        self.radnode("watch", "report", "--out", str(kept / "report.html"))
        film = next(one for one in self.node.ledger.studies.latest(200) if one.state == "CLOSED")
        pages = {
            "now": "/",
            "studies": "/studies",
            "study": f"/studies/{film.study_instance_uid}",
            "plugins": "/plugins",
            "destinations": "/destinations",
            "monitoring": "/monitoring",
        }
        request = {
            "home": str(home()),
            "chromium": system_program("chromium"),
            "out": str(kept),
            "url": f"http://127.0.0.1:{config.load(self.node.config).web.port}",
            "token": tokens.add(config.load(self.node.config).web_tokens, "day", Role.READ),
            "pages": pages,
        }
        run_node(Path(__file__).with_name("looking.mjs"), request, 120)

    def _acknowledged(self, sent: Sequence[Sent]) -> list[str]:
        return study_uids(path for one in sent for path in sorted(one.taken))

    def _archived(self, sent: Sequence[Sent]) -> dict[str, list[str]]:
        studies = self._acknowledged(sent)
        return {study: [one["Tags"]["SOPInstanceUID"] for one in self.orthanc.results(study)] for study in studies}
