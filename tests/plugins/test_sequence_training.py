from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from pydicom.data import get_testdata_file

from node.errors import PluginError
from node.plugin import Image
from radnode_kit.metrics import auroc
from radnode_kit.sequence.bags import Bags, make_bags
from radnode_kit.sequence.cases import Case, Sequences, read_cases, sequences
from radnode_kit.sequence.crossing import (
    Crossed,
    OutOfFold,
    all_variants,
    out_of_fold,
    patient_folds,
    read_crossed,
    write_crossed,
)
from radnode_kit.sequence.fitting import RECIPE as RECIPE_FILE
from radnode_kit.sequence.fitting import Recipe, fit, read_recipe
from radnode_kit.sequence.measuring import point_of
from radnode_kit.sequence.network import LITE_FEATURES, Front
from radnode_kit.sequence.physics import EVEN, FEATURES
from radnode_kit.sequence.slices import AIR, TOP
from radnode_kit.sequence.views import Views, narrowed
from tests.plugins.phantoms import chest

RECIPE = Recipe(
    (("physics", "mean"), ("physics", "attention"), ("physics", "recurrent")),
    1,
    steps=40,
    rate=0.03,
    folds=4,
    repeats=2,
)


def case(number: int, *, enhanced: bool, patient: str, series: str = "", position: float | None = None) -> Case:
    values = chest(enhanced=enhanced, seed=number)
    image = Image(values / 4000 + 0.3, values, f"1.2.{number}", spacing=(2.0, 2.0), position=position)
    return Case(image, patient, series or f"s{number}", enhanced, None, {"maker": "A"})


def made_up_bags(patients: int = 16) -> tuple[Bags, Sequences]:
    """Features in which measure 0 tells the label, two slices for each patient."""
    rng = np.random.default_rng(0)
    enhanced = np.repeat(np.arange(patients) % 2 == 0, 2)
    features = rng.random((2 * patients, 3, FEATURES + LITE_FEATURES, 24)).astype(np.float32)
    features[:, :, EVEN] = 0.2 + 0.5 * enhanced[:, None, None] + 0.1 * features[:, :, EVEN]
    names = np.repeat([f"p{n}" for n in range(patients)], 2)
    series = Sequences([[2 * n, 2 * n + 1] for n in range(patients)], names[::2], enhanced[::2])
    return Bags(torch.from_numpy(features).half(), names, enhanced), series


def test_views_are_other_pictures_of_the_same_kind() -> None:
    canvas = torch.from_numpy(chest(enhanced=True))[None, None].repeat(4, 1, 1, 1)
    first, second = Views(3)(canvas), Views(3)(canvas)
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])
    assert first.min() >= AIR
    assert first.max() <= TOP


def test_a_narrow_field_of_view_shows_only_the_middle() -> None:
    seen = narrowed(torch.zeros(1, 1, 256, 256))[0, 0]
    assert seen[128, 128] == 0.0
    assert seen[128, 40] == AIR
    assert (seen == 0.0).sum() * 4.0 == pytest.approx(np.pi * 150.0**2, rel=0.02)


def test_a_slice_that_came_twice_is_used_once() -> None:
    one = case(1, enhanced=True, patient="a", series="s")
    assert sequences([one, one]).rows == [[0]]


def test_a_series_is_in_the_order_of_space_and_has_one_label() -> None:
    cases = [
        case(1, enhanced=True, patient="a", series="s", position=30.0),
        case(2, enhanced=True, patient="a", series="s", position=10.0),
        case(3, enhanced=False, patient="a", series="s", position=20.0),
    ]
    series = sequences(cases)
    assert series.rows == [[1, 0], [2]]
    assert series.enhanced.tolist() == [True, False]
    assert series.slices == [1, 0, 2]


def test_the_front_makes_features_of_every_view() -> None:
    bags = make_bags(Front().eval(), [case(1, enhanced=True, patient="a")], views=2, seed=1)
    assert bags.features.shape == (1, 4, FEATURES + LITE_FEATURES, 128)
    assert bags.sequence([0, 0], view=1).shape == (1, 2, FEATURES + LITE_FEATURES, 128)


def test_drawn_sequences_have_both_labels_alike_and_one_patient_each() -> None:
    bags, _ = made_up_bags()
    bags.features[:, :, 1] = torch.from_numpy(np.repeat(np.arange(16), 2)).half()[:, None, None]
    features, labels = bags.draw(np.arange(32), 10, 4, np.random.default_rng(0))
    assert labels.tolist() == [1.0, 0.0] * 5
    patients = features[:, :, 1, 0]
    assert (patients == patients[:, :1]).all()
    assert (patients[:, 0] % 2 == 0).tolist() == [label == 1.0 for label in labels]


def test_only_the_given_slices_are_drawn() -> None:
    bags, _ = made_up_bags()
    bags.features[4:] = float("nan")
    features, _ = bags.draw(np.arange(4), 8, 3, np.random.default_rng(0))
    assert not torch.isnan(features).any()


def test_the_same_seed_fits_the_same_reader() -> None:
    bags, _ = made_up_bags()
    variant = RECIPE.variant(1)
    first, second = (fit(bags, np.arange(32), variant, replace(RECIPE, steps=5), 7) for _ in range(2))
    assert torch.equal(first.linear.weight, second.linear.weight)


def test_no_patient_is_in_two_folds_and_every_fold_has_both_labels() -> None:
    patients = np.array([f"p{n // 3}" for n in range(60)])
    series = Sequences([[n] for n in range(60)], patients, np.arange(60) // 3 % 2 == 0)
    for seed in range(5):
        folds = patient_folds(series, 5, seed)
        for name in np.unique(patients):
            assert len(set(folds[patients == name])) == 1
        for fold in range(5):
            assert 0 < series.enhanced[folds == fold].sum() < (folds == fold).sum()


def test_other_seeds_make_other_folds() -> None:
    _, series = made_up_bags()
    assert patient_folds(series, 4, 1).tolist() == patient_folds(series, 4, 1).tolist()
    assert patient_folds(series, 4, 1).tolist() != patient_folds(series, 4, 2).tolist()


@pytest.mark.slow
def test_cross_validation_finds_what_is_there_with_every_pooling() -> None:
    bags, series = made_up_bags()
    for variant, answer in all_variants(bags, series, RECIPE):
        assert auroc(answer.mean, series.enhanced) > 0.95, variant.name


def test_cross_validation_finds_nothing_in_shuffled_labels() -> None:
    bags, series = made_up_bags()
    noise = replace(bags, features=torch.rand(bags.features.shape, generator=torch.Generator().manual_seed(1)).half())
    answer = out_of_fold(noise, series, RECIPE.variant(0), replace(RECIPE, steps=15))
    assert 0.15 < auroc(answer.mean, series.enhanced) < 0.85


def test_a_patient_is_also_read_as_one_sequence() -> None:
    bags, series = made_up_bags()
    apart = Sequences([[row] for row in series.slices], np.repeat(series.patients, 2), np.repeat(series.enhanced, 2))
    answer = out_of_fold(bags, apart, RECIPE.variant(1), replace(RECIPE, steps=5, repeats=1))
    assert answer.joined[0, ::2].tolist() == answer.joined[0, 1::2].tolist()
    assert answer.joined[0, 0] != answer.logits[0, 0]


def crossed(count: int = 40) -> Crossed:
    rng = np.random.default_rng(0)
    truth = np.arange(count) % 2 == 0
    logits = rng.normal(0, 1, (2, count)) + np.where(truth, 3.0, -3.0)
    answer = OutOfFold(logits, logits * 0.9, logits, np.stack([np.arange(count) % 5, np.arange(count) // 8]))
    return Crossed({"a": answer}, "a", np.array([f"p{n}" for n in range(count)]), truth)


def test_probabilities_are_calibrated_without_the_patients_own_label() -> None:
    answer, truth = crossed(), crossed().enhanced
    told = answer.probabilities
    flipped = truth.copy()
    flipped[0] = not flipped[0]
    assert replace(answer, enhanced=flipped).probabilities[0] == told[0]
    assert told[truth].min() > told[~truth].max() - 0.5
    assert ((told > 0) & (told < 1)).all()


def test_the_operating_point_is_at_one_half_and_keeps_both_errors() -> None:
    point = point_of(crossed())
    assert point.threshold == pytest.approx(0.5, abs=0.45)
    assert point.sensitivity.value > 0.9
    assert point.specificity.value > 0.9
    assert "40 series of 40 patients, 20 enhanced" in point.source


def test_the_answers_of_cross_validation_are_kept(tmp_path: Path) -> None:
    (tmp_path / "bundle" / "configs").mkdir(parents=True)
    write_crossed(tmp_path, crossed())
    again = read_crossed(tmp_path)
    assert again.chosen.logits == pytest.approx(crossed().chosen.logits, abs=1e-4)
    assert again.patients.tolist() == crossed().patients.tolist()
    assert again.enhanced.tolist() == crossed().enhanced.tolist()


def test_missing_answers_are_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="run train first"):
        read_crossed(tmp_path)


def test_a_recipe_is_read_and_a_broken_one_refused(tmp_path: Path) -> None:
    path = tmp_path / RECIPE_FILE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"variants": [["both", "attention"]], "steps": 3}))
    assert read_recipe(tmp_path).variant(0).name == "both, attention"
    path.write_text(json.dumps({"steps": 3}))
    with pytest.raises(PluginError, match="cannot be read"):
        read_recipe(tmp_path)


def test_cases_come_from_a_table_of_dicom_files(tmp_path: Path) -> None:
    folder = tmp_path / "ct_chest_tcga"
    folder.mkdir()
    source = get_testdata_file("CT_small.dcm", read=True)
    assert isinstance(source, pydicom.FileDataset)
    source.ContrastBolusAgent = "ISOVUE"
    source.save_as(folder / "a.dcm")
    row = {"file": "a.dcm", "patient": "P", "contrast": "1", "mfr": "GE MEDICAL SYSTEMS", "sex": "F", "age": "61"}
    with (folder / "labels.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, row)
        table.writeheader()
        table.writerow(row)
    (one,) = read_cases(tmp_path)
    assert (one.patient, one.enhanced, one.agent) == ("P", True, "ISOVUE")
    assert one.image.values is not None
    assert one.strata == {"maker": "GE", "sex": "F", "age": "60 and over", "field of view": "under 450 mm"}


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"DATA\.md"):
        read_cases(tmp_path)
