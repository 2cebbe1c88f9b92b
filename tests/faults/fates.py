"""Sends bad files to a storage SCP, and finds out what became of each."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from node.receive.text import shown_uid
from node.states import AnalysisState
from tests.faults.bad_files import BadFile, Fate
from tests.faults.campaign import Scene
from tests.faults.rawpeer import PROMPT, echo_seconds
from tests.faults.target import Target, asked
from tests.peers import RunningNode, folder_objects, install_plugin, until
from tests.peers.archive import StoredObject
from tests.peers.running_node import ENDED
from tests.receive.material import IMPLICIT, VERIFICATION
from tests.receive.peer import Peer

#: An answer that takes longer has not come, seconds.
LIMIT = 5.0
_NOT_ASSESSED = "not assessed"


@dataclass(frozen=True)
class Answer:
    """What the other side said. `fate` is :attr:`Fate.PROCESSED` as long as it said that it keeps the object."""

    fate: Fate
    seconds: float


def send(port: int, file: BadFile) -> Answer:
    """One file on an association of its own, in the words of its sender."""
    began = time.monotonic()
    try:
        fate = _sent(port, file)
    except TimeoutError:
        fate = Fate.UNANSWERED
    except (OSError, AssertionError, KeyError, struct.error):
        fate = Fate.REFUSED  # by an abort, or the end of the connection
    seconds = time.monotonic() - began
    return Answer(Fate.UNANSWERED if seconds > LIMIT else fate, seconds)


def _sent(port: int, file: BadFile) -> Fate:
    with Peer(port, timeout=LIMIT) as peer:
        peer.associate(((VERIFICATION, (IMPLICIT,)), (file.sop_class or "1.2.3", (file.syntax,))))
        if 3 not in peer.accepted:
            peer.release()
            return Fate.REFUSED
        status = peer.store(file.body, file.instance, file.sop_class)
        with contextlib.suppress(OSError):
            peer.release()
        return Fate.PROCESSED if status == 0 or status >> 12 == 0xB else Fate.REFUSED


class Ward:
    """A node that classifies everything it can, and writes results to a folder. Args: settings: further sections."""

    def __init__(self, scene: Scene, **settings: Mapping[str, object]) -> None:
        self.results = scene.folder / "results"
        route = {"name": "everything", "plugin": "brightness", "destinations": ["disk"], "include_excluded": True}
        self.node: RunningNode = scene.node(
            python_path=[install_plugin(scene.folder / "plugins")],
            destinations=[{"name": "disk", "kind": "folder", "path": self.results}],
            routes=[route],
            **{"worker": {"plugins": ["brightness"], "decode_seconds": 20}, **settings},
        )

    def take(self, files: Sequence[BadFile]) -> Iterator[tuple[BadFile, Answer]]:
        """Send each; a C-ECHO after it that is not answered raises AssertionError."""
        for file in files:
            yield file, send(self.node.port, file)
            assert echo_seconds(self.node.port, 5), f"no C-ECHO is answered after: {file.name}"

    def fates(self, answers: Mapping[BadFile, Answer], seconds: float = 90) -> dict[BadFile, Fate]:
        """What became of each once nothing is under way any more."""
        until(self._is_quiet, "every study has ended", seconds, 0.2)
        aside = {
            str(row["sop_instance_uid"]) for row in self.node.ledger.studies.set_aside(count=10000) if row["reason"]
        }
        return {file: self._fate(file, answer, aside) for file, answer in answers.items()}

    def reports(self, file: BadFile) -> list[StoredObject]:
        """On its study."""
        return [one for one in folder_objects(self.results) if one.study == file.study and one.kind == "sr"]

    def _is_quiet(self) -> bool:
        return all(study.state in ENDED for study in self.node.ledger.studies.latest(10000))

    def _has_finding(self, file: BadFile) -> bool:
        """Whether a report has a number; one that only says what was not assessed has none."""
        found = (one.dataset for one in self.reports(file))
        return any(item.get("MeasuredValueSequence") for report in found for item in _items(report))

    def _fate(self, file: BadFile, answer: Answer, aside: set[str]) -> Fate:
        if answer.fate is not Fate.PROCESSED:
            return answer.fate
        study = self.node.study(file.study) if file.study else None
        if study is not None and study.images:
            analyses = self.node.ledger.analyses.of_study(file.study)
            if any(one.state is AnalysisState.DELIVERED for one in analyses) and self._has_finding(file):
                return Fate.PROCESSED
            told = study.reason if not analyses else all(one.error or _NOT_ASSESSED in one.summary for one in analyses)
            return Fate.SET_ASIDE if told else Fate.LOST
        shown = {shown_uid(uid.encode()) for uid in _names(file)}
        return Fate.SET_ASIDE if shown & aside else Fate.LOST


def _items(ds: Dataset) -> Iterator[Dataset]:
    """Every content item of a report."""
    for item in ds.get("ContentSequence", ()):
        yield item
        yield from _items(item)


def _names(file: BadFile) -> list[str]:
    """Under which UIDs it may have been set aside."""
    return [file.instance.rstrip("\0 "), file.instance]


def judged(fates: Mapping[BadFile, Fate]) -> str:
    """Which files went another way than they may; empty: none did."""
    wrong = [f"{file.name}: {fate}" for file, fate in fates.items() if fate not in file.allowed]
    return "; ".join(wrong)


def counted(fates: Mapping[BadFile, Fate]) -> str:
    """In words: `3 processed, 2 refused`."""
    found = list(fates.values())
    return ", ".join(f"{found.count(fate)} {fate}" for fate in Fate if fate in found)


def asked_the_same(scene: Scene, files: Sequence[BadFile], escape: str = "") -> dict[str, str]:
    """What peers answer to the files, and whether they answer a C-ECHO afterwards; as well how many files of the name
    `escape` there are then that they do not keep as theirs.
    """
    if scene.short:
        return {}

    def attack(target: Target) -> str:
        before, there = target.footprint().rss, escaped(scene.folder, escape)
        answers = [send(target.port, file) for file in files]
        grown = max(0.0, target.footprint().rss - before)
        late = sum(answer.fate is Fate.UNANSWERED for answer in answers)
        refused = sum(answer.fate is Fate.REFUSED for answer in answers)
        well = echo_seconds(target.port, 5 * PROMPT) is not None
        kept = len(answers) - late - refused
        told = f"{kept} kept, {refused} refused, {late} not answered within {LIMIT:.0f} s, +{grown:.0f} MB"
        if escape:
            told += f", files outside {len(escaped(scene.folder, escape) - there - set(target.kept()))}"
        return told if well else f"{told}; then no C-ECHO"

    return asked(scene, attack)


def escaped(folder: Path, name: str) -> set[Path]:
    """Files of that name, or with it, anywhere in `folder` and where else a path may lead."""
    if not name:
        return set()
    places = (Path("/tmp"), Path("/etc"), Path.cwd())  # noqa: S108  # where they would be
    return {path for place in places for path in place.glob(f"*{name}*")} | set(folder.rglob(f"*{name}*"))
