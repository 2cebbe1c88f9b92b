"""Whether answers hang on the evidence that is shown: a plugin whose maps tell the truth, and one whose maps do not."""

from __future__ import annotations

import numpy as np
import pytest

from node.plugin import EvidenceMap, Finding, Image, ImageSet, Prediction
from radnode_kit.acceptance.covering import MOST, PLACES, SHARE, Covered, covered, covering, forms, strongest, subject

SIDE, CELL = 80, 10


def bright_spot(top: int = 20, left: int = 50) -> ImageSet:
    """One dark image with a bright cell, on which the fake model below hangs."""
    pixels = np.full((SIDE, SIDE), 0.1, np.float32)
    pixels[top : top + CELL, left : left + CELL] = 1.0
    return ImageSet((Image(pixels, None, "1.2.3"),), "1.2", "DX")


def answered(image_set: ImageSet, *, honest: bool = True) -> Prediction:
    """The brightest cell makes the logit; an honest map shows it, the other one its mirror image."""
    (image,) = image_set.images
    cells = image.pixels.reshape(SIDE // CELL, CELL, SIDE // CELL, CELL).mean(axis=(1, 3))
    grid = np.where(cells == cells.max(), 6.0 * cells, 0.0).astype(np.float32)
    logit = float(grid.sum()) - 3.0
    shown = grid if honest else grid[::-1, ::-1]
    evidence = EvidenceMap("spot", shown, -3.0, logit, "1.2.3", 1, (0.0, 0.0, SIDE, SIDE))
    probability = 1.0 / (1.0 + float(np.exp(-logit)))
    return Prediction((Finding("spot", logit, probability, "1.2.3"),), (evidence,))


def measured(*, honest: bool) -> list[Covered]:
    found = []
    for number in range(20):
        image_set = bright_spot(top=10 * (number % 3), left=10 * (number % 4))
        told = answered(image_set, honest=honest)
        chosen = subject(image_set, told, ["spot"])
        assert chosen is not None
        one = covered(
            f"p{number}", chosen[0], [answered(form, honest=honest) for form in forms(image_set, chosen[1], number)]
        )
        assert one is not None
        found.append(one)
    return found


def test_blurring_honest_evidence_takes_the_probability_down_further_than_blurring_elsewhere() -> None:
    told = covering(measured(honest=True), 200)
    assert told is not None
    assert told.cases == 20
    assert told.evidence < told.elsewhere <= told.whole + 1e-6
    assert 0.0 < told.low <= told.difference <= told.high


def test_a_map_that_shows_other_places_is_found_out() -> None:
    told = covering(measured(honest=False), 200)
    assert told is not None
    assert told.low <= 0.0


def test_a_tenth_of_the_image_is_blurred_and_the_rest_stays() -> None:
    image_set = bright_spot()
    evidence = answered(image_set).maps[0]
    marked = strongest(evidence, image_set.images[0])
    assert marked.mean() == pytest.approx(SHARE, abs=0.03)
    assert marked[25, 55]
    made = forms(image_set, evidence, seed=1)
    assert len(made) == 1 + PLACES
    first = made[0].images[0].pixels
    assert (first[~marked] == image_set.images[0].pixels[~marked]).all()
    assert first[25, 55] < 0.7


def test_colour_stays_colour() -> None:
    grey = bright_spot().images[0]
    image = Image(np.stack([grey.pixels] * 3, axis=-1), None, "1.2.3")
    made = forms(ImageSet((image,), "1.2", "XC"), answered(bright_spot()).maps[0], seed=1)
    assert all(form.images[0].pixels.shape == (SIDE, SIDE, 3) for form in made)


def test_where_the_plugin_abstains_on_a_blurred_image_the_case_does_not_count() -> None:
    image_set = bright_spot()
    finding = answered(image_set).findings[0]
    assert covered("p", finding, [answered(image_set), Prediction(abstained="unlike"), answered(image_set)]) is None


def test_series_and_findings_without_a_map_are_not_asked() -> None:
    image_set = bright_spot()
    told = answered(image_set)
    assert subject(image_set, Prediction(told.findings), ["spot"]) is None
    assert subject(image_set, told, []) is None
    two = ImageSet(image_set.images * 2, "1.2", "DX")
    assert subject(two, told, ["spot"]) is None


def test_without_cases_there_are_no_figures() -> None:
    assert covering([], 100) is None
    assert MOST > 0
