from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.errors import PluginError
from node.plugin import Interval
from radnode_kit.explanations.card import (
    BEGIN,
    END,
    Found,
    explained_text,
    pointing_text,
    signed,
    write_explained,
)
from radnode_kit.explanations.cost import Cost
from radnode_kit.explanations.faithfulness import Faithfulness
from radnode_kit.explanations.mammograms import Pointing
from radnode_kit.explanations.methods import METHODS
from radnode_kit.explanations.mosaic import Focus
from radnode_kit.explanations.sanity import Likeness

M = len(METHODS)
FOUND = Found(
    faithfulness=Faithfulness(tuple(METHODS), np.full((M, 3), 0.25), np.full((M, 3), 0.75), np.array(["x", "y", "z"])),
    focus=Focus(tuple(METHODS), np.full((M, 5), 0.625)),
    likeness=(Likeness(Interval(0.01, -0.1, 0.12), 0.2), Likeness(Interval(-0.02, -0.1, 0.06), 0.3)),
    residuals={"torch": 1e-6, "onnxruntime": 2e-6},
    checked=77,
    costs={"torch": Cost({"without": 0.02, "with": 0.021}, {"without": 1.0, "with": 1.05})},
    labels=4,
    cam_difference=1e-7,
    sides=(7, 14, 14),
    threads=2,
)


def test_every_method_has_a_row_with_its_three_figures() -> None:
    lines = explained_text(FOUND).splitlines()
    for name in METHODS:
        row = next(line for line in lines if line.startswith(f"| {name} |"))
        assert all(figure in row for figure in ("0.250", "0.750", "0.625"))


def test_the_text_says_what_was_measured() -> None:
    text = explained_text(FOUND)
    for words in (
        "3 held-back images",
        "5 mosaics",
        "14 x 14",
        "77 held-back",
        "torch 1.0e-06",
        "+0.010 (-0.100 to +0.120)",
        "-0.020 (",
    ):
        assert words in text
    assert "| torch | with | 21 | 1.05 |" in text


def test_it_says_that_grad_cam_is_the_positive_part_only_as_measured() -> None:
    assert "1e-07 of the largest value" in explained_text(FOUND)


def test_the_block_is_written_between_its_marks_and_nothing_else_changes(tmp_path: Path) -> None:
    card = tmp_path / "MODEL_CARD.md"
    card.write_text(f"before\n{BEGIN}\nold \\1\n{END}\nafter\n")
    write_explained(tmp_path, "new \\2\n")
    write_explained(tmp_path, "newer \\2\n")
    assert card.read_text() == f"before\n{BEGIN}\nnewer \\2\n{END}\nafter\n"


def test_a_card_without_marks_is_an_error_and_stays(tmp_path: Path) -> None:
    card = tmp_path / "MODEL_CARD.md"
    card.write_text("no marks\n")
    with pytest.raises(PluginError, match="no place for explanations"):
        write_explained(tmp_path, "new")
    assert card.read_text() == "no marks\n"


def test_differences_have_a_sign() -> None:
    assert signed(Interval(0.012, -0.003, 0.027)) == "+0.012 (-0.003 to +0.027)"


def test_the_pointing_game_says_that_it_tests_the_plumbing() -> None:
    found = Pointing(np.ones((1, 4), dtype=bool), np.ones((1, 4)), ("a",), np.arange(4).astype(str), 0.61)
    text = pointing_text(found)
    assert "4 mammograms" in text
    assert "AUROC 0.61" in text
    assert "no such plugin is shipped" in text
    assert "| a | 1.000" in text
