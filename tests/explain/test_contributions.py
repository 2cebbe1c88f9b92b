"""Which part of an image contributes how much: the words and figures add up to the logit."""

from __future__ import annotations

import re

import numpy as np
import pytest

from node.explain import contributions
from node.explain.contributions import PARTS, contribution, parts
from node.plugin import EvidenceMap, Finding, Image, Interval, OperatingPoint
from node.study import Analysis, Contribution
from tests.explain.material import analysis, evidence, image, manifest, spec


def grid(**named: float) -> np.ndarray:
    """Three by three cells, one for each part of the image."""
    values = [named.get(part.replace(" ", "_"), 0.0) for part in PARTS]
    return np.array(values, np.float32).reshape(3, 3)


def told(cells: np.ndarray, bias: float = 0.0, probability: float = 0.9, **changes: object) -> Contribution:
    picture = image()
    logit = float(cells.sum(dtype=np.float64)) + bias
    made = analysis((picture,), probabilities=(probability,), maps=(evidence(picture, cells, bias=bias, logit=logit),))
    (one,) = contributions(made)
    return one


def figures(sentence: str) -> list[float]:
    return [float(number) for number in re.findall(r"[+-]?\d+\.\d\d", sentence)]


def test_the_region_that_contributes_most_is_named_with_the_rest_and_the_baseline() -> None:
    one = told(grid(upper_right=1.9, lower_left=0.7), bias=-0.2)
    assert one.sentence == (
        "The upper right region of the image as displayed contributes +1.90 of 2.40 logits; the other regions +0.70 "
        "and the baseline -0.20."
    )


def test_what_lies_beyond_the_image_counts_for_no_region() -> None:
    picture = image(100, 100)
    cells = np.array([[0.5, 1.0, 0.5]], np.float32)  # the outer thirds of the map lie left and right of the image
    wide = evidence(picture, cells, extent=(0.0, -100.0, 100.0, 200.0))
    named, outside = parts(wide, picture)
    assert outside == pytest.approx(1.0)
    assert sum(share for _, share in named) == pytest.approx(1.0)
    (one,) = contributions(analysis((picture,), maps=(wide,)))
    assert "what lies beyond the image +1.00 and the baseline +0.00." in one.sentence


def test_cells_are_shared_out_by_their_area() -> None:
    picture = image(90, 90)
    named, outside = parts(evidence(picture, np.full((2, 2), 1.0, np.float32)), picture)
    assert dict(named) == pytest.approx(dict.fromkeys(PARTS, 4.0 / 9.0))
    assert outside == pytest.approx(0.0)


@pytest.mark.parametrize("shape", [(1, 1), (7, 7), (10, 4), (14, 14), (2, 31)])
@pytest.mark.parametrize("extent", [(0.0, 0.0, 64.0, 48.0), (-8.0, 0.0, 72.0, 48.0), (5.0, 5.0, 30.0, 20.0)])
def test_all_parts_and_the_baseline_add_up_to_the_logit(
    shape: tuple[int, int], extent: tuple[float, float, float, float]
) -> None:
    picture = image(64, 48)
    cells = np.random.default_rng(3).normal(0.0, 0.3, shape).astype(np.float32)
    logit = float(cells.sum(dtype=np.float64)) - 0.37
    whole = evidence(picture, cells, bias=-0.37, logit=logit, extent=extent)
    named, outside = parts(whole, picture)
    assert sum(share for _, share in named) + outside + whole.bias == pytest.approx(logit, abs=1e-6)
    (one,) = contributions(analysis((picture,), maps=(whole,)))
    assert (one.regions, one.outside, one.logit) == (named, outside, logit)


@pytest.mark.parametrize("seed", range(20))
def test_the_rounded_figures_of_the_sentence_add_up(seed: int) -> None:
    random = np.random.default_rng(seed)
    one = told(random.normal(0.3, 0.5, (7, 7)).astype(np.float32), bias=float(random.normal()))
    lead, total, *others = figures(one.sentence)
    assert lead + sum(others) == pytest.approx(total, abs=1e-9)
    assert total == pytest.approx(one.logit, abs=0.0051)


def test_of_an_absent_finding_the_region_that_speaks_most_against_it_is_named() -> None:
    one = told(grid(lower_left=-0.8, upper_right=0.3), bias=-2.0, probability=0.1)
    assert one.sentence == (
        "The lower left region of the image as displayed speaks most against it and contributes -0.80 of -2.50 "
        "logits; the other regions +0.30 and the baseline -2.00."
    )


def test_where_no_region_speaks_for_a_finding_that_is_said() -> None:
    one = told(grid(central=-0.1), bias=0.5)
    assert one.sentence.startswith("No region of the image speaks for it: all of them contribute -0.10 to a logit")
    assert one.sentence.endswith("the baseline +0.50.")


def test_where_no_region_speaks_against_an_absent_finding_that_is_said() -> None:
    one = told(grid(central=0.1), bias=-2.0, probability=0.1)
    assert one.sentence.startswith("No region of the image speaks against it: all of them contribute +0.10")


def test_an_undetermined_finding_names_what_speaks_for_it() -> None:
    one_interval = Interval(1, 1, 1)
    point = OperatingPoint(0.5, one_interval, one_interval, "", (0.3, 0.7), 0.1)
    picture = image()
    cells = grid(upper_left=0.4, central=-0.9)
    mapped = evidence(picture, cells, logit=float(cells.sum()))
    (one,) = contributions(
        analysis((picture,), manifest(spec(operating_point=point)), probabilities=(0.4,), maps=(mapped,))
    )
    assert one.sentence.startswith("The upper left region of the image as displayed contributes +0.40 to a logit of")


def test_left_and_right_are_said_to_be_those_of_the_image_only_where_they_are_named() -> None:
    assert "as displayed" not in told(grid(central=1.0)).sentence
    assert "central region of the image contributes" in told(grid(central=1.0)).sentence
    assert "as displayed" in told(grid(middle_left=1.0)).sentence


def test_the_left_of_the_image_is_its_first_column() -> None:
    cells = np.zeros((6, 6), np.float32)
    cells[0, 0] = 1.0
    assert max(told(cells).regions, key=lambda part: part[1])[0] == "upper left"


def test_in_a_series_the_key_image_is_named() -> None:
    slices = tuple(image(number=number) for number in (1, 2, 3, 4))
    (one,) = contributions(analysis(slices))
    assert one.sop_instance_uid == "1.2.3.3"
    assert one.sentence.startswith("On image 3 of 4: The ")


def test_each_finding_has_its_own() -> None:
    both = contributions(analysis(told=manifest(spec("opacity"), spec("effusion")), probabilities=(0.9, 0.1)))
    assert [one.finding for one in both] == ["opacity", "effusion"]


@pytest.mark.parametrize("changes", [{"maps": ()}, {"abstained": "too dark"}])
def test_without_a_map_or_an_answer_there_is_nothing_to_tell(changes: dict[str, object]) -> None:
    assert contributions(analysis(**changes)) == ()


def test_a_map_on_another_image_than_the_key_image_is_not_taken() -> None:
    slices = tuple(image(number=number) for number in (1, 2, 3))
    made: Analysis = analysis(slices, maps=(evidence(slices[0]),))
    (item,) = made.analysed
    assert contribution(made, item, item.prediction.findings[0]) is None
    assert contribution(made, item, Finding("opacity", 1.0, 0.9, slices[0].sop_instance_uid)) is not None


def test_a_map_that_is_not_finite_counts_as_no_evidence_there() -> None:
    picture: Image = image()
    broken: EvidenceMap = evidence(picture, np.array([[np.nan, 1.0, np.inf]], np.float32), logit=1.0)
    named, outside = parts(broken, picture)
    assert sum(share for _, share in named) == pytest.approx(1.0)
    assert outside == pytest.approx(0.0)
