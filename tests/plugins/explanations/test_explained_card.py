from __future__ import annotations

import numpy as np

from node.plugin import Interval
from radnode_kit.explanations.card import (
    Found,
    explained_text,
)
from radnode_kit.explanations.cost import Cost
from radnode_kit.explanations.faithfulness import Faithfulness
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
