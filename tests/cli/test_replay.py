"""`radnode replay` and `radnode compare`, over studies that a real worker has answered."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from node import config
from node.classify.catalogue import Catalogue
from node.cli.app import app
from node.errors import PermanentError, RadnodeError
from node.ledger import Ledger
from node.offline import Bench
from node.pins import FILE, package_digest, pins_text
from tests.classify.material import CODE, importable, write_plugin
from tests.classify.wheels import write_wheel
from tests.peers import Hospital

_TOML = """\
[node]
data_dir = "."

[worker]
plugins = ["mean"]

[[destinations]]
name = "files"
kind = "folder"
path = "out"

[[routes]]
name = "films"
plugin = "mean"
destinations = ["files"]

[[destinations]]
name = "pacs"
kind = "dicom"
ae_title = "PACS"

[[fetch]]
name = "the night"
archive = "pacs"

[[worklists]]
name = "ris"
url = "http://127.0.0.1:9/dicom-web"
codes = { "AI^99SITE" = "mean" }
archive = "pacs"
"""
#: Answers half of the probability.
HALVED = CODE.replace("float(image_set.images[0].pixels.mean())", "float(image_set.images[0].pixels.mean()) / 2")


@dataclass
class Answered:
    """Two films that a plugin has answered; nothing has been delivered yet."""

    folder: Path
    plugins: Path
    ledger: Ledger
    studies: tuple[str, str]

    def run(self, *arguments: str) -> Result:
        more = [] if arguments[0] == "compare" else ["-c", str(self.folder / "radnode.toml")]
        return CliRunner().invoke(app, [*arguments, *more])

    def refusal(self, *arguments: str) -> RadnodeError:
        error = self.run(*arguments).exception
        assert isinstance(error, RadnodeError), error
        return error

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, str]]:
    """The node and its plugin, and the studies: a worker takes seconds to start."""
    root = tmp_path_factory.mktemp("answered")
    hospital, folder = Hospital(root / "hospital"), root / "node"
    folder.mkdir()
    with zipfile.ZipFile(write_wheel(root)) as archive:  # as pip installs it: a wheel may replace its own
        archive.extractall(root / "plugins")
    (folder / "radnode.toml").write_text(_TOML)
    with pytest.MonkeyPatch.context() as monkeypatch:
        importable(root / "plugins", monkeypatch)
        bench = Bench(folder, config.load(folder / "radnode.toml"))
        bench.take([hospital.film(1), hospital.film(2)])
        results = bench.analyse(root / "copies")
    assert [result.error for result in results] == ["", ""]
    bench.ledger.close()
    return root, (hospital.study_uid(1), hospital.study_uid(2))


@pytest.fixture
def answered(
    tmp_path: Path, template: tuple[Path, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Answered]:
    root, studies = template
    for name in ("node", "plugins"):
        shutil.copytree(root / name, tmp_path / name)
    importable(tmp_path / "plugins", monkeypatch)
    ledger = Ledger(tmp_path / "node" / "ledger.db")
    yield Answered(tmp_path / "node", tmp_path / "plugins", ledger, studies)
    ledger.close()


def test_the_same_plugin_is_proved_to_answer_the_same_to_the_byte(answered: Answered) -> None:
    uid = answered.studies[0]
    before = answered.ledger.deliveries.of_study(uid)
    done = answered.run("replay", uid)
    assert done.exit_code == 0, done.output
    assert f"of {uid}: identical, mean 1.0, model " in done.output
    assert "unknown" not in done.output
    assert "now model" not in done.output
    assert "1 answered again, 1 of them to the byte" in done.output
    assert answered.ledger.deliveries.of_study(uid) == before, "nothing is delivered, nor due"
    (event,) = [e for e in answered.ledger.events.of_study(uid) if e.detail.get("command") == "replay"]
    assert (event.detail["verdict"], event.detail["by"]) == ("identical", "mean 1.0")


def test_what_a_changed_plugin_answers_otherwise_is_said_exactly(answered: Answered) -> None:
    (answered.plugins / "radnode_test_mean" / "__init__.py").write_text(
        HALVED.format(ask="pass", one="pass", load="pass")
    )
    out = answered.folder / "different"
    number = answered.ledger.analyses.of_study(answered.studies[0])[0].id
    done = answered.run("replay", str(number), "--out", str(out))
    assert done.exit_code == 1
    (pair,) = answered.json("compare", str(out))["studies"][0]["pairs"]
    assert pair["after"] == pytest.approx(pair["before"] / 2)
    assert f"  bright: {pair['before']:.6g} {pair['outcome_before']} -> {pair['after']:.6g}" in done.output


def test_another_version_answers_in_the_shadow_into_a_folder_that_is_compared(
    answered: Answered, tmp_path: Path
) -> None:
    manifest = (answered.plugins / "radnode_test_mean" / "manifest.toml").read_text()
    newer = {
        "radnode_test_mean/__init__.py": HALVED.format(ask="pass", one="pass", load="pass"),
        "radnode_test_mean/manifest.toml": manifest.replace('version = "1.0"', 'version = "2.0"', 1),
    }
    wheel, out = write_wheel(tmp_path / "newer", more=newer), tmp_path / "shadow"
    pins = {"mean": package_digest(answered.plugins / "radnode_test_mean")}  # of the one that serves, not of a shadow
    (answered.folder / FILE).write_text(pins_text(pins))
    told = answered.json("replay", "--since", "1d", "--plugin", str(wheel), "--out", str(out))
    assert [(one["plugin"], one["other"], one["error"]) for one in told["studies"]] == [
        ("mean 1.0", "mean 2.0", "")
    ] * 2
    (shift,) = told["tally"]["findings"]
    assert shift["series"] == 2
    assert shift["mean"] < 0
    assert len(list(out.glob("sr-*.dcm"))) == 2
    assert len(list(out.glob("*-prediction.npz"))) == 2
    assert answered.json("compare", str(out)) == told
    assert "bright\t2\t-" in answered.run("compare", str(out)).output
    assert Catalogue(["mean"]).manifests["mean"].version == "1.0", "the one that is installed is as it was"
    for uid in answered.studies:
        assert len(answered.ledger.analyses.of_study(uid)) == 1, "the ledger knows no other analysis"


def test_a_shadow_that_does_not_take_the_study_says_why(answered: Answered, tmp_path: Path) -> None:
    package = write_plugin(answered.plugins, "other")
    manifest = (package / "manifest.toml").read_text().replace("[accepts]\n", '[accepts]\nmodality = ["MR"]\n')
    (package / "manifest.toml").write_text(manifest)
    done = answered.run("replay", answered.studies[0], "--plugin", "other", "--out", str(tmp_path / "shadow"))
    assert done.exit_code == 65
    assert "no series fits the plugin" in done.output
    assert "modality is DX, wanted MR" in done.output


def test_what_cannot_be_played_again_says_so(answered: Answered, tmp_path: Path) -> None:
    uid = answered.studies[0]
    with answered.ledger._database.write() as connection:
        connection.execute("UPDATE studies SET purged = 1")
    assert "the files of its study are purged" in answered.refusal("replay", uid).what
    told = answered.json("replay", "--since", "2h", "--limit", "1", "--of", "mean")
    assert (told["tally"]["studies"], told["tally"]["failed"]) == (0, 1)
    shadow = ("--plugin", str(tmp_path), "--out", str(tmp_path / "out"))
    assert "a folder is no plugin" in answered.refusal("replay", uid, *shadow).what
    assert "there is no such study" in answered.refusal("replay", "1.2.3.4").what
    assert isinstance(answered.refusal("compare", str(tmp_path)), PermanentError)


@pytest.mark.parametrize(
    "wrong",
    [
        ["replay"],
        ["replay", "1.2", "--since", "7d"],
        ["replay", "1.2", "--plugin", "other"],
        ["replay", "--since", "week"],
    ],
)
def test_a_wrong_command_line_is_refused(answered: Answered, wrong: list[str]) -> None:
    assert answered.run(*wrong).exit_code == 2
