"""Fault 38: the clock of the machine is set, a day ahead and a day back, by Debian's libfaketime."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from node.ledger import StudyRow
from node.states import StudyState
from tests.faults.answers import settled, tally
from tests.faults.campaign import Scene, Seen, environment
from tests.faults.evil_pacs import EvilPacs
from tests.faults.killing import ROUTE
from tests.faults.modality import send
from tests.peers import install_plugin, until

_LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), Path("libfaketimeMT.so.1"))
#: One after the other: ahead, back to the truth, and behind it.
_SET = ("+86400", "+0", "-86400")


#: libfaketime takes the monotonic time until which Python sleeps for one of the wall clock: EINVAL.
_SLEEP = """\
import select
import time

time.sleep = lambda seconds: select.select((), (), (), seconds)
"""


class Clock:
    """The wall clock of processes with these variables. The monotonic one goes on, as a kernel's does.

    Args:
        folder: of the file that says how far it is off, and of what Python needs on its path then.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self._path = folder, folder / "clock"
        (folder / "sitecustomize.py").write_text(_SLEEP, encoding="ascii")
        self.set("+0")

    def set(self, seconds: str) -> None:
        """Args: seconds: off the truth, with a sign."""
        part = self._path.with_suffix(".part")
        part.write_text(f"{seconds}\n", encoding="ascii")
        part.rename(self._path)  # nobody reads half of it

    @property
    def variables(self) -> dict[str, str]:
        """For the environment of a process."""
        assert _LIBRARY.exists(), "faketime is not installed: deploy/install-peers.sh"
        return {
            "LD_PRELOAD": str(_LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


class _Work:
    """What is under way when the clock is set. Args: quiet: seconds that end a study."""

    def __init__(self, scene: Scene, quiet: float) -> None:
        self.quiet, self._scene, self.clock = quiet, scene, Clock(scene.folder / "clock")
        self.full, self.uids = False, list[str]()
        self.archive = scene.enter(EvilPacs(lambda _: 0xA700 if self.full else 0x0000))
        plugin = install_plugin(scene.folder / "plugins")
        study = {"quiet_seconds": {"default": quiet}, "settled_seconds": quiet}
        with environment(**self.clock.variables):
            self.node = scene.node(
                destinations=[self.archive.destination("storescp")],
                routes=[ROUTE],
                python_path=[plugin, self.clock.folder],
                study=study,
            )

    def send(self, patient: int, series: int) -> str:
        """An image in a series of its own; its UID."""
        image = self._scene.hospital.image(patient, series=series)
        assert send(self.node.port, [image]) == [0]
        self.uids.append(str(image.SOPInstanceUID))
        return self.uids[-1]

    def study(self, patient: int) -> StudyRow:
        """As the node has it."""
        found = self.node.study(self._scene.hospital.study_uid(patient))
        assert found is not None
        return found

    def await_postponed(self, patient: int) -> None:
        """Until its results could not be delivered, and are to be sent later."""
        uid = self._scene.hospital.study_uid(patient)

        until(lambda: any(one.attempts for one in self.node.ledger.deliveries.of_study(uid)), "its results wait")


@dataclass(frozen=True)
class _Round:
    """Seconds from the clock's setting until status said that it serves; from the last image of the study until it
    was closed; and from the archive's return until it had what waited."""

    serves: float
    closed: float
    delivered: float


def _round(work: _Work, number: int, seconds: str) -> _Round:
    """Results of one study wait for the archive, and one image of another is there, when the clock is set."""
    work.full = True
    waiting = work.send(100 + number, 1)
    work.await_postponed(100 + number)
    work.send(number, 1)
    time.sleep(0.1)  # it is seen as new
    with ThreadPoolExecutor(1) as pool:
        work.clock.set(seconds)
        serves = pool.submit(_seconds_until, lambda: work.node.json("status")["serving_pid"])
        time.sleep(0.4 * work.quiet)
        work.send(number, 2)
        closed = _seconds_until(lambda: work.study(number).state is not StudyState.RECEIVING)
        work.full = False
    delivered = _seconds_until(lambda: tally([waiting], work.archive.objects()).once)
    return _Round(serves.result(), closed, delivered)


def _seconds_until(condition: Callable[[], object]) -> float:
    begun = time.monotonic()
    until(condition, "the work goes on", pause=0.05)
    return time.monotonic() - begun


def clock_set(scene: Scene) -> Seen:
    """38: between the two images of a study, while results of another wait."""
    work = _Work(scene, scene.times(5, 1))
    sets = _SET[:1] if scene.short else _SET
    rounds = [_round(work, number, seconds) for number, seconds in enumerate(sets, 1)]
    found = settled(work.uids, work.archive.objects, 30)
    studies = [work.study(number) for number in range(1, len(sets) + 1)]
    whole = sum((one.revision, one.images) == (1, 2) for one in studies)
    early, late = (pick(one.closed for one in rounds) for pick in (min, max))
    serves, delivered = max(one.serves for one in rounds), max(one.delivered for one in rounds)
    figure = (
        f"set {len(sets)} times: both images in one version {whole}, closed after {early:.1f}-{late:.1f} s"
        f" (quiet {work.quiet} s), what waited is delivered after {delivered:.1f} s, status after {serves:.1f} s;"
        f" {found}"
    )
    in_time = work.quiet - 0.1 < early and late < work.quiet + 2 and delivered < 10 and serves < 3
    return Seen(found.once and whole == len(sets) and in_time, figure)
