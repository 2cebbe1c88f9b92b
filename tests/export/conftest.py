"""A node that has answered a film with real plugins, without any process: its ledger and its files."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node import config
from node.ledger import Ledger
from node.offline import Bench
from node.spool import Spool
from tests.classify.material import TALKATIVE, TALKATIVE_POINT, importable, write_plugin
from tests.peers import Hospital

_TOML = """\
match = "all"

[node]
data_dir = "."

[worker]
plugins = ["failing", "talkative"]

[[routes]]
name = "films"
modality = ["DX"]
plugin = "talkative"

[[routes]]
name = "other films"
modality = ["DX"]
body_part = ["FOOT"]
plugin = "failing"
"""


@dataclass
class Ward:
    """A data folder with a film that was answered, one that a second plugin failed on too, and an ultrasound."""

    folder: Path
    ledger: Ledger
    answered: str
    half: str
    ignored: str

    @property
    def spool(self) -> Spool:
        return Spool(self.folder / "spool")

    @property
    def config(self) -> Path:
        return self.folder / "radnode.toml"

    def work(self, uid: str, plugin: str = "talkative") -> Path:
        """The folder of an analysis."""
        row = next(row for row in self.ledger.analyses.of_study(uid) if row.plugin == plugin)
        return self.folder / "spool" / "work" / str(row.id)

    def set_state(self, uid: str, state: str, error: str = "") -> None:
        """As if the analysis had come there."""
        with sqlite3.connect(self.folder / "ledger.db") as connection:
            connection.execute(
                "UPDATE analyses SET state = ?, error = ? WHERE study_instance_uid = ? AND plugin = 'talkative'",
                (state, error, uid),
            )
        connection.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("ward")
    hospital = Hospital(folder / "hospital")
    (folder / "plugins").mkdir()
    write_plugin(folder / "plugins", "talkative", code=TALKATIVE, point=TALKATIVE_POINT)
    write_plugin(folder / "plugins", "failing", ask="raise RuntimeError('no')")
    (folder / "radnode.toml").write_text(_TOML)
    with pytest.MonkeyPatch.context() as monkeypatch:
        importable(folder / "plugins", monkeypatch)
        bench = Bench(folder, config.load(folder / "radnode.toml"))
        bench.take([hospital.film(1), hospital.film(2, BodyPartExamined="FOOT"), hospital.film(3, modality="US")])
        bench.analyse(folder / "out")
        bench.ledger.close()
    return folder, [hospital.study_uid(patient) for patient in (1, 2, 3)]


@pytest.fixture
def ward(tmp_path: Path, made: tuple[Path, list[str]]) -> Iterator[Ward]:
    folder, uids = made
    here = tmp_path / "ward"
    here.mkdir()
    for name in ("radnode.toml", "ledger.db"):
        shutil.copy(folder / name, here / name)
    (here / "spool").mkdir()
    (here / "spool" / "instances").symlink_to(folder / "spool" / "instances")
    shutil.copytree(folder / "spool" / "work", here / "spool" / "work")
    ledger = Ledger(here / "ledger.db")
    yield Ward(here, ledger, *uids)
    ledger.close()
