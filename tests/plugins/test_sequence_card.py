from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from node.manifest import read_manifest
from radnode_kit.commands import folder_of
from radnode_kit.metrics import auroc, reliability, reliability_error
from radnode_kit.sequence.crossing import read_crossed
from radnode_kit.sequence.fitting import read_recipe
from radnode_kit.sequence.measuring import Measured, point_of
from radnode_kit.sequence.text import measured_text

FOLDER = folder_of("ct-contrast-phase")
CARD = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")


def figures(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d\.\d{3}", line)]


def measured() -> Measured:
    crossed = read_crossed(FOLDER)
    count = len(crossed.enhanced)
    return Measured(
        crossed=crossed,
        probabilities=crossed.probabilities,
        point=point_of(crossed),
        strata=[{"maker": "Siemens" if n % 2 else "GE", "field of view": "under 450 mm"} for n in range(count)],
        agents=[None, "", "ISOVUE", *[None] * (count - 3)],
        lengths=[1] * (count - 1) + [2],
        residual=1e-7,
        refused=0,
        seconds=0.02,
    )


def test_the_card_shows_the_digest_of_the_shipped_model() -> None:
    assert read_manifest(FOLDER / "manifest.toml").digest[:16] in CARD


@pytest.mark.parametrize("heading", ["Intended use", "Model", "Data", "Split", "Measured", "Shortcuts", "Limits"])
def test_the_card_states_what_a_reader_needs(heading: str) -> None:
    assert re.search(rf"^##+ .*{heading}", CARD, flags=re.M)


def test_the_operating_point_follows_from_the_kept_answers() -> None:
    stated, found = read_manifest(FOLDER / "manifest.toml").findings[0].operating_point, point_of(read_crossed(FOLDER))
    assert found.threshold == pytest.approx(stated.threshold, abs=1e-3)
    assert found.sensitivity.value == pytest.approx(stated.sensitivity.value, abs=1e-3)
    assert found.specificity.value == pytest.approx(stated.specificity.value, abs=1e-3)
    assert found.error_rate == stated.error_rate


def test_the_card_tells_the_figures_of_the_kept_answers() -> None:
    crossed = read_crossed(FOLDER)
    (row,) = re.findall(r"^\| all \|.*$", CARD, flags=re.M)
    point = read_manifest(FOLDER / "manifest.toml").findings[0].operating_point
    told = [auroc(crossed.chosen.mean, crossed.enhanced), point.sensitivity.value, point.specificity.value]
    assert figures(row)[::3] == pytest.approx(told, abs=6e-4)
    error = reliability_error(reliability(crossed.probabilities, crossed.enhanced, 5))
    assert f"calibration error {error:.3f}" in CARD


def test_every_variant_that_was_tried_is_told() -> None:
    recipe = read_recipe(FOLDER)
    names = [recipe.variant(number).name for number in range(len(recipe.variants))]
    assert list(read_crossed(FOLDER).variants) == names
    assert f"{len(names)} variants" in CARD
    assert all(f"| {name} |" in CARD for name in names)


def test_the_shipped_variant_is_better_than_chance_by_its_interval() -> None:
    area = measured().area(read_crossed(FOLDER).chosen.mean)
    assert area.low > 0.5
    assert 0.5 < area.value <= 1.0


def test_the_shipped_variant_is_the_best_of_those_that_read_slices_one_by_one() -> None:
    crossed = read_crossed(FOLDER)
    areas = {name: auroc(each.mean, crossed.enhanced) for name, each in crossed.variants.items() if "rec" not in name}
    assert max(areas, key=areas.__getitem__) == crossed.shipped


def test_the_text_is_made_of_what_was_measured() -> None:
    text = measured_text(read_manifest(FOLDER / "manifest.toml"), replace(measured(), refused=3))
    assert "Its gate refuses 3 of these" in text
    assert "| names an agent | 1 |" in text
    assert "| there, but empty | 1 |" in text
    assert "| maker | GE |" in text
    assert f"{len(measured().lengths) - 1} of the series are a single slice" in text


def test_a_band_of_doubt_is_told_in_words() -> None:
    point = replace(measured().point, undetermined=(0.4, 0.6), error_rate=0.1)
    text = measured_text(read_manifest(FOLDER / "manifest.toml"), replace(measured(), point=point))
    assert "between 0.400 and 0.600 it is undetermined" in text


def test_small_groups_get_no_row() -> None:
    some = measured()
    strata = [{**each, "maker": "Rare" if n < 3 else "GE"} for n, each in enumerate(some.strata)]
    assert "Rare" not in measured_text(read_manifest(FOLDER / "manifest.toml"), replace(some, strata=strata))


def test_no_fold_of_the_kept_answers_splits_a_patient() -> None:
    crossed = read_crossed(FOLDER)
    for folds in crossed.chosen.folds:
        for name in np.unique(crossed.patients):
            assert len(set(folds[crossed.patients == name])) == 1
