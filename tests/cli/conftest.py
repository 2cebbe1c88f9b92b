"""A node that has done some work, without any process: its ledger and its files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from node import config
from node.cli.app import app
from node.errors import RadnodeError
from node.ledger import Ledger
from node.offline import Bench
from tests.peers import Hospital

_TOML = """\
[node]
data_dir = "."

[[destinations]]
name = "pacs"
kind = "dicom"
ae_title = "PACS"
port = 1

[[routes]]
name = "films"
modality = ["DX"]
plugin = "chest-radiograph"
destinations = ["pacs"]
"""


@dataclass
class Site:
    """A data folder with a film that was answered, one that failed, and an ultrasound that nothing takes."""

    config: Path
    ledger: Ledger
    answered: str
    failed: str
    ignored: str

    def run(self, *arguments: str, needs_config: bool = True) -> Result:
        """A command in this process; errors of ours stay errors."""
        more = ["-c", str(self.config)] if needs_config else []
        return CliRunner().invoke(app, [*arguments, *more])

    def text(self, *arguments: str, needs_config: bool = True) -> str:
        done = self.run(*arguments, needs_config=needs_config)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.output

    def json(self, *arguments: str, needs_config: bool = True) -> Any:
        return json.loads(self.run(*arguments, "--json", needs_config=needs_config).stdout)

    def refusal(self, *arguments: str) -> RadnodeError:
        error = self.run(*arguments).exception
        assert isinstance(error, RadnodeError), error
        return error

    def analysis_id(self, uid: str) -> int:
        return self.ledger.analyses.of_study(uid)[0].id


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder of a site, and its studies: made once, since a spool has many folders."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "radnode.toml").write_text(_TOML)
    hospital = Hospital(folder / "hospital")
    bench = Bench(folder, config.load(folder / "radnode.toml"))
    bench.take([hospital.film(1), hospital.film(2), hospital.film(3, modality="US")])
    for study in bench.ledger.studies.latest(10):
        bench.ledger.studies.complete(study, "quiet", partial=False, expected=None)
    bench.pipeline.route_studies()
    answered, failed, ignored = (hospital.study_uid(patient) for patient in (1, 2, 3))
    first, second = (bench.ledger.analyses.of_study(uid)[0].id for uid in (answered, failed))
    bench.ledger.analyses.classified(first, "Pneumonia-like opacity 93% (present)")
    bench.ledger.analyses.reported(first, [], {})
    bench.ledger.analyses.fail(second, "the plugin raised ValueError at x.py:3")
    bench.ledger.close()
    return folder, [answered, failed, ignored]


@pytest.fixture
def site(tmp_path: Path, template: tuple[Path, list[str]]) -> Iterator[Site]:
    made, uids = template
    for name in ("radnode.toml", "ledger.db"):
        shutil.copy(made / name, tmp_path / name)
    (tmp_path / "spool").symlink_to(made / "spool")
    ledger = Ledger(tmp_path / "ledger.db")
    yield Site(tmp_path / "radnode.toml", ledger, *uids)
    ledger.close()


@pytest.fixture
def hostile(hospital: Hospital) -> Callable[[], Path]:
    """A film whose texts want to paint the operator's screen."""
    text = "\x1b[31mred\x1b[0m"
    return lambda: hospital.film(9, SeriesDescription=text, PatientName=text)
