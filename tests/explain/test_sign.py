"""The sign of the outcome: told apart by shape alone, and at the size of a thumbnail."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from node.explain import sign, text
from node.explain.layout import MARGIN, WIDTH
from node.plugin import Outcome

OUTCOMES = [Outcome.PRESENT, Outcome.UNDETERMINED, Outcome.ABSENT, None]


def shape(outcome: Outcome | None, figure: str = "") -> np.ndarray:
    """True where the sign is drawn; 120 rows, of the picture's width."""
    canvas = Pillow.new("RGB", (WIDTH, 120), text.BACKGROUND)
    sign.write(ImageDraw.Draw(canvas), 20, outcome, figure)
    return np.asarray(canvas.convert("L")) > 60


@pytest.mark.parametrize("first", OUTCOMES)
@pytest.mark.parametrize("second", OUTCOMES)
def test_two_outcomes_are_told_apart_without_colour(first: Outcome | None, second: Outcome | None) -> None:
    same = np.mean(shape(first) ^ shape(second)) * shape(first).size / sign.SIDE**2
    assert same == 0 if first is second else same > 0.15


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_thumbnail_of_an_eighth_still_tells_the_outcome(outcome: Outcome | None) -> None:
    small = {
        one: np.asarray(Pillow.fromarray(255 * shape(one).astype(np.uint8)).resize((128, 15), Pillow.Resampling.BOX))
        for one in OUTCOMES
    }
    seen = small[outcome].astype(float)
    nearest = min(OUTCOMES, key=lambda one: float(np.abs(seen - small[one]).sum()))
    assert nearest is outcome
    assert all(np.abs(seen - small[one]).max() > 60 for one in OUTCOMES if one is not outcome)


@pytest.mark.parametrize("figure", ["", "5 %", "100 %", "< 1 %", "> 99 %"])
def test_the_sign_stays_within_the_room_the_title_leaves_it(figure: str) -> None:
    columns = np.flatnonzero(shape(Outcome.PRESENT, figure).any(axis=0))
    assert columns.max() <= WIDTH - MARGIN
    assert columns.min() >= WIDTH - MARGIN - sign.ROOM
