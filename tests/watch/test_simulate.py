"""False alarms are as rare as they are said to be, and a change is noticed."""

from __future__ import annotations

import numpy as np
import pytest

from node.config import WatchSettings
from node.plugin import Array
from node.watch.answers import Answers, answers_of, reference_of
from node.watch.observing import input_statistics
from node.watch.simulate import Change, Site, detected, false_alarms
from tests.watch.builders import observations

SETTINGS = WatchSettings(window=100, baseline=100, least=60)


def films(seed: int, exponent: float = 1.0) -> Answers:
    """Answers about pictures of noise, as through a display with that gamma."""
    generator = np.random.default_rng(seed)
    pictures: list[Array] = [
        np.clip(generator.normal(0.5, 0.15, (32, 32)) + generator.normal(0, 0.05), 0, 1).astype(np.float32)
        for _ in range(200)
    ]
    kept = [
        one.__class__(**{**vars(one), "inputs": input_statistics(picture**exponent)})
        for one, picture in zip(observations(200, seed=seed), pictures, strict=True)
    ]
    return answers_of(kept)


def test_a_change_of_gamma_is_noticed_and_none_is_not() -> None:
    before = films(1)
    assert detected(Change(before, films(2, 1.5), before), SETTINGS, 100, draws=5) == 1
    assert detected(Change(before, before, before), SETTINGS, 100, draws=5) == 0


def test_a_year_without_a_change_has_hardly_an_alarm() -> None:
    assert sum(false_alarms(films(1), SETTINGS, Site(per_day=20), years=1)) <= 2


@pytest.mark.slow
def test_false_alarms_are_rarer_than_one_a_year_with_daily_looks() -> None:
    from node.classify.catalogue import Catalogue

    manifest = Catalogue().get("chest-radiograph").manifest
    population = reference_of(manifest.folder) if manifest else None
    assert population is not None
    assert np.mean(false_alarms(population, WatchSettings(), Site(looks_per_year=365), years=10)) <= 1
