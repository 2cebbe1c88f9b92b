"""`radnode evaluate --card`: the figures as a part of the model card."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from node.cli.app import app
from node.errors import PluginError
from node.plugin import Manifest
from radnode_kit.card import marks
from tests.plugins.acceptance.site import NAME, colours

BEGIN, END = marks("evaluated")


def test_evaluate_writes_its_figures_into_the_card(tmp_path: Path, colour: Manifest) -> None:
    card = colour.folder / "MODEL_CARD.md"
    card.write_text(f"# colour\n\n{BEGIN}\nold\n{END}\n", encoding="utf-8")
    table = str(colours(tmp_path, good=1.0))
    result = CliRunner().invoke(app, ["evaluate", NAME, table, "--out", str(tmp_path / "out"), "--card"])
    assert result.exit_code == 0, result.output
    written = card.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert "cases 60, patients 30; answered 60" in written
    assert "| red | 60 |" in written
    assert "1.000" in written
    assert "old" not in written


def test_a_card_without_a_place_is_said(tmp_path: Path, colour: Manifest) -> None:
    (colour.folder / "MODEL_CARD.md").write_text("# colour\n", encoding="utf-8")
    table = str(colours(tmp_path, good=1.0))
    result = CliRunner().invoke(app, ["evaluate", NAME, table, "--out", str(tmp_path / "out"), "--card"])
    assert isinstance(result.exception, PluginError)
    assert "no place for this" in str(result.exception)
