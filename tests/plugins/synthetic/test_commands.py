from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("einops")
pytest.importorskip("sklearn")

from radnode_kit.card import BEGIN, END
from radnode_kit.synthetic.commands import REPORT, RESULTS, synthesise
from radnode_kit.synthetic.effect import ARMS, ASKED, BASELINES
from radnode_kit.synthetic.embedding import Embedder
from radnode_kit.synthetic.measuring import Findings
from radnode_kit.synthetic.text import write_report
from tests.plugins.synthetic.material import TINY, Means, write_set

pytestmark = pytest.mark.slow  # trains generators


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Findings]:
    """One whole run of the command on a made-up set."""
    folder = tmp_path_factory.mktemp("synthesise")
    write_set(folder / "data", 240)
    (folder / "report.md").write_text(f"# Words\n\n{BEGIN}\nold\n{END}\n\nMore words\n", encoding="utf-8")
    embedder = Embedder(folder / "work", Means(), side=16)
    return folder, synthesise(folder / "data", folder / "work", TINY, folder / "report.md", embedder)


def test_the_report_keeps_its_words_and_gets_the_figures(run: tuple[Path, Findings]) -> None:
    text = (run[0] / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# Words")
    assert text.endswith("More words\n")
    assert "\nold\n" not in text
    for arm in ARMS:
        assert f"| {arm} |" in text
    gain = run[1].effect[ASKED].gains[BASELINES[0]]
    assert f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})" in text


def test_the_results_stand_beside_as_json(run: tuple[Path, Findings]) -> None:
    table = json.loads((run[0] / "work" / RESULTS).read_text(encoding="utf-8"))
    assert table["plan"]["seed"] == TINY.seed
    assert table["effect"][ASKED]["auroc"]["value"] == run[1].effect[ASKED].auroc.value
    assert set(table["members"]) == {"all", "melanoma"}


def test_only_the_training_part_is_learned_from_and_every_part_is_counted(run: tuple[Path, Findings]) -> None:
    counts = {name: sum(each) for name, each in run[1].counts.items()}
    assert counts["train"] + counts["validation"] + counts["held-back"] == 255
    assert counts["validation"] > 15
    assert counts["synthetic"] == sum(TINY.samples)
    assert counts["held-back"] < counts["train"]


def test_there_is_a_sheet_of_samples_to_look_at(run: tuple[Path, Findings]) -> None:
    assert (run[0] / "work" / "synthetic.png").is_file()
    assert (run[0] / "work" / "real.png").is_file()


def test_a_second_call_measures_the_same(run: tuple[Path, Findings]) -> None:
    folder, first = run
    embedder = Embedder(folder / "work", Means(), side=16)
    again = synthesise(folder / "data", folder / "work", TINY, folder / "report.md", embedder)
    assert again == first


def test_a_report_that_is_not_there_is_made(tmp_path: Path) -> None:
    write_report(tmp_path / "new.md", "figures")
    assert (tmp_path / "new.md").read_text(encoding="utf-8") == f"# Synthetic data\n\n{BEGIN}\nfigures\n{END}\n"


def test_the_shipped_report_has_the_figures_of_every_arm() -> None:
    text = REPORT.read_text(encoding="utf-8")
    measured = text.partition(BEGIN)[2].partition(END)[0]
    for name in (*ARMS, "Frechet", "membership", "Machine"):
        assert name in measured
    assert "not shipped" in text
